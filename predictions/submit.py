"""The one door for new work: checks in the contract's order, quotes, holds, inserts (T1). All doors use it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import credits, statements, token_limits, tokens
from accounts.clock import Now
from accounts.models import Account, ApiToken, User
from accounts.statements import PreparedInsert
from predictions import availability, lifecycle, policy, pricing, repeats, room, validation
from predictions.clock import after
from predictions.files import media
from predictions.models import IdempotencyKey, Prediction, Version
from predictions.models.prediction import new_public_id
from predictions.running import first_look, inputs, queue
from predictions.validation import Fault

KEY_LIFE_S = 24 * 3600.0


class Refused(Exception):
    """A request that was not accepted: nothing is held, stored or queued. Carries what a dialect needs to say so."""

    status = 422
    title = "Refused"
    detail = "The request was refused."

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.detail
        super().__init__(self.detail)


class InvalidInput(Refused):
    """The input does not fit the version's schema."""

    title = "Input validation failed"

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("".join(fault.line for fault in faults))


class PromptNotAllowed(InvalidInput):
    """A rule of this server refuses the words or the files."""

    title = "Prompt not allowed"


class ModelNotAvailable(Refused):
    """No provider can serve this model at present, or it has no price."""

    title = "Model not available"
    detail = "No provider can serve this model at present. Nothing was charged."


class InsufficientCredit(Refused):
    """The account has less than the most this can cost."""

    status = 402
    title = "Insufficient credit"
    detail = "You have insufficient credit to run this model. Add credit to your account and try again."


class TokenLimit(InsufficientCredit):
    """A spending limit of the API token leaves less than the most this can cost."""

    def __init__(self, reached: credits.TokenLimitReached) -> None:
        super().__init__(token_limits.refusal(reached))


class ModelNotPermitted(Refused):
    """The API token may use some models, and this is none of them."""

    title = "Invalid version or not permitted"

    def __init__(self, ref: str, allowed: list[str]) -> None:
        self.ref = ref
        super().__init__(f"This API token may not use {ref}. It may use: {', '.join(allowed)}.")


class AccountSuspended(Refused):
    """The account takes no new work."""

    status = 403
    title = "Forbidden"
    detail = "This account is closed to new predictions."


class ServerFull(Refused):
    """The disk is nearly full: new work would end without a place for its pictures."""

    status = 503
    title = "Service unavailable"
    detail = "The server has too little free space for new pictures. Nothing was charged; try again later."


class StorageFull(Refused):
    """The account's pictures take all the room that it has."""

    # Not 402, which is about credit, and not 507, which clients would try again.
    status = 403
    title = "Storage full"
    detail = "Your pictures take all the room that you have. Nothing was charged."


class KeyReused(Refused):
    """The idempotency key came with another body before."""

    title = "Idempotency key reused"
    detail = "This Idempotency-Key was sent with another body in the last 24 hours. Use a new key for a new request."


@dataclass(frozen=True)
class Idempotency:
    """A caller's key for one create, and the hash of the body that came with it (64 hex digits)."""

    key: str
    body_hash: str


@dataclass(frozen=True)
class Again:
    """How a create that was sent before is known again: by the caller's key, or by its client's count of repeats."""

    idempotency: Idempotency | None = None
    repeatable: repeats.Repeatable | None = None


@dataclass(frozen=True)
class Request:
    """One wish, as a dialect or a page understood it. `input` has no nulls dropped yet."""

    account: Account
    user: User
    version: Version
    input: dict[str, Any]
    token: ApiToken | None = None
    source: Literal["api", "web"] = "api"
    deadline_s: float | None = None
    """Seconds after creation at which the caller wants it canceled."""
    webhook: str = ""
    webhook_events: tuple[str, ...] = ()
    origin: str = ""
    """`https://host` under which the caller reached us; webhooks carry addresses under it."""
    mount: str = ""
    deployment: str = ""
    """`owner/name` of the alias that it came by."""
    again: Again = Again()
    batch: str = ""
    """The same for all predictions of one press in the studio."""
    made_from: str = ""
    made_how: str = ""
    """The public id of the gallery's item that it is made from, and how (`MadeHow`)."""


