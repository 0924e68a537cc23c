"""`manage.py demo`: a house full of made-up data whose ledger, files and runs the audit finds nothing wrong with."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from accounts.models import AuditEntry, LedgerEntry, Membership, Sanction, User
from accounts.staff import first_admin
from config.demo import scenario
from gallery.models import Case, Evidence, Item
from gallery.moderation import decisions
from operations.dashboard import totals
from operations.dashboard.periods import Period
from predictions.models import Prediction, UpstreamRun
from predictions.usage import billing_days
from tests import factories

TINY = scenario.Scale(14, 60, 1, 40, 6, scenario.timedelta(hours=6))


def run(**options: Any) -> str:
    """What the command said."""
    out = io.StringIO()
    call_command("demo", small=True, stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_a_made_up_house_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario, "SMALL", TINY)
    assert "None of it is real" in run()
    out = io.StringIO()
    call_command("audit", stdout=out)
    assert "Everything adds up" in out.getvalue()
    assert Prediction.objects.count() > 30 and Item.objects.count() > 30 and UpstreamRun.objects.exists()
    assert Case.objects.filter(decided_at__isnull=True).exists()
    assert Case.objects.filter(decided_at__isnull=False).exists()
    assert (
        Sanction.objects.filter(kind="ban").exists() and Evidence.objects.filter(sealing_owed=False).exists()
    )
    assert Membership.objects.filter(account__kind="organization").count() > 2
    # The record tells a month in its order, and holds; nobody acts before there was anybody.
    times = list(AuditEntry.objects.order_by("number").values_list("at", flat=True))
    assert times == sorted(times) and times[-1] - times[0] > timedelta(days=20)
    for case in Case.objects.filter(decided_at__isnull=False):
        assert case.decided_at is not None and case.opened_at <= case.decided_at
    # A wish that waits can be granted as it is.
    review = Case.objects.filter(kind="review", decided_at__isnull=True).first()
    if review is not None:
        ada = User.objects.get(username="ada.moderates")
        assert decisions.decide(review.pk, ada, decisions.Verdict("publish")).done["published"]
    # What the desk sums up of days is what the ledger has.
    today = billing_days.today()
    period = Period("dates", today - billing_days.today().resolution * 40, today, today)
    captured = LedgerEntry.objects.aggregate(s=Sum("captured"))["s"]
    assert totals.credits_of(period).total["spent"] == captured
    assert not any(user.has_usable_password() for user in User.objects.all())


@pytest.mark.django_db
def test_it_refuses_where_there_are_members(alice: User) -> None:
    with pytest.raises(CommandError, match="nothing was made"):
        run()
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_a_house_that_has_just_been_started_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario, "make", lambda **options: {"members": 3})
    assert first_admin.create() is not None
    assert "Made up: 3 members" in run()
    factories.make_prediction(User.objects.get())
    with pytest.raises(CommandError, match="nothing was made"):
        run()


@pytest.mark.django_db
@pytest.mark.parametrize("months", [0, -3, 25])
def test_it_refuses_times_that_make_no_sense(months: int) -> None:
    factories.make_staff()
    with pytest.raises(CommandError, match="Nothing was made"):
        run(months=months)
