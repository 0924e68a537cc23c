"""Quotas of an account: stored bytes, uploads, live predictions. The only writer of `AccountUsage`.

One row per account, changed by one conditional statement in the transaction that stores, accepts or ends something,
so that parallel uploads or creates cannot exceed a limit together, and no check needs a sum. Columns:
    predictions, input_bytes   live predictions, and their inputs as JSON
    output_bytes               their expected outputs
    stored_bytes               every file of the account, from the reservation until its bytes are removed
    upload_bytes               the uploads among them, each counted as at least `LEAST_UPLOAD` bytes
Doomed files still count in `stored_bytes`; readers of the usage subtract them, so that dooming a file need not lock
this row. Limits: `accounts.site.account_limits`. Sizes are in bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection, transaction
from django.db.models import (
    BigIntegerField,
    Count,
    Exists,
    F,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, Greatest

from accounts.credits.limit_usage import Room
from accounts.models import Account
from accounts.site import account_limits
from core.db import pipeline
from core.db.pipeline import Rows, Statement
from core.db.prepared_writes import PreparedWrite
from predictions.models import AccountUsage, Prediction, StoredFile
from predictions.submit.refusals import InvalidInput, Refused, StorageFull, TooManyWaiting
from predictions.submit.validation import Fault

LEAST_UPLOAD = 4096
"""The least bytes that an upload counts as: what any file occupies on disk, however short."""
NO_LIMIT = 2**62
_COLUMNS = ("predictions", "input_bytes", "output_bytes", "stored_bytes", "upload_bytes")


class QuotaExceeded(Exception):
    """A quota of the account would be exceeded; `refusal` says which."""


@dataclass(frozen=True)
class Work:
    """What one prediction counts until it ends."""

    input_bytes: int
    output_bytes: int
    """Estimated."""


@dataclass(frozen=True)
class Limits:
    """The quotas of an account; `NO_LIMIT` where unlimited."""

    predictions: int
    input_bytes: int
    storage: int
    uploads: int


def limits_of(account: Account) -> Limits:
    """The quotas in force for the account."""
    return Limits(
        predictions=account_limits.quota(account, "waiting_limit") or NO_LIMIT,
        input_bytes=account_limits.quota(account, "waiting_bytes") or NO_LIMIT,
        storage=account_limits.quota(account, "storage_quota") or NO_LIMIT,
        uploads=account_limits.quota(account, "upload_quota") or NO_LIMIT,
    )


def admission(account: Account, works: Sequence[Work]) -> Statement:
    """The statement that counts new predictions: send it first in the batch of the transaction that inserts them.

    Reading its result raises QuotaExceeded unless all of them fit.
    """
    limits, work, count = limits_of(account), _total(works), len(works)
    params = [
        account.pk, count, work.input_bytes, work.output_bytes,
        count, limits.predictions, work.input_bytes, limits.input_bytes,
        limits.predictions, limits.input_bytes,
    ]  # fmt: skip
    bounded = limits.storage < NO_LIMIT
    if bounded:
        # One may start while any storage is left; of several, each after those before it.
        params += [account.pk, work.output_bytes - works[-1].output_bytes, limits.storage]
    return Statement(_admit(bounded=bounded), params, _check_fits)


def count_upload(account: Account, size: int) -> None:
    """Count an upload, in the transaction that reserves its file. Raises QuotaExceeded."""
    limits, counted = limits_of(account), max(size, LEAST_UPLOAD)
    params = [
        account.pk, size, counted, size, limits.storage, counted, limits.uploads,
        account.pk, limits.storage, account.pk, limits.uploads,
    ]  # fmt: skip
    with pipeline.batch() as batch:
        batch.send(Statement(_count_upload(), params, _check_fits))


def store(account_id: int, size: int) -> None:
    """Add stored bytes without checking a limit; in the transaction that records the files."""
    with pipeline.batch() as batch:
        batch.send(Statement(_store(), [account_id, size]))


def remove(files: Iterable[StoredFile]) -> None:
    """Subtract removed files; in the transaction that deletes their rows."""
    by_account: dict[int, list[StoredFile]] = {}
    for file in files:
        if file.account_id is not None:
            by_account.setdefault(file.account_id, []).append(file)
    # In a fixed order, so that two processes removing files of the same accounts cannot deadlock.
    for account_id, files_of_account in sorted(by_account.items()):
        uploads = sum(max(file.size, LEAST_UPLOAD) for file in files_of_account if file.is_upload)
        AccountUsage.objects.filter(account_id=account_id).update(
            stored_bytes=Greatest(F("stored_bytes") - sum(file.size for file in files_of_account), 0),
            upload_bytes=Greatest(F("upload_bytes") - uploads, 0),
        )


def release(prediction_id: int, account_id: int) -> None:
    """Subtract an ended prediction; once, in the transaction that ends it. Locks the row until commit: call it late."""
    _ENDED.run(pk=prediction_id, account=account_id)


def refusal(account: Account, works: Sequence[Work] = ()) -> Refused | None:
    """The refusal of new predictions of this size (of any, where `works` is empty); None where they fit."""
    limits, work = limits_of(account), _total(works)
    if limits.storage == NO_LIMIT and not works:
        return None
    usage = AccountUsage.objects.filter(account=account).first() or AccountUsage(account=account)
    stored = used(account)
    if stored >= limits.storage:
        return StorageFull.of_pictures(stored, limits.storage)
    if len(works) > limits.predictions:
        text = f"Asks for {len(works)} predictions, and {limits.predictions} of this account may wait at once"
        return InvalidInput([Fault("too_many", "input", text)])
    if usage.predictions + len(works) > limits.predictions:
        return TooManyWaiting("predictions", limits.predictions)
    if work.input_bytes > limits.input_bytes:
        text = f"Is larger than all inputs of this account that wait may be: {limits.input_bytes} bytes"
        return InvalidInput([Fault("too_large", "input", text)])
    if usage.input_bytes + work.input_bytes > limits.input_bytes:
        return TooManyWaiting("input_bytes", limits.input_bytes)
    if works and stored + work.output_bytes - works[-1].output_bytes >= limits.storage:
        # Several, which would exceed the quota even with nothing else live.
        return StorageFull.of_pictures(stored, limits.storage)
    if works and stored + usage.output_bytes + work.output_bytes >= limits.storage:
        return TooManyWaiting("output_bytes", limits.storage)
    return None


def refusal_of_upload(account: Account, size: int) -> Refused | None:
    """The refusal of an upload of this size; None where it fits."""
    limits, counted = limits_of(account), max(size, LEAST_UPLOAD)
    if limits.storage == limits.uploads == NO_LIMIT:
        return None
    if size > limits.storage or counted > limits.uploads:
        return StorageFull.of_file(counted, min(limits.storage, limits.uploads))
    usage = AccountUsage.objects.filter(account=account).first() or AccountUsage(account=account)
    stored = used(account)
    if stored + size > limits.storage:
        return StorageFull.of_pictures(stored, limits.storage)
    sent = usage.upload_bytes - _doomed(account, is_upload=True)
    if sent + counted > limits.uploads:
        return StorageFull.of_uploads(sent, limits.uploads)
    if stored + usage.output_bytes + size > limits.storage:
        return TooManyWaiting("output_bytes", limits.storage)
    return None


def used(account: Account) -> int:
    """Bytes of the account's stored and reserved files, without doomed ones."""
    stored = AccountUsage.objects.filter(account=account).values_list("stored_bytes", flat=True).first()
    return max(0, (stored or 0) - _doomed(account)) if stored else 0


