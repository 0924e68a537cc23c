"""Ends predictions (T5): succeed, fail, cancel, expire. Once each, settled in the same transaction; erases data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from accounts import credits
from accounts.site import site_rules
from core.clock import Now
from core.db import pipeline
from core.db.due_rows import PART_S, DueRows
from core.db.pipeline import PreparedInsert
from core.jobs import wakeups
from predictions.execution import task_queue
from predictions.files import media, uploads
from predictions.lifecycle import incremental_outputs, inline_files, previews, start_wakeups, updates
from predictions.lifecycle.messages import (
    PAST_DEADLINE,
    TOO_LONG,
    WAITED_TOO_LONG,
    free,
    one_line,
    with_note,
)
from predictions.models import Output, Phase, Prediction, RuleHit, Status, StoredFile
from predictions.models.prediction import LIVE
from predictions.pricing import calculator
from predictions.signals import prediction_succeeded
from predictions.submit import quotas
from predictions.webhooks import outbox

_ALWAYS = Q()
_HAS_RESULT = Q(phase__in=[Phase.RESULT, Phase.COLLECTING])
"""A successful result is stored: too late to cancel."""


_OUTPUT = PreparedInsert(Output)


@dataclass(frozen=True)
class PreparedOutput:
    """An output whose bytes are stored under a pending row; ending the prediction makes it kept."""

    index: int
    name: str
    token: str
    file: StoredFile
    small: StoredFile | None
    medium: StoredFile | None
    colour: str
    blur: str
    phash: str = ""
    marks: dict[str, Any] = field(default_factory=dict)
    """Verdicts of the image classifiers."""
    row: Output | None = None
    """Its row, where it was shown before the end; its files are owned already."""

    @property
    def path(self) -> str:
        """The path of its URL on this server."""
        return media.output_path(self.token, self.name)

    def files(self) -> list[StoredFile]:
        """The file and its thumbnails."""
        return [file for file in (self.file, self.small, self.medium) if file is not None]

    def row_of(self, prediction: Prediction) -> Output:
        """A new, unsaved row for it."""
        return Output(
            prediction=prediction,
            index=self.index,
            name=self.name,
            token=self.token,
            file=self.file,
            small=self.small,
            medium=self.medium,
            colour=self.colour,
            blur=self.blur,
            phash=self.phash,
            marks=self.marks,
        )


def succeed(
    prediction: Prediction,
    claim: str,
    outputs: list[PreparedOutput],
    value: Any,
    note: str = "",
    *,
    expected: int = 0,
    filtered: int = 0,
    hits: Sequence[RuleHit] = (),
) -> bool:
    """End as succeeded with these stored outputs, or with a JSON `value` where there are none.

    `note`: a last line for the log, such as which output is missing; `expected`: how many outputs were expected, 0 for
    as many as there are; `filtered`: how many of them the safety checks dropped; `hits`: rule hits to record. False
    where the claim is lost: another process ended it, and the files stay pending.
    """
    output = _public_output(prediction, outputs, value)
    metrics = dict((prediction.result or {}).get("metrics") or {})
    paid_for = filtered if site_rules.current().filtered_costs else 0
    delivered = _delivered(prediction, outputs, expected, metrics, paid_for)
    cost = calculator.charge(
        prediction.price, prediction.version, prediction.input, delivered, prediction.price_percent
    )
    charge = min(cost, prediction.ceiling)
    with transaction.atomic():
        if not updates.SUCCEED.run(
            pk=prediction.pk,
            claim=claim,
            output=output,
            metrics=metrics,
            charge=charge,
            delivered=delivered.outputs - paid_for,
            filtered=filtered,
            # Once the result is stored, only the holder of the claim writes the logs.
            logs=with_note(prediction.logs, note) if note else prediction.logs,
        ):
            return False
        new = [(output, output.row_of(prediction)) for output in outputs if output.row is None]
        rows = [output.row for output in outputs if output.row is not None] + [row for _, row in new]
        with pipeline.batch() as together:
            for _, row in new:
                together.send(_OUTPUT.statement(row))
        if hits:
            RuleHit.objects.bulk_create(hits)
        media.keep([file for output, _ in new for file in output.files()])
        if rows:
            prediction_succeeded.send(sender=Prediction, prediction=prediction, outputs=rows)
        if prediction.webhook and "completed" not in prediction.webhook_events:
            # Webhooks for `completed` contain the whole output anyway.
            outbox.enqueue(prediction.pk, "output")
        # The provider finished when its result came; and a webhook can be turned off, but never on.
        _settle(
            prediction.pk,
            prediction.account_id,
            prediction.public_id,
            charge,
            with_webhook=bool(prediction.webhook),
            may_run=False,
        )
    return True


def fail(
    prediction_id: int,
    error: str,
    *,
    claim: str = "",
    where: Q = _ALWAYS,
    closed: bool = False,
    filtered: int = 0,
    hits: Sequence[RuleHit] = (),
) -> bool:
    """End as failed with a one-line error for users, which says that nothing was charged; the hold is released. With
    `claim`: only while the row has it; `where`: only while the row matches.
    `closed`: no provider works on it, or none can be asked to stop, so its slot is freed at once. `filtered`: how many
    outputs the safety checks dropped; `hits`: rule hits to record.
    """
    mine = Q(pk=prediction_id, claim=claim) if claim else Q(pk=prediction_id)
    values: dict[str, Any] = {"upstream_open": False} if closed else {}
    with transaction.atomic():
        ended = _end(mine & where, Status.FAILED, error=free(error), charge=0, filtered=filtered, **values)
        if ended:
            RuleHit.objects.bulk_create(hits)
            _settle_without_charge(prediction_id)
    return ended


def fail_waiting(prediction_id: int, error: str) -> bool:
    """End as failed if it still waits and was never sent to a provider; the hold is released."""
    return fail(prediction_id, error, where=Q(phase=Phase.WAITING, provider=""))


def fail_running(prediction: Prediction, error: str, *, logs: str = "", verbatim: bool = False) -> bool:
    """End as failed because the provider reports it: the provider has stopped, so the slot is freed at once.

    `verbatim`: the error is the published model's own text, which callers compare: the suffix that nothing was charged
    is left out, and shown separately.
    """
    with_webhook = one_line(error) if verbatim else free(error)
    values: dict[str, Any] = {"error": with_webhook, "charge": 0, "upstream_open": False}
    if logs:
        values["logs"] = logs.replace("\x00", "")
    with transaction.atomic():
        ended = _end(Q(pk=prediction.pk, phase=Phase.RUNNING, run=prediction.run), Status.FAILED, **values)
        if ended:
            _settle_without_charge(prediction.pk)
    return ended


def cancel(public_id: str, *, error: str | None = None) -> Prediction:
    """End as canceled at once, from any live status, and release the hold. No effect on an ended prediction.

    Too late once a successful result is stored: then the prediction is returned as it is.
    """
    _cancel(public_id, None if error is None else free(error))
    return Prediction.objects.select_related("model", "version", "price").get(public_id=public_id)


def _cancel(public_id: str, error: str | None) -> None:
    with transaction.atomic():
        ended = _end(
            Q(public_id=public_id) & ~_HAS_RESULT,
            Case(
                When(phase=Phase.WAITING, start_attempts=0, then=Value(Status.ABORTED.value)),
                default=Value(Status.CANCELED.value),
            ),
            charge=0,
            error=error,
        )
        if ended:
            _settle_without_charge(Prediction.objects.values_list("pk", flat=True).get(public_id=public_id))


def _past_deadline() -> QuerySet[Prediction]:
    # Once the result is stored the deadline is ignored: the result is fetched as if none had been set.
    return _live().filter(deadline__lte=Now()).exclude(_HAS_RESULT)


def _past_limit() -> QuerySet[Prediction]:
    return _live().filter(must_end_by__lte=Now())


def _live() -> QuerySet[Prediction]:
    return Prediction.objects.filter(status__in=LIVE).exclude(phase=Phase.ENDED)


def _fail_late(prediction_id: int) -> None:
    """End as failed if still past its limit: a waiting prediction may have been started since it was listed."""
    waited = When(phase=Phase.WAITING, then=Value(free(WAITED_TOO_LONG)))
    with transaction.atomic():
        if _end(
            Q(pk=prediction_id, must_end_by__lte=Now()),
            Status.FAILED,
            error=Case(waited, default=Value(free(TOO_LONG))),
            charge=0,
        ):
            _settle_without_charge(prediction_id)


_DEADLINES = DueRows(
    "deadlines",
    lambda: _past_deadline().values_list("pk", "public_id"),
    lambda row: _cancel(row[1], free(PAST_DEADLINE)),
)
_LIMITS = DueRows("limits", lambda: _past_limit().values_list("pk"), lambda row: _fail_late(row[0]))


def expire(seconds: float = PART_S) -> int:
    """End predictions past their deadline (canceled, as the caller asked) or their time limit (failed), for about
    `seconds` each. Returns the number examined.
    """
    return _DEADLINES.work(seconds) + _LIMITS.work(seconds)


def late() -> tuple[QuerySet[Prediction], QuerySet[Prediction]]:
    """Predictions for `expire`: past the deadline, past the limit."""
    return _past_deadline(), _past_limit()


def remove_data(prediction_id: int) -> bool:
    """Erase input, output and logs of an ended prediction; amounts and times stay."""
    with transaction.atomic():
        changed = Prediction.objects.filter(pk=prediction_id, phase=Phase.ENDED, data_removed=False).update(
            data_removed=True, input={}, output=None, logs="", result=None, revision=F("revision") + 1
        )
        if changed:
            outbox.erase_bodies(prediction_id)
    return changed == 1


def erase(prediction_ids: Sequence[int]) -> int:
    """Erase all personal data of ended predictions; status, amounts and times stay. Returns how many."""
    with transaction.atomic():
        return Prediction.objects.filter(pk__in=prediction_ids, phase=Phase.ENDED).update(
            data_removed=True, input={}, output=None, logs="", result=None, error=None, webhook="", webhook_events=[],
            origin="", batch="", made_from="", made_how="", request_id="", revision=F("revision") + 1,
        )  # fmt: skip


def turn_webhook_off(prediction_id: int) -> None:
    """Drop pending webhooks of this prediction, because the receiver reported that it is gone for good."""
    with transaction.atomic():
        Prediction.objects.filter(pk=prediction_id).update(webhook="")
        outbox.drop_owed(prediction_id)


def _end(where: Q, status: Any, **values: Any) -> bool:
    """The conditional UPDATE from a live status. True where this call ended it."""
    changed = Prediction.objects.filter(where, status__in=LIVE).update(
        status=status,
        phase=Phase.ENDED,
        completed_at=Now(),
        claim="",
        lease_until=None,
        look_at=None,
        not_before=None,
        result=None,
        revision=F("revision") + 1,
        **values,
    )
    return changed == 1


def _settle_without_charge(prediction_id: int) -> None:
    """Drop outputs already shown and release the hold; in the transaction of every end without success.

    Reads the row after the end has locked it, so outputs added until then are found, and no more are added.
    """
    row = Prediction.objects.values_list("account_id", "public_id", "output", "input_bytes")
    account_id, public_id, output, input_bytes = row.get(pk=prediction_id)
    incremental_outputs.drop(prediction_id, output)
    inline_files.remove_files(prediction_id, input_bytes)
    _settle(prediction_id, account_id, public_id, 0)


def _settle(
    prediction_id: int,
    account_id: int,
    reference: str,
    charge: int,
    *,
    with_webhook: bool = True,
    may_run: bool = True,
) -> None:
    """Delete the preview, enqueue webhooks, wake waiters and workers, then settle.

    `with_webhook`: a webhook may be set; `may_run`: the provider may still be working on it. The account's row is
    locked last, everywhere; just before it, the account's usage row.
    """
    wakeups.send_on_commit(wakeups.ENDED, reference)
    previews.drop(prediction_id)
    uploads.end_uses(prediction_id)
    if with_webhook:
        outbox.enqueue(prediction_id, "completed")
    if may_run and Prediction.objects.filter(pk=prediction_id, upstream_open=True).exists():
        task_queue.wake("cancel")
    start_wakeups.wake_waiting()
    quotas.release(prediction_id, account_id)
    credits.settle(account_id, reference, charge)


def _delivered(
    prediction: Prediction,
    outputs: list[PreparedOutput],
    expected: int,
    metrics: dict[str, Any],
    paid_for: int = 0,
) -> calculator.Delivered:
    """What is charged: files with their pixels, or one value; and the predict time that the provider reports.

    `paid_for`: dropped files that are charged like delivered ones.
    """
    seconds = calculator.seconds_of(metrics)
    if not prediction.version.gives_files:
        return calculator.Delivered(1, seconds=seconds)
    pixels = sum((one.file.width or 0) * (one.file.height or 0) for one in outputs)
    count = len(outputs) + paid_for
    return calculator.Delivered(count, expected, pixels * count // max(1, len(outputs)), seconds)


def _public_output(prediction: Prediction, outputs: list[PreparedOutput], value: Any) -> Any:
    if not prediction.version.gives_files:
        return value
    paths = [output.path for output in outputs]
    return paths if prediction.version.gives_list else paths[0]
