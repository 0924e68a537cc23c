"""Decisions on cases, and how they are taken back: the only writer of a case's decision.

A decision is one transaction: the thing's lock, the case by an UPDATE that only an open one lets through, what follows,
the notices to its owner and to those who reported it, the record last of all. Two moderators at one case decide it
once; the second is told by whom. Upon staff and what is theirs only administrators decide, upon themselves nobody.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import Sanction, User
from accounts.staff import audit_log, sanctions
from core.clock import Now
from gallery.models import Case, Collection, Comment, Item, Report
from gallery.moderation import cases, member_notices, reasons, reporter_notices, upload_cases
from gallery.moderation.effects import outcomes, takedown
from gallery.moderation.effects.outcomes import NotPossible

Decision = Case.Decision
ALLOWED: dict[str, tuple[str, ...]] = {
    Case.Kind.REPORT: (Decision.ALLOW, Decision.HIDE, Decision.REMOVE),
    Case.Kind.FLAG: (Decision.ALLOW, Decision.HIDE, Decision.REMOVE),
    Case.Kind.REVIEW: (Decision.PUBLISH, Decision.REFUSE),
    Case.Kind.APPEAL: (Decision.RESTORE, Decision.UPHOLD),
}
"""Which decisions end which kind of case."""
NEED_WORDS = frozenset({Decision.HIDE, Decision.REMOVE, Decision.REFUSE, Decision.UPHOLD})
"""Those whose reason the owner reads."""
_END_ALL = frozenset({Decision.HIDE, Decision.REMOVE})
"""Those after which nothing else about the thing is left to decide."""
AGAINST = frozenset({Decision.HIDE, Decision.REMOVE, Decision.REFUSE})
"""Those that found something against the member, who may be banned for it later too."""
UNDO_WITHIN = timedelta(hours=1)
LONGEST_TOLD = 200
LONGEST_NOTE = 500
_RELATED = (
    "item__output",
    "comment__item",
    "comment__user",
    "collection",
    "user",
    "parent",
    "sanction__user",
)


@dataclass(frozen=True)
class Verdict:
    """What a moderator decides: `told` is read by the owner, `note` by staff alone."""

    decision: str
    told: str = ""
    note: str = ""
    sensitive: bool = False
    """Mark the picture as sensitive, where it is allowed to stay."""
    sanction: str = ""
    """`warn`, `mute` or `ban` beside it; a mute until `until`."""
    until: datetime | None = None
    hide_public: bool = False
    """With a ban: all public pictures of the member leave the gallery too."""


class AlreadyDecided(Exception):
    """Somebody decided it already; `case` says who, and how."""

    def __init__(self, case: Case) -> None:
        super().__init__(case.pk)
        self.case = case


class NotAllowed(Exception):
    """Not by this moderator: about themselves, about staff, or beyond their rights."""


def new_batch() -> str:
    """A name for what is decided with one key."""
    return secrets.token_urlsafe(16)


def read(number: int) -> Case:
    """A case with what a decision needs of it. Raises Case.DoesNotExist."""
    return Case.objects.select_related(*_RELATED).get(pk=number)


def decide(number: int, moderator: User, verdict: Verdict, batch: str = "") -> Case:
    """Decide a case. Raises Case.DoesNotExist, Decided, NotAllowed, NotPossible and ValueError.

    Other open reports and findings about the same thing end with it.
    """
    batch = batch or new_batch()
    with transaction.atomic(), audit_log.gathered():
        before = read(number)
        about = cases.thing_of(before)
        upload_cases.lock(before)
        if verdict.decision == Decision.REMOVE and isinstance(about, Item):
            takedown.lock(about)
        cases.lock(about)
        case = read(number)
        thing = cases.thing_of(case)
        verdict = _checked(case, moderator, verdict)
        _claim(case, moderator, verdict, batch)
        # Before what follows: a picture that is removed takes its cases' links along.
        others = cases.siblings(case, thing) if verdict.decision in _END_ALL and thing is not None else []
        done = outcomes.DO[verdict.decision](case, thing, moderator, verdict.told)
        if verdict.decision == Decision.ALLOW and verdict.sensitive and isinstance(thing, Item):
            done |= outcomes.mark(case, thing)
        if verdict.sanction:
            done["sanctions"] = [row.pk for row in _sanction(case, moderator, verdict)]
        Case.objects.filter(pk=case.pk).update(done=done)
        _write(case, thing, moderator, verdict, done)
        for other in others:
            _claim(other, moderator, replace(verdict, note=""), batch)
            Case.objects.filter(pk=other.pk).update(done={"with": case.pk})
            _write(other, thing, moderator, verdict, {"with": case.pk})
        return read(number)


def _checked(case: Case, moderator: User, verdict: Verdict) -> Verdict:
    if verdict.decision not in ALLOWED[case.kind]:
        raise ValueError(verdict.decision)
    if not sanctions.outranks(moderator, case.user):
        raise NotAllowed
    if verdict.decision == Decision.REMOVE and not moderator.has_perm("gallery.remove_item"):
        raise NotAllowed
    told = " ".join(verdict.told.replace("\x00", "").split())[:LONGEST_TOLD]
    if not told and (verdict.decision in NEED_WORDS or verdict.sanction):
        told = reasons.suggested(case.reason)
    return replace(verdict, told=told, note=verdict.note.replace("\x00", "").strip()[:LONGEST_NOTE])


def _claim(case: Case, moderator: User, verdict: Verdict, batch: str) -> None:
    """Make it decided, if nobody has; its reports are closed with it."""
    changed = Case.objects.filter(pk=case.pk, decided_at__isnull=True).update(
        decision=verdict.decision,
        told=verdict.told,
        note=verdict.note,
        decided_at=Now(),
        decided_by=moderator,
        batch=batch,
    )
    if not changed:
        raise AlreadyDecided(Case.objects.select_related("decided_by").get(pk=case.pk))
    Report.objects.filter(case=case, closed_at__isnull=True).update(closed_at=Now(), closed_by=moderator)
    # Before what follows: a picture that is removed takes its reports along.
    reporter_notices.notify(case, moderator, acted=_acts(verdict))


def _acts(verdict: Verdict) -> bool:
    """Whether anything comes of it."""
    return verdict.decision != Decision.ALLOW or verdict.sensitive or bool(verdict.sanction)


def _sanction(case: Case, moderator: User, verdict: Verdict) -> list[Any]:
    """Impose what was chosen beside the decision; nothing where they are banned already."""
    user, reason = case.user, reasons.for_user(verdict.told, case.user)
    more: dict[str, Any] = {"case": case.pk, "note": verdict.note}
    try:
        if verdict.sanction == "warn":
            return [sanctions.warn(user, moderator, reason, **more)]
        if verdict.sanction == "mute":
            return [sanctions.mute(user, moderator, verdict.until, reason, **more)]
        if verdict.sanction == "ban":
            return [sanctions.ban(user, moderator, reason, hide_public=verdict.hide_public, **more)]
    except sanctions.Already:
        return []
    except sanctions.NotAllowed:
        raise NotAllowed from None
    raise ValueError(verdict.sanction)


def ban(number: int, moderator: User, verdict: Verdict) -> Case:
    """Ban the member whom a decided case was about. Its decision stays, and taking that back does not lift the ban.

    Raises Case.DoesNotExist, NotAllowed, `sanctions.Already`, and NotPossible where the case is open or ended without
    anything against them.
    """
    case = read(number)
    if case.decision not in AGAINST:
        raise NotPossible
    if not sanctions.outranks(moderator, case.user):
        raise NotAllowed
    words = " ".join(verdict.told.replace("\x00", "").split())[:LONGEST_TOLD] or case.told
    note = verdict.note.replace("\x00", "").strip()[:LONGEST_NOTE]
    try:
        sanctions.ban(
            case.user,
            moderator,
            reasons.for_user(words or reasons.suggested(case.reason), case.user),
            case=case.pk,
            note=note,
            hide_public=verdict.hide_public,
        )
    except sanctions.NotAllowed:
        raise NotAllowed from None
    return read(number)


_KINDS: dict[type, str] = {Item: "item", Comment: "comment", Collection: "collection"}


def _write(case: Case, thing: Any, moderator: User, verdict: Verdict, done: dict[str, Any]) -> None:
    subject = thing if thing is not None else case
    audit_log.write(
        moderator,
        f"{_KINDS.get(type(thing), 'case')}.{verdict.decision}",
        subject,
        name=case.about,
        reason=verdict.told,
        account=case.account_id,
        case=case.pk,
        detail={
            "kind": case.kind, "note": verdict.note, "done": done,
            "before": {"decision": ""}, "after": {"decision": verdict.decision},
        },
    )  # fmt: skip


# -- Taking it back ---------------------------------------------------------------------------------------------------


def last_batch(moderator: User) -> list[Case]:
    """What this moderator decided last, of the last hour, newest first: one case, or several by one key."""
    mine = Case.objects.filter(decided_by=moderator, decided_at__gte=Now() - UNDO_WITHIN).exclude(batch="")
    newest = mine.order_by("-decided_at", "-id").first()
    if newest is None:
        return []
    return list(mine.filter(batch=newest.batch).select_related("user").order_by("-decided_at", "-id"))


def has_way_back(case: Case) -> bool:
    """Whether a decision of its kind can be taken back at all: what is removed is gone."""
    return case.decision in outcomes.UNDO


def take_back(moderator: User, batch: str = "") -> tuple[list[Case], list[Case]]:
    """Undo the moderator's last decision, or that of `batch`: what is open again, and what could not be undone.

    Each case is a transaction of its own; the others of a batch do not suffer from one that cannot be.
    """
    last = last_batch(moderator)
    if batch and (not last or last[0].batch != batch):
        last = list(
            Case.objects.filter(decided_by=moderator, batch=batch, decided_at__gte=Now() - UNDO_WITHIN)
        )
    reopened: list[Case] = []
    stuck: list[Case] = []
    for case in last:
        try:
            reopened.append(_undo(case.pk, moderator))
        except (NotPossible, NotAllowed, AlreadyDecided):
            stuck.append(case)
    for case in stuck:
        # The next press of the key is for the one before.
        Case.objects.filter(pk=case.pk).update(batch="")
    return reopened, stuck


def _undo(number: int, moderator: User) -> Case:
    with transaction.atomic(), audit_log.gathered():
        cases.lock(cases.thing_of(read(number)))
        case = read(number)
        thing = cases.thing_of(case)
        if case.decided_by_id != moderator.pk or case.decided_at is None:
            raise AlreadyDecided(case)
        _check_way_back(case, thing)
        was, done = case.decision, case.done
        Case.objects.filter(pk=case.pk).update(
            decision="", told="", note="", decided_at=None, decided_by=None, batch="", done={}
        )
        Report.objects.filter(case=case, closed_by=moderator).update(closed_at=None, closed_by=None)
        outcomes.UNDO[was](case, thing, done)
        _lift(case, moderator, done)
        audit_log.write(
            moderator, f"{_KINDS.get(type(thing), 'case')}.undo_{was}", thing if thing is not None else case,
            name=case.about, account=case.account_id, case=case.pk,
            detail={"before": {"decision": was}, "after": {"decision": ""}, "done": done},
        )  # fmt: skip
        return read(number)


def _check_way_back(case: Case, thing: Any) -> None:
    if not has_way_back(case):
        raise NotPossible
    if Case.objects.filter(parent=case).exists():
        raise NotPossible
    if thing is not None and case.kind != Case.Kind.APPEAL and cases.open_one(thing, case.kind) is not None:
        # Somebody complained again since: that case is open.
        raise NotPossible
    if thing is not None and case.decision == Decision.HIDE and cases.hidden_since(case, thing):
        # Another moderator hid it since.
        raise NotPossible


def _lift(case: Case, moderator: User, done: dict[str, Any]) -> None:
    for row in Sanction.objects.filter(pk__in=done.get("sanctions", [])).select_related("user"):
        try:
            sanctions.lift(row, moderator, outcomes.TAKEN_BACK)
        except sanctions.NotAllowed:
            raise NotAllowed from None


# -- Without the desk -------------------------------------------------------------------------------------------------


def hide_now(things: Sequence[cases.Thing], moderator: User, reason: str) -> list[Case]:
    """Hide things that nobody reported, each as a case of its own that its owner may appeal; those that were shown."""
    batch = new_batch()
    hidden = []
    for thing in things:
        if thing.hidden_at is None:
            try:
                # Together: no case stays open of what they may not decide.
                with transaction.atomic():
                    case = cases.of_moderator(thing, moderator)
                    hidden.append(decide(case.pk, moderator, Verdict(Decision.HIDE, told=reason), batch))
            except (AlreadyDecided, NotAllowed):
                continue
    return hidden


def leave_now(rows: Iterable[Case], moderator: User) -> list[Case]:
    """Let stand what these cases are about, as the desk does; those that were open, and theirs to decide."""
    batch, left = new_batch(), []
    for case in rows:
        try:
            left.append(decide(case.pk, moderator, Verdict(Decision.ALLOW), batch))
        except (AlreadyDecided, NotAllowed):
            continue
    return left


def show_now(thing: cases.Thing, moderator: User, reason: str = "") -> bool:
    """Show again what was hidden, without an appeal or with one; False where it was not hidden, or not by them."""
    if not sanctions.outranks(moderator, thing.user):
        return False
    with transaction.atomic(), audit_log.gathered():
        cases.lock(thing)
        appeal = cases.open_one(thing, Case.Kind.APPEAL)
        if appeal is not None:
            decide(appeal.pk, moderator, Verdict(Decision.RESTORE, told=reason))
            return True
        was = Decision.REFUSE if outcomes.show_refused(thing) else Decision.HIDE
        if was == Decision.HIDE and not outcomes.show(thing):
            return False
        field = cases.FIELDS[type(thing)]
        rows = Case.objects.filter(**{field: thing}, decision=was).select_related("user")
        case = rows.order_by("-decided_at", "-id").first()
        audit_log.write(
            moderator, f"{field}.restore", thing, reason=reason,
            account=cases.whose(thing)["account_id"], case=case.pk if case else None,
            detail={"before": {"hidden": True}, "after": {"hidden": False}},
        )  # fmt: skip
        if case is not None:
            member_notices.notify(case, "restored", reason)
        return True
