"""Replays of a create: the predictions that an Idempotency-Key, or a client's own retry, gave before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import IntegrityError

from accounts.models import Account, User
from core.clock import after
from predictions.models import IdempotencyKey, Prediction
from predictions.submit import replays
from predictions.submit.refusals import (
    KeyReused,
)
from predictions.submit.work_request import Idempotency, Offer, Request, RetryIdentity

KEY_LIFE_S = 24 * 3600.0


def earlier_prediction(account: Account, user: User, again: RetryIdentity) -> Prediction | None:
    """The prediction of the same create, sent before, in its present state; None where it is new. Raises KeyReused."""
    return next(iter(earlier_predictions([again], account, user)), None)


def earlier_predictions(wishes: Sequence[RetryIdentity], account: Account, user: User) -> list[Prediction]:
    """The predictions that one wish gave before, in order; none where it is new. Raises KeyReused.

    By keys: up to the first that is not known. By repeats: all of the request whose answer was lost.
    """
    return _replay_all(account, user, [again.idempotency for again in wishes]) or replays.take(
        account, user, wishes[0].repeatable
    )


def _replay(account: Account, user: User, idempotency: Idempotency | None) -> Prediction | None:
    """The prediction that this key gave this member in the last 24 hours, in its present state. Raises KeyReused."""
    if idempotency is None:
        return None
    rows = IdempotencyKey.objects.filter(
        account=account, user=user, key=idempotency.key, created_at__gt=after(-KEY_LIFE_S)
    )
    found = rows.select_related("prediction__model", "prediction__version").first()
    if found is None:
        return None
    if found.body_hash != idempotency.body_hash:
        raise KeyReused
    found.prediction.was_replayed = True
    return found.prediction


def _replay_all(account: Account, user: User, keys: Iterable[Idempotency | None]) -> list[Prediction]:
    found: list[Prediction] = []
    for key in keys:
        known = _replay(account, user, key)
        if known is None:
            break
        found.append(known)
    return found


def _is_remembered(offers: list[Offer]) -> bool:
    again = [offer.request.again for offer in offers]
    return any(one.idempotency is not None for one in again) or again[0].repeatable is not None


def _remember_all(offers: list[Offer], rows: list[Prediction]) -> None:
    """What makes the same create known when it comes again."""
    for offer, row in zip(offers, rows, strict=True):
        if offer.request.again.idempotency is not None:
            _remember(offer.request, offer.request.again.idempotency, row)
    if offers[0].request.again.repeatable is not None:
        replays.remember(offers[0].request.again.repeatable, rows)


class _KeyTaken(Exception):
    """Another create with this key was committed first."""


def _remember(request: Request, idempotency: Idempotency, prediction: Prediction) -> None:
    of_member = IdempotencyKey.objects.filter(account=request.account, user=request.user, key=idempotency.key)
    of_member.filter(created_at__lte=after(-KEY_LIFE_S)).delete()
    try:
        IdempotencyKey.objects.create(
            account=request.account,
            user=request.user,
            key=idempotency.key,
            body_hash=idempotency.body_hash,
            prediction=prediction,
        )
    except IntegrityError:
        raise _KeyTaken from None
