"""Incremental outputs: files of a growing list, shown one by one while the model runs, each as soon as it is stored.

Their rows exist before the prediction ends; success adopts them, any other end removes them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F

from predictions.files import media
from predictions.models import Output, Phase, Prediction, RuleHit
from predictions.models.prediction import LIVE
from predictions.providers.base import OutputRef, Update
from predictions.providers.provider_names import is_upstream
from predictions.webhooks import outbox

if TYPE_CHECKING:
    from predictions.lifecycle.completion import PreparedOutput


def announced(prediction: Prediction, update: Update) -> list[OutputRef]:
    """All completed files of the update, if any is not shown yet; else none.

    Only for the embedded engine, where a repeated run gives exactly the same files.
    """
    if not prediction.version.streams_files or is_upstream(prediction.provider):
        return []
    if not isinstance(update.output, list):
        return []
    files = [ref for ref in update.output if isinstance(ref, OutputRef)]
    return files if len(files) > len(prediction.output or []) else []


def due() -> list[Prediction]:
    """Running predictions with announced files that are not shown yet, unordered.

    They are no more than the engine's slots, so one whose files are unavailable cannot starve the others.
    """
    rows = Prediction.objects.filter(phase=Phase.RUNNING, result__isnull=False).select_related("version")
    found = [row for row in rows if len((row.result or {}).get("files") or []) > len(row.output or [])]
    random.shuffle(found)
    return found


def show(prediction: Prediction, outputs: list[PreparedOutput], hits: Sequence[RuleHit] = ()) -> bool:
    """Append these stored files to the shown outputs. False where it no longer runs, or another worker was first.

    `hits`: rule hits for moderators.
    """
    shown = list(prediction.output or [])
    with transaction.atomic():
        changed = Prediction.objects.filter(
            pk=prediction.pk, phase=Phase.RUNNING, run=prediction.run, status__in=LIVE
        )
        # This write locks the row, so the prediction can end only afterwards and then finds these files.
        if not changed.update(revision=F("revision") + 1):
            return False
        if Output.objects.filter(prediction=prediction).count() != len(shown):
            return False
        Output.objects.bulk_create(output.row_of(prediction) for output in outputs)
        RuleHit.objects.bulk_create(hits)
        media.keep([file for output in outputs for file in output.files()])
        Prediction.objects.filter(pk=prediction.pk).update(
            output=[*shown, *(output.path for output in outputs)]
        )
        outbox.enqueue(prediction.pk, "output")
    return True


def drop(prediction_id: int, output: Any) -> None:
    """Doom the files shown so far (`output`). Call it inside the transaction of an end without success."""
    if not output:
        return
    rows = list(Output.objects.filter(prediction=prediction_id).select_related("file", "small", "medium"))
    if not rows:
        return  # text output stays as it is after an end without success
    media.doom([file for row in rows for file in (row.file, row.small, row.medium) if file is not None])
    Output.objects.filter(pk__in=[row.pk for row in rows]).delete()
    Prediction.objects.filter(pk=prediction_id).update(output=None)