@dataclass(frozen=True)
class Offer:
    """A request that passed every check but credit: what will be held, and what is inserted."""

    request: Request
    price: Any
    ceiling: int
    input: dict[str, Any] = field(repr=False)


def quote(version: Version, given: dict[str, Any]) -> int:
    """The most a prediction with this input can cost, in micro-credits. Raises ModelNotAvailable."""
    try:
        return pricing.ceiling(pricing.current_price(version.model), version, validation.without_nulls(given))
    except pricing.NoPrice:
        raise ModelNotAvailable("This model has no price yet. Nothing was charged.") from None


def check(request: Request) -> Offer:
    """Everything that can be refused before money is touched, in the contract's order. Raises Refused."""
    _permit(request)
    given = validation.without_nulls(request.input)
    faults = validation.check(request.version, given)
    faults = faults or inputs.objections(request.version, given, request.origin, request.account)
    faults = faults or first_look.objections(request.version, given, request.origin, request.account)
    if faults:
        raise InvalidInput(faults)
    objections = policy.objections(given)
    if objections:
        raise PromptNotAllowed(objections)
    if not availability.can_serve(request.version.model):
        raise ModelNotAvailable
    if availability.is_capped(request.version.model):
        raise ModelNotAvailable(lifecycle.free(availability.CAPPED))
    try:
        price = pricing.current_price(request.version.model)
    except pricing.NoPrice:
        raise ModelNotAvailable("This model has no price yet. Nothing was charged.") from None
    if not media.has_room():
        raise ServerFull
    full = room.objection(request.account)
    if full:
        raise StorageFull(full)
    return Offer(request, price, pricing.ceiling(price, request.version, given), _redacted(request, given))


def made_before(account: Account, again: Again) -> Prediction | None:
    """The prediction of the same create, sent before, in its present state; None where it is new. Raises KeyReused."""
    return next(iter(all_made_before([again], account)), None)


def all_made_before(wishes: Sequence[Again], account: Account) -> list[Prediction]:
    """The predictions that one wish gave before, in order; none where it is new. Raises KeyReused.

    By keys: up to the first that is not known. By repeats: all of the request whose answer was lost.
    """
    return _replay_all(account, [again.idempotency for again in wishes]) or repeats.take(
        account, wishes[0].repeatable
    )


def _replay(account: Account, idempotency: Idempotency | None) -> Prediction | None:
    """The prediction that this key gave in the last 24 hours, in its present state. Raises KeyReused."""
    if idempotency is None:
        return None
    rows = IdempotencyKey.objects.filter(
        account=account, key=idempotency.key, created_at__gt=after(-KEY_LIFE_S)
    )
    found = rows.select_related("prediction__model", "prediction__version").first()
    if found is None:
        return None
    if found.body_hash != idempotency.body_hash:
        raise KeyReused
    found.prediction.was_replayed = True
    return found.prediction


def _replay_all(account: Account, keys: Iterable[Idempotency | None]) -> list[Prediction]:
    found: list[Prediction] = []
    for key in keys:
        known = _replay(account, key)
        if known is None:
            break
        found.append(known)
    return found


def _permit(request: Request) -> None:
    allowed = request.token.allowed_models if request.token is not None else []
    if allowed and request.version.model.ref not in allowed:
        raise ModelNotPermitted(request.version.model.ref, allowed)


def accept(request: Request) -> Prediction:
    """Check, then hold and insert in one transaction (T1), with the wake-up beside it. Raises Refused.

    With an idempotency key that is known already, the first prediction comes back (`was_replayed`), unchanged.
    """
    return accept_all([request])[0]


