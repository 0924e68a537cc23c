"""A row that breaks a background job blocks none of those behind it, nor does it keep the job busy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F

from accounts import credits
from accounts.credits import allowances
from accounts.models import MICRO, Account, Notice, Plan, Sanction, User
from accounts.notifications import low_balance
from accounts.site import site_rules
from accounts.staff import groups, sanctions
from core.clock import after
from gallery.library import lifetime, trash
from gallery.models import Case, Evidence, Export, Item, Report
from gallery.moderation import case_jobs, cases, evidence, upload_cases
from gallery.moderation.effects import ban_effects, bulk_hide, takedown
from gallery.privacy import exports
from predictions import lifecycle
from predictions.files import media
from predictions.lifecycle import bans
from predictions.models import Phase, Prediction, RuleHit, Version
from tests import factories
from tests.support.picture_items import picture_item

pytestmark = pytest.mark.django_db(transaction=True)
TURNS = 20


class Broken(Exception):
    """What nobody expected."""


def turns(step: Callable[[], bool]) -> None:
    """Turns as the sweep gives them, until there is nothing more to do: what breaks has its next turn later."""
    for _turn in range(TURNS):
        with contextlib.suppress(Broken):
            if not step():
                return


def breaks(patch: pytest.MonkeyPatch, owner: Any, name: str, on: Callable[..., bool]) -> None:
    """Calls of that function break where `on` says so of what they are given."""
    real = getattr(owner, name)

    def broken(*given: Any, **more: Any) -> Any:
        if on(*given):
            raise Broken
        return real(*given, **more)

    patch.setattr(owner, name, broken)


@pytest.fixture
def moderator(db: None) -> User:
    groups.sync()
    return factories.make_staff("mod")


@pytest.fixture
def people(db: None) -> list[User]:
    return [factories.make_user(name, credit=10) for name in ("first", "second", "third")]


def test_allowances_are_given_to_all_others(people: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [factories.account_of(user) for user in people]
    plan = Plan.objects.create(name="plan", allowance=5, allowance_every=Plan.Every.DAY)
    for account in accounts:
        credits.set_plan(account, plan)
    Account.objects.update(allowance_until=None, allowance_period="", balance=F("balance"))
    breaks(
        monkeypatch, allowances, "_schedule_next_check", lambda account, *_rest: account.pk == accounts[0].pk
    )
    turns(allowances.run_once)
    assert set(allowances.due()) == {accounts[0]}


def test_all_others_are_told_that_credits_run_low(
    people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    site_rules.change(low_balance=5 * MICRO)
    low_balance.restart_scan()
    for user in people:
        with transaction.atomic():
            credits.hold(user.account_id or 0, 8 * MICRO, f"job-{user.pk}")
    breaks(monkeypatch, low_balance.notices, "notify", lambda user, *_rest: user == people[0])
    turns(low_balance.run_once)
    assert {notice.user for notice in Notice.objects.filter(kind=low_balance.KIND)} == set(people[1:])


@pytest.mark.parametrize("what", ["deed", "ban"])
def test_pictures_of_all_other_members_are_hidden(
    people: list[User], moderator: User, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    items = [picture_item(user, "picture", visibility="public") for user in people]
    for user in people:
        if what == "deed":
            bulk_hide.hide_all(user, moderator, "spam")
        else:
            sanctions.ban(user, moderator, "spam", hide_public=True)
    module = bulk_hide if what == "deed" else ban_effects
    breaks(monkeypatch, module.visibility, "propagate", lambda ids: items[0].pk in ids)
    turns(module.run_once)
    assert set(Item.objects.filter(hidden_at__isnull=True)) == {items[0]}


def test_work_of_all_others_who_are_banned_ends(
    people: list[User], moderator: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [factories.make_prediction(user, version) for user in people]
    for user in people:
        sanctions.ban(user, moderator, "spam")
    breaks(monkeypatch, lifecycle, "cancel", lambda public_id: public_id == made[0].public_id)
    turns(bans.run_once)
    assert set(Prediction.objects.exclude(phase=Phase.ENDED)) == {made[0]}
    assert Sanction.objects.filter(work_owed=True).exists()


def test_all_other_findings_become_cases(people: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    items = [factories.make_item(user) for user in people]
    for item in items:
        RuleHit.objects.create(
            what="output", source="rules", action="review", account_id=item.account_id, user=item.user,
            prediction=item.output.prediction.public_id, output_index=item.output.index, case_owed=True,
        )  # fmt: skip
    breaks(monkeypatch, cases, "flag", lambda item: item == items[0])
    turns(case_jobs.open_for_findings)
    assert set(Case.objects.values_list("item", flat=True)) == {item.pk for item in items[1:]}


def test_all_other_reports_become_cases(people: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    reports = [
        Report.objects.create(item=picture_item(user, "one", visibility="public"), reason="other")
        for user in people
    ]
    breaks(monkeypatch, cases, "join", lambda report: report == reports[0])
    turns(case_jobs.open_for_reports)
    assert set(Report.objects.filter(case__isnull=True)) == {reports[0]}


def test_all_other_evidence_is_sealed_and_forgotten_in_time(
    people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "_stuck", {})
    rows = [takedown.remove(factories.make_item(user), None, "so") for user in people]
    first, *others = [row.pk for row in rows if row is not None]
    with monkeypatch.context() as patch:
        breaks(patch, evidence, "seal", lambda row: row.pk == first)
        turns(evidence.run_once)
    assert set(Evidence.objects.filter(sealing_owed=True)) == {Evidence.objects.get(pk=first)}
    Evidence.objects.update(sealed_until=after(-60), sealing_owed=False)
    breaks(monkeypatch, evidence.audit_log, "write", lambda _by, _what, row: row.pk == first)
    turns(evidence.delete_expired)
    assert set(Evidence.objects.filter(gone_at__isnull=True)) == {Evidence.objects.get(pk=first)}
    assert len(others) == 2


def test_what_all_other_decided_files_look_like_is_forgotten(
    people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        Case.objects.create(
            kind=Case.Kind.FLAG, user=user, account=factories.account_of(user), about="a file",
            look=factories.make_stored_file(), decision=Case.Decision.ALLOW, decided_at=after(-86400),
        )
        for user in people
    ]  # fmt: skip
    lost = rows[0].look_id
    breaks(monkeypatch, media, "doom", lambda files: lost in [file.pk for file in files])
    turns(upload_cases.delete_old_thumbnails)
    assert set(Case.objects.filter(look__isnull=False)) == {rows[0]}


def test_old_pictures_of_all_others_leave(people: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    for user in people:
        item = picture_item(user, "old")
        Item.objects.filter(pk=item.pk).update(created_at=after(-40 * 86400))
        lifetime.set_days(user, 7)
    account = factories.account_of(people[0])
    breaks(monkeypatch, trash, "move_ids", lambda moved, _ids: moved == account)
    turns(lifetime.run_once)
    assert set(Item.objects.filter(trashed_at__isnull=True).values_list("user", flat=True)) == {people[0].pk}


def test_all_other_old_exports_are_removed(people: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        Export.objects.create(
            user=user, account=factories.account_of(user), state=Export.State.READY, expires_at=after(-1),
            file=factories.make_stored_file(),
        )
        for user in people
    ]  # fmt: skip
    breaks(monkeypatch, exports, "remove", lambda export: export == rows[1])
    turns(exports.run_once)
    assert set(Export.objects.filter(state=Export.State.READY)) == {rows[1]}


def test_a_row_that_breaks_leaves_the_job_idle(people: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    account = factories.account_of(people[0])
    credits.set_plan(account, Plan.objects.create(name="plan", allowance=5, allowance_every=Plan.Every.DAY))
    Account.objects.update(allowance_until=None)
    breaks(monkeypatch, allowances, "_schedule_next_check", lambda *_all: True)
    assert not allowances.run_once() and set(allowances.due()) == {account}