def rooms(account: Account) -> list[Room]:
    """Usage and limits of the account, for its own display. One query."""
    limits = limits_of(account)
    rows = StoredFile.objects.filter(account=OuterRef("pk"), state=StoredFile.State.DOOMED)
    doomed = rows.order_by().values("account")
    usage = (
        AccountUsage.objects.filter(account=account)
        .annotate(
            doomed=_sum(doomed.annotate(s=Sum("size"))),
            doomed_uploads=_sum(doomed.filter(is_upload=True).annotate(s=Sum(_least()))),
        )
        .values(*_COLUMNS, "doomed", "doomed_uploads")
        .first()
    ) or dict.fromkeys((*_COLUMNS, "doomed", "doomed_uploads"), 0)
    used = (
        ("predictions", limits.predictions, usage["predictions"]),
        ("input_bytes", limits.input_bytes, usage["input_bytes"]),
        ("upload_bytes", limits.uploads, usage["upload_bytes"] - usage["doomed_uploads"]),
        ("stored_bytes", limits.storage, usage["stored_bytes"] - usage["doomed"] + usage["output_bytes"]),
    )
    return [Room(name, None if most == NO_LIMIT else most, max(0, count)) for name, most, count in used]


def recount(account_id: int) -> None:
    """Recompute the account's row from the rows that it counts: the audit's repair."""
    with transaction.atomic():
        # Created and locked first: concurrent changes wait, and are then added to the sums taken here.
        store(account_id, 0)
        AccountUsage.objects.filter(account_id=account_id).update(**_sums())


def miscounted() -> QuerySet[AccountUsage]:
    """Rows that differ from the sums of what they count; the sums are annotated as `true_…`."""
    sums = {f"true_{name}": found for name, found in _sums().items()}
    differs = Q()
    for name in _COLUMNS:
        differs |= ~Q(**{name: F(f"true_{name}")})
    return AccountUsage.objects.annotate(**sums).filter(differs)


def uncounted() -> QuerySet[Account]:
    """Accounts with something to count but no usage row."""
    files = StoredFile.objects.filter(account=OuterRef("pk"))
    live = Prediction.objects.live().filter(account=OuterRef("pk"))
    return Account.objects.filter(Exists(files) | Exists(live), usage__isnull=True)


