"""Background jobs that open cases for findings and reports, and close cases whose subject is gone."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from core.clock import Now
from core.db.due_rows import DueRows
from gallery.models import Case, Item, Report
from gallery.moderation import cases, upload_cases
from predictions.models import Prediction, RuleHit
from predictions.models.prediction import LIVE

AT_ONCE = 20


def open_for_reports() -> bool:
    """Attach open reports without a case to one. Returns whether there were any."""
    return _REPORTS.step(most=AT_ONCE)


def _reports_without_case() -> QuerySet[Report]:
    return Report.objects.filter(case__isnull=True, closed_at__isnull=True)


def _join(row: tuple[int]) -> bool:
    named = ("item", "comment__item", "comment__user", "collection")
    found = Report.objects.select_related(*named).filter(pk=row[0]).first()
    if found is None:
        return False
    cases.lock(cases.subject_of(found))
    # Read again under the lock.
    for report in _reports_without_case().filter(pk=row[0]).select_related(*named, "reporter"):
        cases.join(report)
    return True


_REPORTS = DueRows("cases of reports", lambda: _reports_without_case().values_list("pk"), _join)


def open_for_findings() -> bool:
    """Open cases for findings of rules and classifiers, once the item exists. Returns whether there were any.

    A prediction without output leaves nothing to review: its finding only stays in the list of findings.
    """
    return _FINDINGS.step(most=AT_ONCE)


def pending_findings() -> QuerySet[RuleHit]:
    """Findings that `open_for_findings` has to process."""
    live = Prediction.objects.filter(public_id=OuterRef("prediction"), status__in=LIVE)
    return RuleHit.objects.filter(~Exists(live), case_owed=True)


def _open_case(row: tuple[int]) -> bool:
    hit = pending_findings().filter(pk=row[0]).select_related("user", "account", "look").first()
    if hit is None:
        return False
    if hit.what == RuleHit.What.UPLOAD:
        upload_cases.open_case(hit)
    else:
        _open(hit)
    return True


_FINDINGS = DueRows("cases of findings", lambda: pending_findings().values_list("pk"), _open_case)


def _open(hit: RuleHit) -> None:
    prediction = Prediction.objects.filter(public_id=hit.prediction).only("pk").first()
    items = Item.objects.none()
    if prediction is not None:
        items = Item.objects.filter(output__prediction=prediction).select_related("output", "user")
        if hit.output_index is not None:
            items = items.filter(output__index=hit.output_index)
    mark = {"by": hit.source, "what": hit.what, "found": hit.excerpt, "scores": hit.marks}
    with transaction.atomic():
        if not RuleHit.objects.filter(pk=hit.pk, case_owed=True).update(case_owed=False):
            return
        for item in items:
            description = f"{hit.source}: {hit.excerpt}" if hit.excerpt else hit.source
            cases.flag(item, description=description, marks={"found": [mark]})


def close_orphans() -> bool:
    """Close open cases whose subject was deleted by its owner, or whose member's account was erased.

    Appeals against a removal stay open: there the item was gone before. So do cases about an organisation's
    content, which stays when its author leaves.
    """
    gone = Q(item__isnull=True, comment__isnull=True, collection__isnull=True)
    about_more = (
        Q(marks__has_key="all") | Q(marks__has_key=upload_cases.UPLOAD_MARK) | Q(sanction__isnull=False)
    )
    against_removal = Q(parent__isnull=False, parent__decision=Case.Decision.REMOVE)
    erased = Q(user__erased_at__isnull=False)
    rows = Case.objects.filter(gone, erased | ~(about_more | against_removal), decided_at__isnull=True)
    found = list(rows.order_by("id").values_list("pk", flat=True)[:AT_ONCE])
    Case.objects.filter(pk__in=found, decided_at__isnull=True).update(
        decision=Case.Decision.GONE, decided_at=Now()
    )
    return len(found) == AT_ONCE
