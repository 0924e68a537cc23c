"""What is noted of judgements: findings for moderators, and how the classifiers stand. Asks the database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.models import Account, User
from core.clock import Now
from predictions.files import media
from predictions.files.image_probe import Look
from predictions.image_safety.safety_pipeline import Judgement
from predictions.models import Action, Classifier, Prediction, RuleHit, StoredFile, Upload

log = structlog.get_logger(__name__)
AGAIN = timedelta(minutes=1)
"""How often an answer is written down: all say the same."""
_LARGEST_LOOK = 4 * 1024 * 1024
"""Bytes of a thumbnail: more than any has."""


def for_outputs(prediction: Prediction, judged: Iterable[tuple[int, Judgement]]) -> list[RuleHit]:
    """Rows for outputs that were dropped, or that a moderator is to see, by their places; not saved yet."""
    rows = []
    for index, one in judged:
        source = one.dropped or ", ".join(one.flagged)
        if not source:
            continue
        rows.append(
            RuleHit(
                what=RuleHit.What.OUTPUT,
                source=source[:80],
                action=Action.REFUSE if one.dropped else Action.FLAG,
                account_id=prediction.account_id,
                user_id=prediction.user_id,
                prediction=prediction.public_id,
                output_index=index,
                excerpt=one.excerpt,
                marks=_marks(one),
                case_owed=not one.dropped,
            )
        )
    return rows


def for_upload(
    account: Account, user: User, name: str, one: Judgement, look: Look | None = None, sha256: str = ""
) -> RuleHit | None:
    """Note a file that a member sent and that was refused, or that a moderator is to see. Outside transactions.

    What a moderator is to see is kept as our own thumbnail of it (`look`, while that lies there): the file itself may
    be deleted, or stands in an input alone.
    """
    source = one.dropped or ", ".join(one.flagged)
    if not source:
        return None
    file = _kept(look) if look is not None and not one.dropped else None
    with transaction.atomic():
        hit = RuleHit.objects.create(
            what=RuleHit.What.UPLOAD,
            source=source[:80],
            action=Action.REFUSE if one.dropped else Action.FLAG,
            account=account,
            user=user,
            excerpt=f"{name[:200]} {one.excerpt}".replace("\x00", "").strip()[:300],
            marks={**_marks(one), "name": name[:200].replace("\x00", ""), "sha256": sha256},
            look=file,
            case_owed=not one.dropped,
        )
        media.keep([file] if file is not None else [])
    return hit


def _kept(look: Look) -> StoredFile | None:
    """The thumbnail that classifiers see, stored; none where there is none, or no room."""
    if look.medium is None:
        return None
    made = look.medium
    try:
        with media.Writing(_LARGEST_LOOK) as writing:
            with made.path.open("rb") as file:
                while chunk := file.read(media.CHUNK):
                    writing.write(chunk)
            sha256 = writing.finished()
            place = media.reserve(made.path.suffix.lstrip("."))
            return media.store(
                place, writing.path, sha256=sha256, content_type=made.content_type,
                width=made.width, height=made.height,
            )  # fmt: skip
    except (OSError, ValueError, media.DiskFull) as fault:
        log.error("look_not_kept", why=type(fault).__name__)
        return None


def attach(hit: RuleHit, upload: Upload) -> None:
    """Say which upload it was found in; in the transaction that keeps it."""
    RuleHit.objects.filter(pk=hit.pk).update(upload=upload.public_id)


def owned_files() -> Exists:
    """Of stored files: whether one is kept with a finding."""
    return Exists(RuleHit.objects.filter(look=OuterRef("pk")))


def record_classifier_health(judged: Iterable[Judgement]) -> None:
    """Write down how the classifiers stand that were asked. Outside transactions."""
    answered: set[int] = set()
    failed: dict[int, str] = {}
    for one in judged:
        answered.update(one.answered)
        failed.update(one.failed)
    if answered:
        fresh = Q(answered_at__isnull=True) | Q(answered_at__lt=Now() - AGAIN)
        Classifier.objects.filter(fresh, pk__in=answered).update(answered_at=Now())
    for pk, why in failed.items():
        log.warning("classifier_failed", classifier=pk, reason=why)
        Classifier.objects.filter(pk=pk).update(failed_at=Now(), failure=why[:300])


def _marks(one: Judgement) -> dict[str, object]:
    marks: dict[str, object] = dict(one.marks)
    if one.same_as is not None:
        marks["blocked"] = one.same_as
    if one.failed:
        marks["failed"] = sorted(set(one.failed.values()))
    return marks
