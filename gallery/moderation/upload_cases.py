"""Cases about uploaded files that a classifier flagged: opening, evidence, decisions.

Nobody but the sender ever sees an uploaded file, so there is nothing to hide. "Allow" changes nothing; "take
away" ends its use; "remove" keeps it sealed as evidence and blocks the same picture. A thumbnail of ours is
kept for whoever decides, and for the appeal.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts.models import User
from accounts.site import site_rules
from accounts.staff import audit_log
from core.clock import Now
from core.db.due_rows import DueRows
from gallery.models import Case, Evidence
from gallery.moderation import evidence
from gallery.privacy import exports
from predictions.files import media, uploads
from predictions.models import RuleHit, StoredFile, Upload

UPLOAD_MARK = "sent"
"""Key in a case's marks: it is about an uploaded file."""
_LONGEST_ABOUT = 200
UNDO_WITHIN = timedelta(hours=1)
"""How long after "allow" the thumbnail is kept: as long as the decision can be undone."""


def is_upload_case(case: Case) -> bool:
    """Whether a case is about an uploaded file."""
    return bool(case.marks.get(UPLOAD_MARK))


def open_case(hit: RuleHit) -> Case | None:
    """Open a case for a finding, or add it to the open case about the same file of the same member. None if
    done already."""
    mark = {"by": hit.source, "what": hit.what, "found": hit.excerpt, "scores": hit.marks.get("scores", {})}
    sha256 = str(hit.marks.get("sha256", ""))
    with transaction.atomic():
        if not RuleHit.objects.filter(pk=hit.pk, case_owed=True).update(case_owed=False, look=None):
            return None
        case = _open_case_of(hit.user_id, sha256) if sha256 else None
        if case is not None:
            findings = [*case.marks.get("found", []), mark][-20:]
            Case.objects.filter(pk=case.pk).update(
                count=F("count") + 1, marks={**case.marks, "found": findings}
            )
            media.doom([hit.look] if hit.look is not None else [])
            return case
        return Case.objects.create(
            kind=Case.Kind.FLAG,
            user=hit.user,
            account=hit.account,
            upload=Upload.objects.filter(public_id=hit.upload).first() if hit.upload else None,
            look=hit.look,
            about=str(hit.marks.get("name", ""))[:_LONGEST_ABOUT],
            words=f"{hit.source}: {hit.excerpt}"[:2000],
            marks={UPLOAD_MARK: True, "sha256": sha256, "found": [mark]},
        )


def _open_case_of(user_id: int, sha256: str) -> Case | None:
    rows = Case.objects.filter(kind=Case.Kind.FLAG, user=user_id, decided_at__isnull=True)
    return rows.filter(marks__sha256=sha256).order_by("id").first()


def lock(case: Case) -> None:
    """Lock the upload, before the case: removing an upload does so too, and clears the case's link to it."""
    if case.upload_id is not None:
        uploads.lock(case.upload_id)


def end_use(case: Case) -> bool:
    """End the use of the file. Returns whether it still existed."""
    return case.upload_id is not None and uploads.take_away(case.upload_id)


def remove(case: Case, moderator: User, reason: str) -> Evidence:
    """Remove it for good, keep it sealed, and block the same picture."""
    whole = uploads.hand_over(case.upload_id) if case.upload_id is not None else None
    exports.invalidate(case.user_id, case.account_id)
    # A file sent inside an input has no row of its own: then the thumbnail is the evidence.
    file = whole or case.look
    Case.objects.filter(pk=case.pk).update(look=None, upload=None)
    media.doom([case.look] if whole is not None and case.look is not None else [])
    sealed = Evidence.objects.create(
        case=case,
        user=case.user,
        item_id_then=str(case.about)[:32] or "file",
        file=file,
        content_type=file.content_type if file is not None else "",
        words=evidence.encrypt_texts(_texts(case, file)),
        made_by=moderator,
        sealed_until=Now() + timedelta(days=site_rules.current().evidence_days),
        sealing_owed=True,
        block_owed=True,
    )
    audit_log.write(
        moderator, "upload.take_out", case, name=case.about, reason=reason, account=case.account_id, case=case.pk,
        detail={"evidence": sealed.pk, "block": True},
    )  # fmt: skip
    return sealed


def _texts(case: Case, file: StoredFile | None) -> dict[str, Any]:
    """Texts about the file, for whoever opens the evidence."""
    return {
        "file": case.about,
        "sent_by": case.user.username,
        "account": case.account.name,
        "found": case.marks.get("found", []),
        "times": case.count,
        "seen_at": case.opened_at.isoformat(),
        "sha256": case.marks.get("sha256", ""),
        "kept_sha256": file.sha256 if file is not None else "",
    }


def delete_old_thumbnails() -> bool:
    """Background job: delete thumbnails of decided cases once the decision can be neither undone nor appealed.
    Returns whether there were any."""
    return _THUMBNAILS.step()


def _old_thumbnails() -> QuerySet[Case]:
    retention = timedelta(days=site_rules.current().evidence_days)
    allowed = Q(decision=Case.Decision.ALLOW, decided_at__lt=Now() - UNDO_WITHIN)
    other_cases = ~Q(decision=Case.Decision.ALLOW) & Q(decided_at__lt=Now() - retention - UNDO_WITHIN)
    return Case.objects.filter(allowed | other_cases, look__isnull=False)


def _delete_thumbnail(row: tuple[int]) -> bool:
    case = _old_thumbnails().filter(pk=row[0]).select_related("look").first()
    if case is None or case.look is None:
        return False
    if not Case.objects.filter(pk=case.pk, look=case.look).update(look=None):
        return False
    media.doom([case.look])
    return True


_THUMBNAILS = DueRows("looks of sent files", lambda: _old_thumbnails().values_list("pk"), _delete_thumbnail)


def is_case_thumbnail() -> Exists:
    """A condition on stored files: whether one is a case's thumbnail."""
    return Exists(Case.objects.filter(look=OuterRef("pk")))
