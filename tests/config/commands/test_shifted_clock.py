"""The demo's clock: times written, compared and defaulted are those of the moment that was set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from accounts import credits
from accounts.models import Account, LedgerEntry
from config.demo.shifted_clock import ShiftedClock
from core.clock import Now
from tests import factories

AT = datetime(2021, 3, 4, 5, 6, 7, 891000, tzinfo=UTC)
MOMENT = timedelta(seconds=0.01)


def shifted(at: datetime) -> bool:
    return abs(at - AT) < MOMENT


@pytest.mark.django_db(transaction=True)
def test_everything_done_under_it_takes_place_at_its_moment() -> None:
    user = factories.make_user("ada")
    with ShiftedClock().running(AT):
        account = Account.objects.create(name="past")
        assert shifted(timezone.now())
        entry = credits.grant(account, 5_000_000)
        with transaction.atomic():
            credits.hold(account.pk, 1_000_000, "held", member=user)
    assert shifted(Account.objects.get(pk=account.pk).created_at) and shifted(entry.created_at)
    assert shifted(LedgerEntry.objects.get(reference="held").created_at)
    assert Account.objects.filter(created_at__lt=Now() - timedelta(days=300)).count() == 1


@pytest.mark.django_db(transaction=True)
def test_it_may_go_back_and_leaves_the_clocks_as_they_were() -> None:
    clock = ShiftedClock()
    with clock.running(AT + timedelta(days=1)):
        clock.set(AT)
        past = Account.objects.create(name="past")
        assert not Account.objects.filter(pk=past.pk, created_at__gt=Now() + MOMENT).exists()
    for made in (past, Account.objects.create(name="present")):
        made.refresh_from_db()
    assert shifted(past.created_at)
    assert datetime.now(UTC) - made.created_at < timedelta(minutes=1)
    assert datetime.now(UTC) - timezone.now() < timedelta(minutes=1)
    assert Account.objects.filter(created_at__lt=Now() - timedelta(days=300)).count() == 1
