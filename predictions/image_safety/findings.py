"""Findings of image checks as rows for moderators, and the recorded health of classifiers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.models import Account, User
from core.clock import Now
from predictions.files import media
from predictions.files.image_probe import ProbeResult
from predictions.image_safety.safety_pipeline import Judgement
from predictions.models import Action, Classifier, Prediction, RuleHit, StoredFile, Upload

log = structlog.get_logger(__name__)
HEALTH_INTERVAL = timedelta(minutes=1)
"""How often a classifier's successful answer is recorded."""
_MAX_THUMBNAIL = 4 * 1024 * 1024
"""Bytes of a thumbnail: more than any has."""


def for_outputs(prediction: Prediction, judgements: Iterable[tuple[int, Judgement]]) -> list[RuleHit]:
    """Unsaved rows for outputs, by index, that were dropped or flagged."""
    rows = []
    for index, judgement in judgements:
        source = judgement.dropped or ", ".join(judgement.flagged)
        if not source:
            continue
        rows.append(
            RuleHit(
                what=RuleHit.What.OUTPUT,
                source=source[:80],
                action=Action.REFUSE if judgement.dropped else Action.FLAG,
                account_id=prediction.account_id,
                user_id=prediction.user_id,
                prediction=prediction.public_id,
                output_index=index,
                excerpt=judgement.excerpt,
                marks=_marks(judgement),
                case_owed=not judgement.dropped,
            )
        )
    return rows


def for_upload(
    account: Account,
    user: User,
    name: str,
    judgement: Judgement,
    probe: ProbeResult | None = None,
    sha256: str = "",
) -> RuleHit | None:
    """Record an uploaded file that was refused or flagged; None where it was neither. Outside transactions.

    For a flagged file our own thumbnail of it is stored (`probe`, while its files still exist): the file itself may be
    deleted, or exist in an input alone.
    """
    source = judgement.dropped or ", ".join(judgement.flagged)
    if not source:
        return None
    file = _store_thumbnail(probe) if probe is not None and not judgement.dropped else None
    with transaction.atomic():
        hit = RuleHit.objects.create(
            what=RuleHit.What.UPLOAD,
            source=source[:80],
            action=Action.REFUSE if judgement.dropped else Action.FLAG,
            account=account,
            user=user,
            excerpt=f"{name[:200]} {judgement.excerpt}".replace("\x00", "").strip()[:300],
            marks={**_marks(judgement), "name": name[:200].replace("\x00", ""), "sha256": sha256},
            look=file,
            case_owed=not judgement.dropped,
        )
        media.keep([file] if file is not None else [])
    return hit


def _store_thumbnail(probe: ProbeResult) -> StoredFile | None:
    """The thumbnail that classifiers see, stored; None where there is none or no space for it."""
    if probe.medium is None:
        return None
    thumbnail = probe.medium
    try:
        with media.Writing(_MAX_THUMBNAIL) as writing:
            with thumbnail.path.open("rb") as file:
                while chunk := file.read(media.CHUNK):
                    writing.write(chunk)
            sha256 = writing.finished()
            row = media.reserve(thumbnail.path.suffix.lstrip("."))
            return media.store(
                row, writing.path, sha256=sha256, content_type=thumbnail.content_type,
                width=thumbnail.width, height=thumbnail.height,
            )  # fmt: skip
    except (OSError, ValueError, media.DiskFull) as fault:
        log.error("look_not_kept", why=type(fault).__name__)
        return None


def attach(hit: RuleHit, upload: Upload) -> None:
    """Record which upload it was found in; call it in the transaction that keeps the upload."""
    RuleHit.objects.filter(pk=hit.pk).update(upload=upload.public_id)


def owned_files() -> Exists:
    """Subquery over `StoredFile`: whether it is the thumbnail of a finding."""
    return Exists(RuleHit.objects.filter(look=OuterRef("pk")))


def record_classifier_health(judgements: Iterable[Judgement]) -> None:
    """Record successes and failures of the classifiers that were called. Outside transactions."""
    answered: set[int] = set()
    failed: dict[int, str] = {}
    for judgement in judgements:
        answered.update(judgement.answered)
        failed.update(judgement.failed)
    if answered:
        stale = Q(answered_at__isnull=True) | Q(answered_at__lt=Now() - HEALTH_INTERVAL)
        Classifier.objects.filter(stale, pk__in=answered).update(answered_at=Now())
    for pk, reason in failed.items():
        log.warning("classifier_failed", classifier=pk, reason=reason)
        Classifier.objects.filter(pk=pk).update(failed_at=Now(), failure=reason[:300])


def _marks(judgement: Judgement) -> dict[str, object]:
    marks: dict[str, object] = dict(judgement.marks)
    if judgement.same_as is not None:
        marks["blocked"] = judgement.same_as
    if judgement.failed:
        marks["failed"] = sorted(set(judgement.failed.values()))
    return marks
