"""Decisions on cases and their undo; the only writer of a case's decision.

A decision is one transaction: lock the subject, claim the case by an UPDATE that matches open ones only, apply
the effects, notify the owner and the reporters, write the audit log last. Of two moderators on one case the
first decides; the second learns who did. Only administrators decide about staff and their content, nobody
about themselves.
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
"""Which decisions close which kind of case."""
REASON_REQUIRED = frozenset({Decision.HIDE, Decision.REMOVE, Decision.REFUSE, Decision.UPHOLD})
"""Decisions with a reason that the owner reads."""
_CLOSES_SIBLINGS = frozenset({Decision.HIDE, Decision.REMOVE})
"""Decisions that close the subject's other open cases as well."""
ADVERSE = frozenset({Decision.HIDE, Decision.REMOVE, Decision.REFUSE})
"""Decisions against the member, after which a ban may still be added."""
UNDO_WITHIN = timedelta(hours=1)
MAX_REASON = 200
MAX_NOTE = 500
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
    """A moderator's decision: the owner reads `message`, staff alone `note`."""

    decision: str
    message: str = ""
    note: str = ""
    sensitive: bool = False
    """Mark the item as sensitive, where it is allowed."""
    sanction: str = ""
    """`warn`, `mute` or `ban` in addition; a mute until `until`."""
    until: datetime | None = None
    hide_public: bool = False
    """With a ban: hide all public items of the member as well."""


class AlreadyDecided(Exception):
    """Another moderator decided it; `case` has who and how."""

    def __init__(self, case: Case) -> None:
        super().__init__(case.pk)
        self.case = case


class NotAllowed(Exception):
    """The moderator may not decide this: about themselves, about staff, or beyond their permissions."""


def new_batch() -> str:
    """A key shared by all cases decided with one action."""
    return secrets.token_urlsafe(16)


def get_case(number: int) -> Case:
    """A case with all that a decision reads. Raises Case.DoesNotExist."""
    return Case.objects.select_related(*_RELATED).get(pk=number)


def decide(number: int, moderator: User, verdict: Verdict, batch: str = "") -> Case:
    """Decide a case. Raises Case.DoesNotExist, AlreadyDecided, NotAllowed, NotPossible and ValueError.

    Where the decision hides or removes, other open reports and findings about the same subject are closed with
    it.
    """
    batch = batch or new_batch()
    with transaction.atomic(), audit_log.gathered():
        before = get_case(number)
        subject_before = cases.subject_of(before)
        upload_cases.lock(before)
        if verdict.decision == Decision.REMOVE and isinstance(subject_before, Item):
            takedown.lock(subject_before)
        cases.lock(subject_before)
        case = get_case(number)
        subject = cases.subject_of(case)
        verdict = _checked(case, moderator, verdict)
        _claim(case, moderator, verdict, batch)
        # Before the effects: removing an item clears its cases' links to it.
        siblings = (
            cases.siblings(case, subject)
            if verdict.decision in _CLOSES_SIBLINGS and subject is not None
            else []
        )
        effects = outcomes.DO[verdict.decision](case, subject, moderator, verdict.message)
        if verdict.decision == Decision.ALLOW and verdict.sensitive and isinstance(subject, Item):
            effects |= outcomes.mark_sensitive(case, subject)
        if verdict.sanction:
            effects["sanctions"] = [row.pk for row in _sanction(case, moderator, verdict)]
        Case.objects.filter(pk=case.pk).update(done=effects)
        _write_audit_log(case, subject, moderator, verdict, effects)
        for other in siblings:
            _claim(other, moderator, replace(verdict, note=""), batch)
            Case.objects.filter(pk=other.pk).update(done={"with": case.pk})
            _write_audit_log(other, subject, moderator, verdict, {"with": case.pk})
        return get_case(number)


def _checked(case: Case, moderator: User, verdict: Verdict) -> Verdict:
    if verdict.decision not in ALLOWED[case.kind]:
        raise ValueError(verdict.decision)
    if not sanctions.outranks(moderator, case.user):
        raise NotAllowed
    if verdict.decision == Decision.REMOVE and not moderator.has_perm("gallery.remove_item"):
        raise NotAllowed
    message = " ".join(verdict.message.replace("\x00", "").split())[:MAX_REASON]
    if not message and (verdict.decision in REASON_REQUIRED or verdict.sanction):
        message = reasons.suggested(case.reason)
    return replace(verdict, message=message, note=verdict.note.replace("\x00", "").strip()[:MAX_NOTE])


