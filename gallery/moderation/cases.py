"""Cases: opening one, and joining reports and findings to it. A subject has at most one open case of each kind.

Whoever opens or decides a case locks the subject first, then the case, so that concurrent requests are
serialised.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.models import User
from accounts.organizations import management
from gallery.models import Case, Collection, Comment, Item, Report

Subject = Item | Comment | Collection
FIELDS: dict[type[Subject], str] = {Item: "item", Comment: "comment", Collection: "collection"}
OPEN_KINDS = (Case.Kind.REPORT, Case.Kind.FLAG)
"""Kinds in the first tab of the moderation pages."""
_LONGEST_ABOUT = 200


def subject_of(row: Case | Report) -> Subject | None:
    """The subject; None for a sanction, for a bulk hide, and for what was deleted."""
    return row.item or row.comment or row.collection


def lock(subject: Subject | None) -> None:
    """Lock the subject: others who would open or decide a case about it wait until the transaction ends."""
    if subject is not None:
        type(subject)._default_manager.select_for_update(no_key=True).filter(pk=subject.pk).first()


def subject_name(subject: Subject) -> str:
    """Its name in lists, kept for when it is deleted."""
    return str(subject).replace("\x00", "")[:_LONGEST_ABOUT]


def owner_columns(subject: Subject) -> dict[str, int]:
    """Its author and account, as columns of a case."""
    account = subject.item.account_id if isinstance(subject, Comment) else subject.account_id
    if isinstance(subject, Comment) and subject.user.account_id is not None:
        # The author's personal account, not the one they act for at present, which may be an organisation's.
        account = management.personal_account_of(subject.user).pk
    return {"user_id": subject.user_id, "account_id": account}


def open_case(subject: Subject, kind: str) -> Case | None:
    """The open case of that kind, or None."""
    return Case.objects.filter(**{FIELDS[type(subject)]: subject}, kind=kind, decided_at__isnull=True).first()


def join(report: Report) -> Case:
    """Attach a report to its subject's open case, or open one. In the report's transaction, with the subject
    locked."""
    subject = subject_of(report)
    assert subject is not None
    case = open_case(subject, Case.Kind.REPORT)
    if case is None:
        more: dict[str, Any] = {} if report.created_at is None else {"opened_at": report.created_at}
        case = create(
            subject,
            Case.Kind.REPORT,
            reason=report.reason,
            words=report.words,
            opened_by=report.reporter,
            marks={"reasons": {report.reason: 1}},
            **more,
        )
    else:
        reasons = dict(case.marks.get("reasons", {}))
        reasons[report.reason] = reasons.get(report.reason, 0) + 1
        Case.objects.filter(pk=case.pk).update(
            count=F("count") + 1, words=case.words or report.words, marks={**case.marks, "reasons": reasons}
        )
    Report.objects.filter(pk=report.pk).update(case=case)
    return case


def for_reports(reports: QuerySet[Report]) -> list[Case]:
    """The open cases of these reports, each once; a report without a case is attached to one first."""
    found: dict[int, Case] = {}
    for report in reports.select_related("item", "comment__item", "comment__user", "collection", "reporter"):
        with transaction.atomic():
            lock(subject_of(report))
            now = Report.objects.select_related("case").filter(pk=report.pk, closed_at__isnull=True).first()
            if now is not None:
                case = now.case or join(report)
                found[case.pk] = case
    return list(found.values())


def create(subject: Subject, kind: str, **fields: Any) -> Case:
    """Create a case about it."""
    about = {FIELDS[type(subject)]: subject}
    return Case.objects.create(
        kind=kind, about=subject_name(subject), **about, **owner_columns(subject), **fields
    )


def for_moderator(subject: Subject, moderator: User, reason: str = "") -> Case:
    """Its open case, or a new one for a moderator who decides without a report."""
    with transaction.atomic():
        lock(subject)
        found = open_case(subject, Case.Kind.REPORT) or open_case(subject, Case.Kind.FLAG)
        return found or create(subject, Case.Kind.REPORT, reason=reason, opened_by=moderator, count=0)


def flag(item: Item, *, description: str, marks: dict[str, Any]) -> Case:
    """Open a case for an item found by a rule or a classifier, or add to the open one."""
    with transaction.atomic():
        lock(item)
        case = open_case(item, Case.Kind.FLAG)
        if case is None:
            return create(item, Case.Kind.FLAG, words=description[:2000], marks=marks)
        found = [*case.marks.get("found", []), *marks.get("found", [])]
        Case.objects.filter(pk=case.pk).update(
            count=F("count") + 1, marks={**case.marks, **marks, "found": found[:20]}
        )
        return case


def hidden_since(case: Case, subject: Subject) -> bool:
    """Whether a later decision hides it, which is then the one in effect."""
    assert case.decided_at is not None
    rows = Case.objects.filter(**{FIELDS[type(subject)]: subject}, decision=Case.Decision.HIDE)
    later = rows.filter(decided_at__gt=case.decided_at).exclude(pk=case.pk)
    return later.exclude(done__has_key="with").exists()


def siblings(case: Case, subject: Subject) -> list[Case]:
    """Other open cases about the same subject that the first tab shows."""
    rows = Case.objects.filter(
        **{FIELDS[type(subject)]: subject}, kind__in=OPEN_KINDS, decided_at__isnull=True
    ).exclude(pk=case.pk)
    return list(rows)