def _sums() -> dict[str, Coalesce]:
    """The true value of each column, for the account in `OuterRef("pk")`."""
    live = Prediction.objects.live().filter(account=OuterRef("pk")).order_by().values("account")
    files = StoredFile.objects.filter(account=OuterRef("pk")).order_by().values("account")
    uploads = files.filter(is_upload=True)
    rows = (
        live.annotate(s=Count("pk")),
        live.annotate(s=Sum("input_bytes")),
        live.annotate(s=Sum("output_bytes")),
        files.annotate(s=Sum("size")),
        uploads.annotate(s=Sum(_least())),
    )
    return {name: _sum(found) for name, found in zip(_COLUMNS, rows, strict=True)}


def _sum(rows: QuerySet[Any, Any]) -> Coalesce:
    """The sum `s` of rows; 0 where there are none."""
    return Coalesce(Subquery(rows.values("s")), Value(0), output_field=BigIntegerField())


def _total(works: Sequence[Work]) -> Work:
    return Work(sum(work.input_bytes for work in works), sum(work.output_bytes for work in works))


def _check_fits(rows: Rows) -> None:
    if not rows:
        raise QuotaExceeded


def _doomed(account: Account, **where: bool) -> int:
    rows = StoredFile.objects.filter(account=account, state=StoredFile.State.DOOMED, **where)
    return int(rows.aggregate(s=Sum(_least() if where else F("size")))["s"] or 0)


_ENDED = PreparedWrite(
    lambda pk, account: (
        AccountUsage.objects.filter(account_id=account),
        # Never below 0: a prediction must end even if it was never counted. The audit reports it.
        {
            "predictions": Greatest(F("predictions") - 1, 0),
            "input_bytes": _less("input_bytes", pk),
            "output_bytes": _less("output_bytes", pk),
        },
    )
)


def _less(name: str, prediction_id: int) -> Greatest:
    amount = Subquery(
        Prediction.objects.filter(pk=prediction_id).values(name), output_field=BigIntegerField()
    )
    return Greatest(F(name) - amount, 0, output_field=BigIntegerField())


def _least() -> Greatest:
    return Greatest(F("size"), Value(LEAST_UPLOAD), output_field=BigIntegerField())


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _upsert(values: str, fits: str, changes: str, still_fits: str) -> str:
    """SQL that inserts or updates the account's row where it fits. Parameters are cast: PostgreSQL needs it."""
    usage = _table(AccountUsage)
    return (
        f"INSERT INTO {usage} AS now (account_id, {', '.join(_COLUMNS)}) "
        f"SELECT {values} WHERE {fits} ON CONFLICT (account_id) DO UPDATE SET {changes} WHERE {still_fits} "
        "RETURNING account_id"
    )


_N = "CAST(%s AS bigint)"


def _changed(*names: str) -> str:
    return ", ".join(f"{name} = now.{name} + excluded.{name}" for name in names)


def _doomed_sum(expression: str, where: str = "") -> str:
    files = _table(StoredFile)
    return (
        f"COALESCE((SELECT SUM({expression}) FROM {files} WHERE account_id = {_N} "  # noqa: S608 (a table's own name)
        f"AND state = 'doomed'{where}), 0)"
    )


@cache
def _admit(*, bounded: bool) -> str:
    room = (
        f" AND now.stored_bytes - {_doomed_sum('size')} + now.output_bytes + {_N} < {_N}" if bounded else ""
    )
    return _upsert(
        f"{_N}, {_N}, {_N}, {_N}, 0, 0",
        f"{_N} <= {_N} AND {_N} <= {_N}",
        _changed("predictions", "input_bytes", "output_bytes"),
        "now.predictions + excluded.predictions <= " + _N
        + " AND now.input_bytes + excluded.input_bytes <= " + _N + room,
    )  # fmt: skip


@cache
def _count_upload() -> str:
    largest = "GREATEST" if connection.vendor == "postgresql" else "MAX"
    sent = _doomed_sum(f"{largest}(size, {LEAST_UPLOAD})", f" AND is_upload = {_true()}")
    return _upsert(
        f"{_N}, 0, 0, 0, {_N}, {_N}",
        f"{_N} <= {_N} AND {_N} <= {_N}",
        _changed("stored_bytes", "upload_bytes"),
        f"now.stored_bytes - {_doomed_sum('size')} + now.output_bytes + excluded.stored_bytes <= {_N} "
        f"AND now.upload_bytes - {sent} + excluded.upload_bytes <= {_N}",
    )


def _true() -> str:
    return "true" if connection.vendor == "postgresql" else "1"


@cache
def _store() -> str:
    return _upsert(f"{_N}, 0, 0, 0, {_N}, 0", "1 = 1", _changed("stored_bytes"), "1 = 1")
