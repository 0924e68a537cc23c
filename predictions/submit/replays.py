"""Creates that a client repeats by itself, because their answer never arrived: the first prediction is found again.

Some clients count their automatic repeats in a header (`X-Stainless-Retry-Count`: 0, 1, 2), but send no key. For them
each create leaves a row until its answer has gone out. A repeat of the same member with the same account and body takes
over a row whose answer was lost: the caller had left before it was sent, or the process that owed it is gone. What was
answered is never given again; the same caller may well want two of it.
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
KEPT = timedelta(minutes=10)

_INSTANCE = os.environ.get("DARKROOM_INSTANCE", "local")
_looked_back = False


@dataclass(frozen=True)
class Repeatable:
    """A create by a client that repeats by itself: the hash of what it sent, and which try this is (0: the first)."""

    body_hash: str
    count: int
    request: str
    """Names this request in the rows; 32 hex digits."""


def repeatable(body_hash: str, count: int) -> Repeatable:
    """One request of such a client."""
    return Repeatable(body_hash, count, secrets.token_hex(16))


def remember(repeat: Repeatable, predictions: list[Prediction]) -> None:
    """Note that their answer is owed. Call it inside the transaction that inserts them."""
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
    """The predictions of the lost answer that this repeat asks for again, in order; none where it is new.

    The answer is owed by this request from now on, so that a second repeat finds nothing while the first is answered.
    """
    if repeat.count == 0:
        return []
    _own_up()
    rows = UnansweredCreate.objects.filter(
        account=account, user=user, body_hash=repeat.body_hash, lost=True, created_at__gt=Now() - LIFE
    )
    with transaction.atomic():
        first = rows.order_by("id").values_list("request", flat=True).first()
        if first is None:
            return []
        taken = rows.filter(request=first).update(lost=False, request=repeat.request, instance=_process())
    if not taken:
        # Another repeat was quicker; what it does not answer will be lost again.
        return []
    mine = UnansweredCreate.objects.filter(request=repeat.request).order_by("prediction_id")
    found = [row.prediction for row in mine.select_related("prediction__model", "prediction__version")]
    for prediction in found:
        prediction.was_replayed = True
    return found


def watch(response: HttpResponseBase, repeat: Repeatable | None) -> None:
    """Have the server say what became of this answer, once it is known."""
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
    """What nobody can ask for any more."""
    return UnansweredCreate.objects.filter(created_at__lt=Now() - KEPT)


_names: dict[int, str] = {}


def _process() -> str:
    """The name of this process, which its forks do not share."""
    # `setdefault` is one step: of two threads that ask first both get the same.
    return _names.setdefault(os.getpid(), f"{_INSTANCE}:{secrets.token_hex(8)}")


def _own_up() -> None:
    """Once in the life of a process: what its predecessor on this installation had not answered is lost."""
    global _looked_back
    if _looked_back:
        return
    with transaction.atomic():
        UnansweredCreate.objects.filter(instance__startswith=f"{_INSTANCE}:", lost=False).exclude(
            instance=_process()
        ).update(lost=True)
    _looked_back = True
