"""Automatic client retries of a create whose response was lost: the first prediction is found again.

Some clients count their retries in a header (`X-Stainless-Retry-Count`: 0, 1, 2) but send no idempotency key. For them
each create leaves a row until its response is delivered. A retry by the same member, account and body takes over a row
whose response was lost: the caller disconnected before it was sent, or the process that owed it died. A create whose
response was delivered is never replayed; the caller may well want a second one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.http.response import HttpResponseBase

from accounts.models import Account, User
from core.clock import Now
from predictions.models import Prediction, UnansweredCreate

LIFE = timedelta(seconds=120)
RETENTION = timedelta(minutes=10)

_INSTANCE = os.environ.get("DARKROOM_INSTANCE", "local")
_predecessor_checked = False


@dataclass(frozen=True)
class Repeatable:
    """A create by a client that retries automatically: the hash of its body, and the retry count (0: first try)."""

    body_hash: str
    count: int
    request: str
    """The id of this request in the rows; 32 hex digits."""


def repeatable(body_hash: str, count: int) -> Repeatable:
    """A `Repeatable` with a new request id."""
    return Repeatable(body_hash, count, secrets.token_hex(16))


def remember(repeat: Repeatable, predictions: list[Prediction]) -> None:
    """Record that the response is pending. Call it inside the transaction that inserts the predictions."""
    UnansweredCreate.objects.bulk_create(
        UnansweredCreate(
            account_id=prediction.account_id,
            user_id=prediction.user_id,
            body_hash=repeat.body_hash,
            request=repeat.request,
            prediction=prediction,
            instance=_process(),
        )
        for prediction in predictions
    )


def take(account: Account, user: User, repeat: Repeatable) -> list[Prediction]:
    """The predictions of the lost response that this is a retry of, in order; empty where it is new.

    This request owes the response from now on, so a second retry finds nothing while the first is being answered.
    """
    if repeat.count == 0:
        return []
    _mark_predecessors_lost()
    rows = UnansweredCreate.objects.filter(
        account=account, user=user, body_hash=repeat.body_hash, lost=True, created_at__gt=Now() - LIFE
    )
    with transaction.atomic():
        first = rows.order_by("id").values_list("request", flat=True).first()
        if first is None:
            return []
        taken = rows.filter(request=first).update(lost=False, request=repeat.request, instance=_process())
    if not taken:
        # Another retry took them first; if it does not answer either, they count as lost again.
        return []
    rows_of_request = UnansweredCreate.objects.filter(request=repeat.request).order_by("prediction_id")
    found = [
        row.prediction for row in rows_of_request.select_related("prediction__model", "prediction__version")
    ]
    for prediction in found:
        prediction.was_replayed = True
    return found


def watch(response: HttpResponseBase, repeat: Repeatable | None) -> None:
    """Register a callback by which the server reports whether this response was delivered."""
    if repeat is not None:
        response.when_sent = _settler(repeat.request)  # type: ignore[attr-defined]


def _settler(request: str) -> Callable[[bool], None]:
    def settle(delivered: bool) -> None:
        rows = UnansweredCreate.objects.filter(request=request)
        with transaction.atomic():
            if delivered:
                rows.delete()
            else:
                rows.update(lost=True)

    return settle


def forgotten() -> QuerySet[UnansweredCreate]:
    """Rows that no retry can ask for any more."""
    return UnansweredCreate.objects.filter(created_at__lt=Now() - RETENTION)


_names: dict[int, str] = {}


def _process() -> str:
    """The id of this process, not shared by its forks."""
    # `setdefault` is atomic: two threads racing here get the same value.
    return _names.setdefault(os.getpid(), f"{_INSTANCE}:{secrets.token_hex(8)}")


def _mark_predecessors_lost() -> None:
    """Once per process: mark responses that its predecessor on this installation had not delivered as lost."""
    global _predecessor_checked
    if _predecessor_checked:
        return
    with transaction.atomic():
        UnansweredCreate.objects.filter(instance__startswith=f"{_INSTANCE}:", lost=False).exclude(
            instance=_process()
        ).update(lost=True)
    _predecessor_checked = True
