"""Takedown: removing an item for good by a moderator's decision, with sealed evidence kept.

One transaction without any access to the storage, so that it can be part of a decision: rows and thumbnails go
as when the owner deletes the item, and ownership of the whole file passes from the output to the evidence. A
background job then encrypts it (`evidence.seal`) and dooms the plain file. From the first moment no URL leads
to either.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.site import site_rules
from accounts.staff import audit_log
from core import crypto
from core.clock import Now
from core.jobs import scheduler, wakeups
from gallery.items import deletion
from gallery.models import Case, Evidence, Item, Report
from gallery.moderation import evidence, upload_cases
from gallery.moderation.effects import ban_effects
from gallery.privacy import exports
from predictions.files import removal
from predictions.models import Output, Prediction

_LONGEST_REASON = 200


def connect_signals() -> None:
    """Register the background jobs of bans and evidence, the owners of their files, and the encrypted column."""
    ban_effects.connect_signals()
    removal.register_owner(evidence.is_evidence_file)
    removal.register_owner(upload_cases.is_case_thumbnail)
    crypto.register_column(Evidence, "words")
    scheduler.register("banned pictures", ban_effects.run_once, due=ban_effects.pending)
    scheduler.register("evidence", evidence.run_once, due=evidence.due)
    scheduler.register("old evidence", evidence.delete_expired, due=evidence.expired, every_s=60.0)
    scheduler.register("looks of sent files", upload_cases.delete_old_thumbnails, every_s=60.0)


def lock(item: Item) -> None:
    """Lock the prediction before the item, as deleting by its owner does: in the other order the two would
    deadlock.

    Call in a transaction, before the item is locked.
    """
    owner = Output.objects.filter(pk=item.output_id).values("prediction")
    Prediction.objects.select_for_update().only("pk").filter(pk__in=owner).first()


def remove(
    item: Item, by: User | None, reason: str, case: Case | int | None = None, block: bool = True
) -> Evidence | None:
    """Remove the item and keep it as sealed evidence for as long as the site settings say. None where it is
    gone already.

    `block`: refuse the same picture from now on, uploaded or generated. The caller has checked permissions.
    """
    number = case.pk if isinstance(case, Case) else case
    reason = reason.replace("\x00", "").strip()[:_LONGEST_REASON]
    with transaction.atomic(), audit_log.gathered():
        output = (
            Output.objects.select_related("file", "prediction__version__model", "prediction__account")
            .filter(pk=item.output_id)
            .first()
        )
        if output is None:
            return None
        texts = _texts(item, output)
        if not deletion.delete(item, spare_file=True):
            return None
        exports.invalidate(item.user_id, item.account_id)
        sealed = Evidence.objects.create(
            case_id=number,
            user_id=item.user_id,
            item_id_then=item.public_id,
            file=output.file,
            content_type=output.file.content_type,
            words=evidence.encrypt_texts(texts),
            phash=output.phash,
            made_by=by,
            sealed_until=Now() + timedelta(days=site_rules.current().evidence_days),
            sealing_owed=True,
            block_owed=block,
        )
        if block:
            evidence.block(sealed, reason=reason, by=by)
        audit_log.write(
            by, "item.take_out", item, name=item.title or item.public_id, reason=reason,
            account=item.account_id, case=number,
            detail={"evidence": sealed.pk, "block": block, "prediction": output.prediction.public_id},
        )  # fmt: skip
        wakeups.send_on_commit(wakeups.JOBS)
    return sealed


def _texts(item: Item, output: Output) -> dict[str, Any]:
    """The item's texts and reports, kept for whoever opens the evidence."""
    prediction = output.prediction
    reports = Report.objects.filter(item=item).select_related("reporter").order_by("pk")[:100]
    return {
        "item": item.public_id,
        "title": item.title,
        "prompt": item.prompt,
        "made_by": item.user.username,
        "account": prediction.account.name,
        "model": prediction.version.model.ref,
        "prediction": prediction.public_id,
        "made_at": prediction.created_at.isoformat(),
        "visibility": item.visibility,
        "input": evidence.shortened(prediction.input),
        "marks": output.marks,
        "sha256": output.file.sha256,
        "reports": [
            {
                "by": row.reporter.username if row.reporter else "",
                "reason": row.reason,
                "words": row.words,
                "at": row.created_at.isoformat(),
            }
            for row in reports
        ],
    }