def accept_all(requests: Sequence[Request]) -> list[Prediction]:
    """Several predictions of one wish and one account, all or none, as `accept` does with one. Raises Refused.

    Where they have idempotency keys, each has its own; the first being known gives all that the keys gave before.
    """
    account, keys = requests[0].account, [request.again.idempotency for request in requests]
    known = _replay_all(account, keys)
    if known:
        return known
    offers = [check(request) for request in requests]
    rows = [_row(offer, new_public_id()) for offer in offers]
    try:
        _insert(offers, rows)
    except _KeyTaken:
        # The same create, sent twice at once: the other one was first, and its answer is this one's too.
        first = _replay_all(account, keys)
        if not first:
            raise ServerFull(
                "The first request with this Idempotency-Key is still under way; try again."
            ) from None
        return first
    except credits.TokenLimitReached as reached:
        raise TokenLimit(reached) from None
    except credits.InsufficientCredits:
        raise InsufficientCredit from None
    except credits.AccountClosed:
        raise AccountSuspended from None
    for request, row in zip(requests, rows, strict=True):
        if request.deadline_s is not None:
            row.refresh_from_db(fields=["deadline"])
    return rows


_PREDICTION = PreparedInsert(Prediction, must_end_by=lambda: after(settings.QUEUE_LIMIT))


def _insert(offers: list[Offer], rows: list[Prediction]) -> None:
    """T1: rows, keys, wake-up and holds, all or none."""
    # Ready before the transaction begins: on SQLite nobody else can write while it lasts.
    inserts = [_PREDICTION.statement(row) for row in rows if row.deadline is None]
    wake_up = queue.wake_up("start")
    holds = [_hold(offer, row) for offer, row in zip(offers, rows, strict=True)]
    with transaction.atomic():
        for row in rows:
            if row.deadline is not None:
                row.save(force_insert=True)
        with statements.batch() as together:
            for statement in [*inserts, wake_up]:
                together.send(statement)
            # Last, as everywhere: the account's row is what others wait for, so it is locked for the shortest time.
            for hold in holds:
                hold.send(together)
        for hold in holds:
            hold.check()
        _remember_all(offers, rows)
        queue.hint()


def _hold(offer: Offer, row: Prediction) -> credits.Hold:
    request = offer.request
    return credits.Hold(request.account.pk, offer.ceiling, row.public_id, request.token)


def _remember_all(offers: list[Offer], rows: list[Prediction]) -> None:
    """What makes the same create known when it comes again."""
    for offer, row in zip(offers, rows, strict=True):
        if offer.request.again.idempotency is not None:
            _remember(offer.request.account, offer.request.again.idempotency, row)
    if offers[0].request.again.repeatable is not None:
        repeats.remember(offers[0].request.again.repeatable, rows)


class _KeyTaken(Exception):
    """Another create with this key was committed first."""


def _remember(account: Account, idempotency: Idempotency, prediction: Prediction) -> None:
    IdempotencyKey.objects.filter(
        account=account, key=idempotency.key, created_at__lte=after(-KEY_LIFE_S)
    ).delete()
    try:
        IdempotencyKey.objects.create(
            account=account, key=idempotency.key, body_hash=idempotency.body_hash, prediction=prediction
        )
    except IntegrityError:
        raise _KeyTaken from None


def _row(offer: Offer, public_id: str) -> Prediction:
    request = offer.request
    prediction = Prediction(
        public_id=public_id,
        account=request.account,
        user=request.user,
        token=request.token,
        model=request.version.model,
        version=request.version,
        source=request.source,
        input=offer.input,
        webhook=request.webhook,
        webhook_events=list(request.webhook_events),
        origin=request.origin,
        mount=request.mount,
        deployment=request.deployment,
        batch=request.batch,
        made_from=request.made_from,
        made_how=request.made_how,
        price=offer.price,
        ceiling=offer.ceiling,
        must_end_by=after(settings.QUEUE_LIMIT),
    )
    if request.deadline_s is not None:
        prediction.deadline = Now() + timedelta(seconds=request.deadline_s)
    return prediction


def _redacted(request: Request, given: dict[str, Any]) -> dict[str, Any]:
    """A client's fault must not keep its token in our rows: any string equal to it is blotted out."""
    if request.token is None:
        return given
    blotted: dict[str, Any] = _blot(given, request.token.digest)
    return blotted


def _blot(value: Any, digest: str) -> Any:
    if isinstance(value, str):
        return "[redacted]" if tokens.looks_like_one(value) and tokens.digest(value) == digest else value
    if isinstance(value, dict):
        return {_blot(key, digest): _blot(inner, digest) for key, inner in value.items()}
    if isinstance(value, list):
        return [_blot(inner, digest) for inner in value]
    return value
