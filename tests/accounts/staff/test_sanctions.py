"""Warnings, mutes and bans: their immediate effects, who is exempt, and that lifting restores the state before."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from operator import itemgetter
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts import credits
from accounts.models import MICRO, Account, AuditEntry, Notice, Sanction, User
from accounts.staff import sanctions
from accounts.tokens import api_tokens
from core.jobs import scheduler
from predictions.lifecycle import bans
from predictions.models import Delivery, Phase, Prediction, Status, Version
from tests import factories
from tests.runner.sampling import one_in_each

ClientOf = Callable[[User], Client]


@pytest.fixture
def moderator(db: None) -> User:
    made = factories.make_user("mod", is_staff=True)
    made.user_permissions.set(Permission.objects.filter(codename="add_sanction"))
    return made


def fresh(user: User) -> User:
    return User.objects.select_related("account").get(pk=user.pk)


def test_a_warning_is_counted_told_and_changes_nothing_else(alice: User, moderator: User) -> None:
    row = sanctions.warn(alice, moderator, "Be kind.", case=7)
    assert sanctions.warnings(alice) == 1 and sanctions.in_force(alice) == []
    assert fresh(alice).is_active and not sanctions.is_muted(alice.pk)
    notice = Notice.objects.get(user=alice)
    assert (notice.kind, notice.params, notice.mail_owed) == (
        "sanction.warning",
        {"reason": "Be kind."},
        True,
    )
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason, entry.case, entry.account_id) == (
        "user.warn", "Be kind.", 7, alice.account_id,
    )  # fmt: skip
    assert sanctions.lift(row, moderator, "Mistaken.") and not sanctions.lift(row, moderator, "Again.")
    assert sanctions.warnings(alice) == 0


def test_a_ban_closes_user_account_tokens_and_sessions_in_one_step(
    alice: User, moderator: User, client_of: ClientOf
) -> None:
    token, hers = api_tokens.issue(alice, "t")[1], client_of(alice)
    assert hers.get("/account/").status_code == 200
    sanctions.ban(alice, moderator, "Spam.")
    assert hers.get("/account/").status_code == 302
    for address in ("/v1/account", "/replicate/v1/account", "/openai/v1/models", "/api/me"):
        answer = Client().get(address, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 403, address
    assert fresh(alice).account.status == Account.Status.SUSPENDED
    assert AuditEntry.objects.get().action == "user.ban"


def test_lifting_restores_tokens_and_account_but_no_session(
    alice: User, moderator: User, client_of: ClientOf
) -> None:
    token, hers = api_tokens.issue(alice, "t")[1], client_of(alice)
    row = sanctions.ban(alice, moderator, "Spam.")
    sanctions.lift(row, moderator, "A mistake.")
    assert fresh(alice).account.status == Account.Status.ACTIVE
    assert Client().get("/api/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert hers.get("/account/").status_code == 302
    assert client_of(fresh(alice)).get("/account/").status_code == 200
    assert [one.kind for one in Notice.objects.order_by("id")] == ["sanction.ban", "sanction.ban_lifted"]


@pytest.mark.parametrize("status", [Account.Status.SUSPENDED, Account.Status.CLOSING])
def test_what_was_closed_before_the_ban_stays_closed_after_it(
    alice: User, moderator: User, status: str
) -> None:
    Account.objects.filter(pk=alice.account_id).update(status=status)
    sanctions.lift(sanctions.ban(alice, moderator, "Spam."), moderator, "A mistake.")
    assert fresh(alice).account.status == status


def test_what_was_closed_during_the_ban_stays_closed_after_it(alice: User, moderator: User) -> None:
    row = sanctions.ban(alice, moderator, "Spam.")
    Account.objects.filter(pk=alice.account_id).update(status=Account.Status.CLOSING)
    User.objects.filter(pk=alice.pk).update(erased_at=timezone.now())
    sanctions.lift(row, moderator, "A mistake.")
    assert fresh(alice).account.status == Account.Status.CLOSING and not fresh(alice).is_active


def test_nobody_is_banned_twice(alice: User, moderator: User) -> None:
    sanctions.ban(alice, moderator, "Spam.")
    with pytest.raises(sanctions.Already):
        sanctions.ban(alice, moderator, "Spam again.")
    assert Sanction.objects.count() == AuditEntry.objects.count() == 1


WHO = ("oneself", "another moderator", "an administrator", "by a member", "without the right")


@pytest.mark.parametrize(
    ("who", "deed"),
    one_in_each(3, itertools.product(WHO, ("warn", "mute", "ban", "lift", "unban")), itemgetter(0)),
)
def test_a_moderator_cannot_sanction(alice: User, moderator: User, deed: str, who: str) -> None:
    by, target = moderator, alice
    if who == "oneself":
        target = moderator
    elif who == "another moderator":
        target = factories.make_user("other", is_staff=True)
    elif who == "an administrator":
        target = factories.make_staff("root")
    elif who == "by a member":
        by = factories.make_user("bob")
    else:
        by = factories.make_user("reader", is_staff=True)
    boss = factories.make_staff("boss")
    set_by = boss if target != boss else None
    row = sanctions.warn(target, set_by, "Before.") if deed == "lift" else None
    count = AuditEntry.objects.count()
    with pytest.raises(sanctions.NotAllowed):
        match deed:
            case "warn":
                sanctions.warn(target, by, "r")
            case "mute":
                sanctions.mute(target, by, None, "r")
            case "ban":
                sanctions.ban(target, by, "r")
            case "lift":
                assert row is not None
                sanctions.lift(row, by, "r")
            case _:
                sanctions.unban(target, by, "r")
    assert fresh(target).is_active and AuditEntry.objects.count() == count


def test_an_administrator_may_ban_staff_but_not_oneself(staff: User, moderator: User) -> None:
    sanctions.ban(moderator, staff, "Left us.")
    assert not fresh(moderator).is_active
    with pytest.raises(sanctions.NotAllowed):
        sanctions.ban(staff, staff, "Oops.")


@pytest.mark.parametrize("reason", ["", "  ", "\x00"])
def test_every_sanction_has_a_reason(alice: User, moderator: User, reason: str) -> None:
    with pytest.raises(ValueError):
        sanctions.ban(alice, moderator, reason)
    assert fresh(alice).is_active and not Sanction.objects.exists() and not AuditEntry.objects.exists()


def test_the_end_of_a_sanction_lies_ahead(alice: User, moderator: User) -> None:
    with pytest.raises(ValueError):
        sanctions.ban(alice, moderator, "r", until=timezone.now() - timedelta(seconds=1))
    assert fresh(alice).is_active and not Sanction.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_end_that_cannot_be_lifted_stands_before_no_other(
    alice: User, bob: User, moderator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in (alice, bob):
        sanctions.ban(user, moderator, "A week off.", until=timezone.now() + timedelta(days=7))
    Sanction.objects.update(until=timezone.now() - timedelta(seconds=1))
    lift = sanctions.lift

    def breaks(row: Sanction, *args: Any) -> bool:
        if row.user_id == alice.pk:
            raise RuntimeError("out of order")
        return lift(row, *args)

    monkeypatch.setattr(sanctions, "lift", breaks)
    sanctions.lift_ended()
    assert fresh(bob).is_active and not fresh(alice).is_active


def test_a_ban_with_an_end_lifts_itself(alice: User, moderator: User) -> None:
    row = sanctions.ban(alice, moderator, "A week off.", until=timezone.now() + timedelta(days=7))
    sanctions.lift_ended()
    assert not fresh(alice).is_active
    Sanction.objects.filter(pk=row.pk).update(until=timezone.now() - timedelta(seconds=1))
    assert not sanctions.lift_ended()
    assert fresh(alice).is_active and fresh(alice).account.status == Account.Status.ACTIVE
    entry = AuditEntry.objects.order_by("-number")[0]
    assert (entry.action, entry.actor) == ("user.unban", None)


def test_of_two_mutes_the_longer_counts_until_it_is_lifted(alice: User, moderator: User) -> None:
    soon = timezone.now() + timedelta(hours=1)
    short = sanctions.mute(alice, moderator, soon, "Calm down.")
    long = sanctions.mute(alice, moderator, None, "Again.")
    assert fresh(alice).muted_until == sanctions.FOR_EVER
    sanctions.lift(long, moderator, "Fine.")
    assert fresh(alice).muted_until == soon and sanctions.is_muted(alice.pk)
    sanctions.lift(short, moderator, "Fine.")
    assert fresh(alice).muted_until is None and not sanctions.is_muted(alice.pk)


def test_consequences_are_what_a_ban_then_ends(alice: User, moderator: User, version: Version) -> None:
    api_tokens.issue(alice, "one")
    factories.make_prediction(alice, version, ceiling=2 * MICRO)
    running = factories.make_prediction(
        alice, version, ceiling=3 * MICRO, phase=Phase.RUNNING, status="processing"
    )
    Delivery.objects.create(account_id=alice.account_id, prediction=running, event="start")
    consequences = sanctions.consequences(fresh(alice))
    assert {name: consequences[name] for name in ("tokens", "waiting", "running", "webhooks", "held_micro")} == {
        "tokens": 1, "waiting": 1, "running": 1, "webhooks": 1, "held_micro": 5 * MICRO,
    }  # fmt: skip
    sanctions.ban(alice, moderator, "Spam.")
    assert Delivery.objects.get().state == "dropped"
    while bans.run_once():
        pass
    assert {one.shown_status for one in Prediction.objects.all()} == {"canceled"}
    account = factories.account_of(alice)
    assert (account.balance, account.held) == (100 * MICRO, 0)


def test_of_many_who_are_banned_at_once_none_waits_until_the_first_are_quiet(
    moderator: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bans, "_BATCH", 2)
    for number in range(5):
        user = factories.make_user(f"spammer{number}")
        factories.make_prediction(user, version)
        sanctions.ban(user, moderator, "Spam.")
    for _turn in range(3):
        bans.run_once()
    assert {one.shown_status for one in Prediction.objects.all()} == {"canceled"}


def test_work_that_was_accepted_in_the_same_instant_ends_too(
    alice: User, moderator: User, version: Version
) -> None:
    # For an organisation, whose account stays open: no lock of the ban's held this up.
    shared = Account.objects.create(name="Studio", kind=Account.Kind.ORGANIZATION)
    User.objects.filter(pk=alice.pk).update(account=shared)
    alice = fresh(alice)
    row = sanctions.ban(alice, moderator, "Spam.")
    assert not bans.run_once()
    late = factories.make_prediction(alice, version)
    assert bans.run_once() and not bans.run_once()
    assert Prediction.objects.get(pk=late.pk).shown_status == "canceled"
    assert Sanction.objects.get(pk=row.pk).work_owed
    Sanction.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(seconds=bans.QUIET_S + 1))
    bans.run_once()
    assert not Sanction.objects.get(pk=row.pk).work_owed


def test_an_organisation_goes_on_without_the_one_who_is_banned(
    alice: User, bob: User, moderator: User, version: Version
) -> None:
    shared = Account.objects.create(name="Studio", kind=Account.Kind.ORGANIZATION)
    alice.memberships.create(account=shared)
    bob.memberships.create(account=shared)
    users = User.objects.filter(pk__in=[alice.pk, bob.pk])
    users.update(account=shared)
    hers, his = (factories.make_prediction(fresh(one), version) for one in (alice, bob))
    sanctions.ban(fresh(alice), moderator, "Spam.")
    while bans.run_once():
        pass
    assert Account.objects.get(pk=shared.pk).status == Account.Status.ACTIVE
    assert Prediction.objects.get(pk=hers.pk).shown_status == "canceled"
    assert Prediction.objects.get(pk=his.pk).status == Status.STARTING


def test_no_webhook_is_owed_or_sent_once_one_is_banned(
    alice: User, moderator: User, version: Version
) -> None:
    from predictions.webhooks import delivery_claims

    running = factories.make_prediction(
        alice, version, webhook="https://example.org/hook", webhook_events=["completed"]
    )
    sanctions.ban(alice, moderator, "Spam.")
    # As if it had been written by a transaction that began before the ban.
    Delivery.objects.create(account_id=alice.account_id, prediction=running, event="start")
    assert delivery_claims.claim_due() == []
    while bans.run_once():
        pass
    assert {one.state for one in Delivery.objects.all()} == {"dropped"}
    assert not Delivery.objects.filter(event="completed").exists()


def test_the_banned_ones_work_is_refused_where_it_enters(
    alice: User, moderator: User, version: Version
) -> None:
    sanctions.ban(alice, moderator, "Spam.")
    with pytest.raises(credits.AccountClosed), transaction.atomic():
        credits.hold(alice.account_id, MICRO, "new")
    assert factories.account_of(alice).held == 0


def test_the_chores_know_of_it(alice: User, moderator: User, version: Version) -> None:
    factories.make_prediction(alice, version)
    sanctions.ban(alice, moderator, "Spam.")
    assert {"banned", "sanctions"} <= set(scheduler._jobs)
