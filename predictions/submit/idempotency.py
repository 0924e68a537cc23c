"""Idempotent creates: finds the predictions that an Idempotency-Key or a client's automatic retry made before."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError

from accounts.models import Account, User
from core.clock import after
from predictions.models import IdempotencyKey, Prediction
from predictions.submit import replays
from predictions.submit.refusals import KeyReused
from predictions.submit.work_request import Idempotency, Request, RetryIdentity

KEY_LIFE_S = 24 * 3600.0


class KeyTaken(Exception):
    """Another create with this key was committed first."""


def earlier_prediction(account: Account, user: User, retry_identity: RetryIdentity) -> Prediction | None:
    """The prediction of an earlier identical create, in its present state; None if new. Raises KeyReused."""
    return next(iter(earlier_predictions([retry_identity], account, user)), None)


def earlier_predictions(
    retry_identities: Sequence[RetryIdentity], account: Account, user: User
) -> list[Prediction]:
    """The predictions that an earlier identical create made, in order; empty if new. Raises KeyReused.

    By keys: up to the first unknown one. By automatic retry: all of the request whose response was lost.
    """
    found, repeat = predictions_of_keys(retry_identities, account, user), retry_identities[0].repeatable
    return found if found or repeat is None else replays.take(account, user, repeat)


def predictions_of_keys(
    retry_identities: Sequence[RetryIdentity], account: Account, user: User
) -> list[Prediction]:
    """The predictions made with these keys, up to the first unknown key. Raises KeyReused."""
    found: list[Prediction] = []
    for retry_identity in retry_identities:
        known = _prediction_of(account, user, retry_identity.idempotency)
        if known is None:
            break
        found.append(known)
    return found


def _prediction_of(account: Account, user: User, idempotency: Idempotency | None) -> Prediction | None:
    """The prediction that this member made with this key in the last 24 hours, as it is now. Raises KeyReused."""
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


def remember(requests: Sequence[Request], predictions: list[Prediction]) -> None:
    """Store the keys and retry rows by which a repeated create is recognised. Raises KeyTaken.

    Call it inside the transaction that inserts the predictions.
    """
    for request, prediction in zip(requests, predictions, strict=True):
        if request.retry_identity.idempotency is not None:
            _remember(request, request.retry_identity.idempotency, prediction)
    if requests[0].retry_identity.repeatable is not None:
        replays.remember(requests[0].retry_identity.repeatable, predictions)


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
        raise KeyTaken from None
