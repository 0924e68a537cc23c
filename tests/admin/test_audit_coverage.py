"""Every form and action of the admin, run by each level of staff: each change is in the audit log, written last.

The table says how each is done. One that a ModelAdmin has and that is missing here fails the first test; one that
changes a row without an entry in the audit log, or that writes a row behind it, fails the second. In one run a
share of them is done, each by some of the levels.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from accounts.billing import redeem_codes
from accounts.models import (
    MICRO,
    Account,
    ApiToken,
    AuditEntry,
    CodeBatch,
    CreditPack,
    Gift,
    Invitation,
    LedgerEntry,
    Plan,
    Purchase,
    RedeemCode,
    Redemption,
    Sanction,
    User,
)
from accounts.staff import groups as levels
from accounts.staff import sanctions
from gallery.models import Collection, Comment, Evidence, Item, Report, ShareLink
from gallery.moderation import decisions
from gallery.social import abuse_reports, discussion
from predictions.models import (
    BlockedPicture,
    Classifier,
    Deployment,
    HostedModel,
    Prediction,
    Price,
    PromptRule,
    Upstream,
    UpstreamKey,
    UpstreamRoute,
    UpstreamRun,
    Version,
)
from tests import factories
from tests.admin.test_model_admins import fill
from tests.runner.sampling import one_in
from tests.support.audit_writes import recorded_writes

ClientOf = Callable[[User], Client]
Given = dict[str, Any]
REASON = {"reason": "Because it must be."}
BOSS, OPERATOR, MODERATOR = "boss", "operator", "moderator"


@dataclass(frozen=True)
class Act:
    """How something is done. `by`: which levels of staff it changes something for; administrators always."""

    by: tuple[str, ...] = ()
    given: Given = field(default_factory=dict)
    """What is filled in on its page, beside the reason."""
    row: Callable[[Any], Model | None] | None = None
    """Makes the row that it is done to; else the newest one."""
    reads: bool = False
    """It changes nothing."""


def another_user(_newest: Model | None) -> User:
    return factories.make_user("walked", email="walked@example.org")


def address(_newest: Model | None) -> EmailAddress:
    return EmailAddress.objects.create(user=another_user(None), email="other@example.org")


def suspended(account: Any) -> Account:
    Account.objects.filter(pk=account.pk).update(status=Account.Status.SUSPENDED)
    return Account.objects.get(pk=account.pk)


def hidden(thing: Any) -> Any:
    decisions.hide_directly([thing], factories.make_staff("hider"), "spam")
    return type(thing).objects.get(pk=thing.pk)


def reported(collection: Any) -> Any:
    abuse_reports.report(collection, abuse_reports.Reporter(factories.make_user()), "hate")
    return collection


def a_comment(_newest: Model | None) -> Comment:
    return discussion.write(Item.objects.get(visibility="public"), another_user(None), "Rude words")


def open_report(_newest: Model) -> Report:
    reported(Item.objects.order_by("pk").first())
    return Report.objects.order_by("pk").last()  # type: ignore[return-value]


def muted(_newest: Model) -> User:
    user = another_user(_newest)
    sanctions.mute(user, None, None, "spam")
    return user


def banned(_newest: Model) -> User:
    user = another_user(_newest)
    sanctions.ban(user, None, "spam")
    return user


def with_second_factor(_newest: Model) -> User:
    user = another_user(_newest)
    Authenticator.objects.create(user=user, type="totp", data={"secret": ""})
    return user


def unused_batch(_newest: Model) -> CodeBatch:
    return redeem_codes.create_batch(name="walked", credits=MICRO, count=2, by=None)[0]


def unused_code(_newest: Model) -> RedeemCode | None:
    return RedeemCode.objects.filter(batch=unused_batch(_newest)).first()


def owed(purchase: Any) -> Purchase:
    Purchase.objects.filter(pk=purchase.pk).update(owed=500, status=Purchase.Status.PAID)
    return Purchase.objects.get(pk=purchase.pk)


def lost(run: Any) -> UpstreamRun:
    UpstreamRun.objects.filter(pk=run.pk).update(outcome=UpstreamRun.Outcome.LOST)
    return UpstreamRun.objects.get(pk=run.pk)


def resting(_row: Any) -> UpstreamKey:
    UpstreamKey.objects.update(state="open", open_until=timezone.now() + timedelta(hours=1))
    return UpstreamKey.objects.order_by("pk").last()  # type: ignore[return-value]


def resting_at(_row: Any) -> Upstream:
    return resting(_row).upstream


def an_account(_newest: Model | None) -> Account:
    return factories.account_of(another_user(None))


def paused(upstream: Any) -> Upstream:
    Upstream.objects.filter(pk=upstream.pk).update(paused=True)
    return Upstream.objects.get(pk=upstream.pk)


OPS, MODS, BOTH = (OPERATOR,), (MODERATOR,), (OPERATOR, MODERATOR)
TABLE: dict[type[Model], dict[str, Act]] = {
    EmailAddress: {
        "add": Act(given={"user": "{user}", "email": "new@example.org"}),
        "change": Act(given={"verified": "on"}, row=address),
    },
    Account: {
        "change": Act(OPS, {"in_flight_limit": "7"}), "suspend": Act(OPS, REASON, an_account),
        "grant_credits": Act(OPS, {"amount": "5", **REASON}, an_account),
        "adjust_credits": Act(OPS, {"amount": "5", **REASON}, an_account),
        "reopen": Act(OPS, REASON, lambda row: suspended(an_account(row))),
    },
    ApiToken: {"revoke": Act()},
    AuditEntry: {"download": Act(reads=True)},
    CodeBatch: {
        "add": Act(OPS, {"name": "summer", "worth": "5", "count": "2", "uses": "1", **REASON}),
        "revoke_batch": Act(OPS, REASON, unused_batch),
    },
    CreditPack: {
        "add": Act(OPS, {"name": "Large", "worth": "100", "cost": "9"}), "change": Act(OPS, {"name": "Larger"}),
    },
    Gift: {"download_csv": Act(reads=True)},
    Invitation: {"add": Act(OPS, {"emails": "", "count": "2", "uses": "1"}), "revoke": Act(OPS, REASON)},
    LedgerEntry: {"download_csv": Act(reads=True)},
    Plan: {"add": Act(OPS, {"name": "walked"}), "change": Act(OPS, {"in_flight_limit": "9"})},
    Purchase: {
        "pay_back": Act(reads=True), "paid_otherwise": Act(OPS, REASON, owed), "download_csv": Act(reads=True),
    },
    RedeemCode: {"revoke_code": Act(OPS, REASON, unused_code)},
    Redemption: {"download_csv": Act(reads=True)},
    Sanction: {"lift": Act(BOTH, REASON)},
    User: {
        "add": Act(given={"username": "fresh", "password1": "a long phrase 7", "password2": "a long phrase 7",
                          "usable_password": "true"}),
        "change": Act(given={"display_name": "Walked"}, row=another_user),
        "warn": Act(BOTH, REASON, another_user), "mute": Act(BOTH, REASON, another_user),
        "unmute": Act(BOTH, REASON, muted), "ban": Act(BOTH, REASON, another_user),
        "unban": Act(BOTH, REASON, banned), "end_sessions": Act(given=REASON, row=another_user),
        "remove_second_factor": Act(given=REASON, row=with_second_factor),
    },
    Group: {
        "add": Act(given={"name": "Helpers"}), "change": Act(given={"name": "Others"}), "delete": Act(),
        "delete_selected": Act(),
    },
    Collection: {
        "hide": Act(BOTH, REASON), "restore": Act(BOTH, row=hidden), "close_reports": Act(BOTH, row=reported),
    },
    Comment: {"hide": Act(BOTH, row=a_comment), "restore": Act(BOTH, row=lambda row: hidden(a_comment(row)))},
    Evidence: {"open_sealed": Act(OPS, REASON)},
    Item: {"hide": Act(BOTH, REASON), "restore": Act(BOTH, row=hidden)},
    Report: {"close": Act(BOTH, row=open_report)},
    ShareLink: {"withdraw": Act(BOTH)},
    BlockedPicture: {"lift": Act(OPS, REASON)},
    Classifier: {
        "add": Act(OPS, {"name": "judge", "target": "https://judge.example/", "kind": "webhook"}),
        "change": Act(OPS, {"timeout": "7"}), "try_it": Act(reads=True),
    },
    Deployment: {
        "add": Act(OPS, {"owner": "house", "name": "walked", "version": "{version}", "input": "{}"}),
        "change": Act(OPS, {"name": "renamed"}),
    },
    HostedModel: {"change": Act(OPS, {"description": "Walked."}), "bring_in": Act(reads=True)},
    Prediction: {"cancel": Act(OPS, row=lambda _row: factories.make_prediction(factories.make_user()))},
    Price: {"add": Act(OPS, {"model": "{model}", "unit": "run", "credits": "3", "source": "https://example.org/"})},
    PromptRule: {
        "add": Act(OPS, {"name": "no axes", "text": "axe"}), "change": Act(OPS, {"text": "axe"}),
        "try_rule": Act(reads=True), "try_rules": Act(reads=True),
    },
    Upstream: {
        "add": Act(OPS, {
            "name": "walked", "url": "https://walked.example/v1", "keys-0-label": "one", "keys-0-new_secret": "s" * 30,
        }), "change": Act(OPS, {"priority": "7"}),
        "pause": Act(OPS), "resume": Act(OPS, row=paused), "probe": Act(OPS, row=resting_at),
    },
    UpstreamKey: {"change": Act(OPS, {"label": "walked"}), "probe": Act(OPS, row=resting)},
    UpstreamRoute: {"change": Act(OPS, {"enabled": ""})},
    UpstreamRun: {"it_ran": Act(OPS, row=lost), "it_never_ran": Act(OPS, row=lost)},
    Version: {"change": Act(OPS, {"enabled": ""})},
}  # fmt: skip


def acts_of(model_admin: Any, user: User) -> set[str]:
    """Everything that a ModelAdmin offers to a user: forms, actions on rows, on one row, and on all."""
    request = RequestFactory().get("/")
    request.user = user
    found = {
        name
        for name in ("add", "change", "delete")
        if getattr(model_admin, f"has_{name}_permission")(request)
    }
    found |= set(model_admin.get_actions(request))
    for kind in ("list", "detail", "row", "submit_line"):
        found |= set(model_admin._extract_action_names(getattr(model_admin, f"actions_{kind}", ())))
    return found


def test_every_form_and_action_of_the_panel_stands_in_the_table(staff: User) -> None:
    offered = {model: acts_of(model_admin, staff) for model, model_admin in admin.site._registry.items()}
    missing = {model._meta.label: acts - set(TABLE.get(model, {})) for model, acts in offered.items()}
    gone = {model._meta.label: set(acts) - offered.get(model, set()) for model, acts in TABLE.items()}
    assert {model: acts for model, acts in missing.items() if acts} == {}
    assert {model: acts for model, acts in gone.items() if acts} == {}


# -- Doing them --------------------------------------------------------------------------------------------------------


class Forms(HTMLParser):
    """The forms of a page, each with what its fields hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, list[str]]] = []
        self._select = self._area = ""
        self._options: list[tuple[str, bool]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        name, value = named.get("name") or "", named.get("value") or ""
        if tag == "form":
            self.found.append({})
        if not self.found:
            return
        if tag == "input" and name and named.get("type") not in ("submit", "button", "file"):
            if named.get("type") not in ("checkbox", "radio") or "checked" in named:
                self.found[-1].setdefault(name, []).append(value or ("on" if "checked" in named else ""))
        elif tag == "button" and name and not name.startswith("_"):
            self.found[-1].setdefault(name, []).append(value)
        elif tag == "select" and name:
            self._select, self._options = name, []
        elif tag == "option" and self._select:
            self._options.append((value, "selected" in named))
        elif tag == "textarea" and name:
            self._area = name
            self.found[-1].setdefault(name, []).append("")

    def handle_data(self, data: str) -> None:
        if self._area:
            self.found[-1][self._area][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""
        elif tag == "select" and self._select:
            chosen = [value for value, selected in self._options if selected]
            chosen = chosen or [value for value, _selected in self._options[:1]]
            self.found[-1].setdefault(self._select, []).extend(chosen)
            self._select = ""


def filled(answer: Any, given: Given) -> dict[str, Any]:
    """The page's largest form as it stands, with what is given."""
    page = re.sub(r"(?s)<template.*?</template>", "", answer.content.decode())
    fields = max(Forms(page).found, key=len)
    return {name: values for name, values in fields.items() if "__prefix__" not in name} | given


def do(client: Client, model: type[Model], name: str, act: Act, row: Any) -> Any:
    """Do it as somebody would: open its page, fill it in, send it."""
    place = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    model_admin = admin.site._registry[model]
    names = {"user": User.objects.order_by("pk")[0].pk, "version": Version.objects.order_by("pk")[0].pk,
             "model": HostedModel.objects.order_by("pk")[0].pk}  # fmt: skip
    given = {key: value.format(**names) if value != "{}" else value for key, value in act.given.items()}
    if name in model_admin._extract_action_names(getattr(model_admin, "actions_list", ())):
        return client.get(reverse(f"{place}_{name}"))
    if name in ("add", "change", "delete") or name in model_admin._extract_action_names(
        getattr(model_admin, "actions_detail", ())
    ):
        path = reverse(f"{place}_{name}", args=[] if name == "add" else [row.pk])
        asked = client.get(path)
        if asked.status_code != 200 or act.reads:
            return asked
        data = filled(asked, given | ({"post": "yes"} if name == "delete" else {}))
        answer = client.post(path, {key: value for key, value in data.items() if value not in ("", [""])})
        if answer.status_code != 200 or answer.streaming:
            return answer
        # It shows first what would come of it, and is sent once more.
        return client.post(
            path, {key: value for key, value in filled(answer, given).items() if value != [""]}
        )
    path = reverse(f"{place}_changelist")
    chosen = {"action": name, "_selected_action": [row.pk]}
    asked = client.post(path, chosen)
    if asked.status_code != 200:
        return asked
    return client.post(path, chosen | {"post": "yes", "answered": "1"} | given)


@pytest.mark.django_db
def test_each_changes_nothing_that_is_not_on_record(staff: User, client_of: ClientOf) -> None:
    fill("first")
    factories.make_item(User.objects.get(username="first"), visibility="public")
    levels.sync()
    level = {BOSS: staff}
    for name, group in ((OPERATOR, "Operators"), (MODERATOR, "Moderators")):
        level[name] = factories.make_user(name, is_staff=True)
        level[name].groups.add(Group.objects.get(name=group))
    clients = {who: client_of(user) for who, user in level.items()}
    faults = []
    for model, name in one_in(
        8 if settings.ON_POSTGRES else 3, acts(), lambda act: f"{act[0]._meta.label} {act[1]}"
    ):
        label = f"{model._meta.label} {name}"
        for who in one_in(4, level, str, of=label):
            found = fault_of(clients[who], level[who], who, model, name, TABLE[model][name])
            faults += [f"{who}: {label}: {fault}" for fault in found]
    assert not faults, "\n".join(faults)


def acts() -> list[tuple[type[Model], str]]:
    """Everything that the table says how to do."""
    return [(model, name) for model, known in TABLE.items() for name in known]


def fault_of(client: Client, user: User, who: str, model: type[Model], name: str, act: Act) -> list[str]:
    """What is wrong with an act of that member of staff. Nothing of it stays."""
    mark = transaction.savepoint()
    try:
        newest = model._default_manager.order_by("pk").last()
        row = act.row(newest) if act.row is not None else newest
        assert row is not None or name == "add", model
        before = AuditEntry.objects.count()
        with recorded_writes() as (tables, behind):
            answer = do(client, model, name, act, row)
        entries = AuditEntry.objects.order_by("number")[before:]
        wrote, recorded = sorted(tables), [entry.action for entry in entries if entry.actor_id == user.pk]
        outcome = f"{answer.status_code}, wrote {wrote}, on record {recorded}"
        found = [f"written behind the record: {behind}"] if behind else []
        if wrote and not recorded:
            found.append(f"not on record: {outcome}")
        if not act.reads and bool(recorded) != (who == BOSS or who in act.by):
            found.append(f"done by the wrong ones, or not at all: {outcome}")
        return found
    finally:
        transaction.savepoint_rollback(mark)