def _claim(case: Case, moderator: User, verdict: Verdict, batch: str) -> None:
    """Close the case and its reports if it is still open; else raise AlreadyDecided."""
    changed = Case.objects.filter(pk=case.pk, decided_at__isnull=True).update(
        decision=verdict.decision,
        told=verdict.message,
        note=verdict.note,
        decided_at=Now(),
        decided_by=moderator,
        batch=batch,
    )
    if not changed:
        raise AlreadyDecided(Case.objects.select_related("decided_by").get(pk=case.pk))
    Report.objects.filter(case=case, closed_at__isnull=True).update(closed_at=Now(), closed_by=moderator)
    # Before the effects: removing an item deletes its reports.
    reporter_notices.notify(case, moderator, acted=_has_effect(verdict))


def _has_effect(verdict: Verdict) -> bool:
    """Whether the decision has any effect."""
    return verdict.decision != Decision.ALLOW or verdict.sensitive or bool(verdict.sanction)


def _sanction(case: Case, moderator: User, verdict: Verdict) -> list[Any]:
    """Impose the sanction chosen with the decision; nothing where the member is banned already."""
    user, reason = case.user, reasons.for_user(verdict.message, case.user)
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
    """Ban the member whom a decided case was about. Undoing the case's decision does not lift the ban.

    Raises Case.DoesNotExist, NotAllowed, `sanctions.Already`, and NotPossible where the case is open, or was
    closed without a finding against the member.
    """
    case = get_case(number)
    if case.decision not in ADVERSE:
        raise NotPossible
    if not sanctions.outranks(moderator, case.user):
        raise NotAllowed
    message = " ".join(verdict.message.replace("\x00", "").split())[:MAX_REASON] or case.told
    note = verdict.note.replace("\x00", "").strip()[:MAX_NOTE]
    try:
        sanctions.ban(
            case.user,
            moderator,
            reasons.for_user(message or reasons.suggested(case.reason), case.user),
            case=case.pk,
            note=note,
            hide_public=verdict.hide_public,
        )
    except sanctions.NotAllowed:
        raise NotAllowed from None
    return get_case(number)


_KINDS: dict[type, str] = {Item: "item", Comment: "comment", Collection: "collection"}


def _write_audit_log(
    case: Case, subject: Any, moderator: User, verdict: Verdict, effects: dict[str, Any]
) -> None:
    target = subject if subject is not None else case
    audit_log.write(
        moderator,
        f"{_KINDS.get(type(subject), 'case')}.{verdict.decision}",
        target,
        name=case.about,
        reason=verdict.message,
        account=case.account_id,
        case=case.pk,
        detail={
            "kind": case.kind, "note": verdict.note, "done": effects,
            "before": {"decision": ""}, "after": {"decision": verdict.decision},
        },
    )  # fmt: skip


# -- Undo
# --------------------------------------------------------------------------------------------------------


def last_batch(moderator: User) -> list[Case]:
    """This moderator's last decision of the past hour: one case, or several decided with one action; newest
    first."""
    rows = Case.objects.filter(decided_by=moderator, decided_at__gte=Now() - UNDO_WITHIN).exclude(batch="")
    newest = rows.order_by("-decided_at", "-id").first()
    if newest is None:
        return []
    return list(rows.filter(batch=newest.batch).select_related("user").order_by("-decided_at", "-id"))


def can_undo(case: Case) -> bool:
    """Whether decisions of this kind can be undone: a removal can't."""
    return case.decision in outcomes.UNDO


