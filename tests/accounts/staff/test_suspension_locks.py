"""Whoever changes an organisation and its owners takes the organisation's row first: nobody waits in a circle."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from accounts.models import Account, Membership, Notice, User
from accounts.organizations import management
from accounts.staff import suspensions
from gallery.privacy import closure
from tests import factories
from tests.support.races import Beside

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="one writer at a time cannot wait in a circle"
    ),
]


def test_an_organisation_is_suspended_while_an_owner_leaves_it(staff: User, alice: User, bob: User) -> None:
    club = management.create(alice, "Studio Nord")
    management.act_for(alice, club.pk)
    with transaction.atomic():
        # As far as leaving is when it has asked whether another owner stays …
        Account.objects.select_for_update().get(pk=club.pk)
        meanwhile = Beside(suspensions.suspend, club, by=staff, reason="unpaid")
        meanwhile.start()
        meanwhile.waits()
        # … and the rest of it.
        User.objects.filter(pk=alice.pk, account=club).update(account=management.personal_account_of(alice))
    meanwhile.end()
    assert Account.objects.get(pk=club.pk).status == "suspended"


def test_a_member_asks_to_go_while_they_are_told_of_their_credits(alice: User) -> None:
    account = factories.account_of(alice)
    with transaction.atomic():
        # A grant has the account's row …
        Account.objects.select_for_update().get(pk=account.pk)
        meanwhile = Beside(closure.request_closure, alice)
        meanwhile.start()
        meanwhile.waits()
        # … and then notifies its owner.
        Notice.objects.create(user=alice, kind="credits.granted")
    meanwhile.end()
    assert Account.objects.get(pk=account.pk).status == "closing"


def test_a_member_is_removed_while_they_turn_to_the_organisation(alice: User, bob: User) -> None:
    club = management.create(alice, "Studio Nord")
    theirs = Membership.objects.create(account=club, user=bob, role=Membership.Role.MEMBER)
    with transaction.atomic():
        # As far as turning to it is when it has asked whether they are a member …
        Membership.objects.select_for_update().get(pk=theirs.pk)
        meanwhile = Beside(management.remove, club, bob, by=alice)
        meanwhile.start()
        meanwhile.waits()
        # … and the rest of it.
        User.objects.filter(pk=bob.pk).update(account=club)
    meanwhile.end()
    assert not Membership.objects.filter(account=club, user=bob).exists()
    assert User.objects.get(pk=bob.pk).account_id != club.pk


def test_a_member_is_removed_while_a_request_names_the_organisation(alice: User, bob: User) -> None:
    club = management.create(alice, "Studio Nord")
    Membership.objects.create(account=club, user=bob, role=Membership.Role.MEMBER)
    with transaction.atomic():
        # It pays at its end: whoever waited for it with the account locked would be waited for then.
        Membership.objects.create(account=club, user=factories.make_user("dora"), role=Membership.Role.MEMBER)
        meanwhile = Beside(management.remove, club, bob, by=alice)
        meanwhile.start()
        meanwhile.end()
    assert not Membership.objects.filter(account=club, user=bob).exists()