def undo(moderator: User, batch: str = "") -> tuple[list[Case], list[Case]]:
    """Undo the moderator's last decision, or that of `batch`; returns the reopened cases and those that could
    not be undone.

    Each case is a transaction of its own, so one that fails does not hold back the others of a batch.
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
        # So that the next undo takes the decision before.
        Case.objects.filter(pk=case.pk).update(batch="")
    return reopened, stuck


def _undo(number: int, moderator: User) -> Case:
    with transaction.atomic(), audit_log.gathered():
        cases.lock(cases.subject_of(get_case(number)))
        case = get_case(number)
        subject = cases.subject_of(case)
        if case.decided_by_id != moderator.pk or case.decided_at is None:
            raise AlreadyDecided(case)
        _check_can_undo(case, subject)
        was, effects = case.decision, case.done
        Case.objects.filter(pk=case.pk).update(
            decision="", told="", note="", decided_at=None, decided_by=None, batch="", done={}
        )
        Report.objects.filter(case=case, closed_by=moderator).update(closed_at=None, closed_by=None)
        outcomes.UNDO[was](case, subject, effects)
        _lift(case, moderator, effects)
        audit_log.write(
            moderator, f"{_KINDS.get(type(subject), 'case')}.undo_{was}", subject if subject is not None else case,
            name=case.about, account=case.account_id, case=case.pk,
            detail={"before": {"decision": was}, "after": {"decision": ""}, "done": effects},
        )  # fmt: skip
        return get_case(number)


def _check_can_undo(case: Case, subject: Any) -> None:
    if not can_undo(case):
        raise NotPossible
    if Case.objects.filter(parent=case).exists():
        raise NotPossible
    if (
        subject is not None
        and case.kind != Case.Kind.APPEAL
        and cases.open_case(subject, case.kind) is not None
    ):
        # It was reported again since, and has an open case.
        raise NotPossible
    if subject is not None and case.decision == Decision.HIDE and cases.hidden_since(case, subject):
        # Another moderator hid it since.
        raise NotPossible


def _lift(case: Case, moderator: User, effects: dict[str, Any]) -> None:
    for row in Sanction.objects.filter(pk__in=effects.get("sanctions", [])).select_related("user"):
        try:
            sanctions.lift(row, moderator, outcomes.TAKEN_BACK)
        except sanctions.NotAllowed:
            raise NotAllowed from None


# -- Decisions outside of the moderation pages
# ---------------------------------------------------------------------


def hide_directly(subjects: Sequence[cases.Subject], moderator: User, reason: str) -> list[Case]:
    """Hide content that nobody reported, each as a case that its owner may appeal. Returns those newly hidden."""
    batch = new_batch()
    hidden = []
    for subject in subjects:
        if subject.hidden_at is None:
            try:
                # In one transaction, so that no case is left open where deciding is refused.
                with transaction.atomic():
                    case = cases.for_moderator(subject, moderator)
                    hidden.append(decide(case.pk, moderator, Verdict(Decision.HIDE, message=reason), batch))
            except (AlreadyDecided, NotAllowed):
                continue
    return hidden


def allow_directly(rows: Iterable[Case], moderator: User) -> list[Case]:
    """Decide these cases as "allow"; returns those that were open and that this moderator may decide."""
    batch, allowed = new_batch(), []
    for case in rows:
        try:
            allowed.append(decide(case.pk, moderator, Verdict(Decision.ALLOW), batch))
        except (AlreadyDecided, NotAllowed):
            continue
    return allowed


def restore_directly(subject: cases.Subject, moderator: User, reason: str = "") -> bool:
    """Restore something hidden, granting its open appeal if there is one. Returns False where it was not
    hidden, or the moderator may not decide about its owner."""
    if not sanctions.outranks(moderator, subject.user):
        return False
    with transaction.atomic(), audit_log.gathered():
        cases.lock(subject)
        appeal = cases.open_case(subject, Case.Kind.APPEAL)
        if appeal is not None:
            decide(appeal.pk, moderator, Verdict(Decision.RESTORE, message=reason))
            return True
        was = Decision.REFUSE if outcomes.undo_refusal(subject) else Decision.HIDE
        if was == Decision.HIDE and not outcomes.show(subject):
            return False
        field = cases.FIELDS[type(subject)]
        rows = Case.objects.filter(**{field: subject}, decision=was).select_related("user")
        case = rows.order_by("-decided_at", "-id").first()
        audit_log.write(
            moderator, f"{field}.restore", subject, reason=reason,
            account=cases.owner_columns(subject)["account_id"], case=case.pk if case else None,
            detail={"before": {"hidden": True}, "after": {"hidden": False}},
        )  # fmt: skip
        if case is not None:
            member_notices.notify(case, "restored", reason)
        return True
