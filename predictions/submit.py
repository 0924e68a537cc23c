"""The one door for new work: checks in the contract's order, quotes, holds, inserts (T1). All doors use it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import allowances, credits, maintenance, statements, switches, tokens, tracing
from accounts.clock import Now
from accounts.models import Account, ApiToken, User
from accounts.organizations import acting, purse
from accounts.statements import PreparedInsert
from predictions import availability, lifecycle, policy, pricing, repeats, room, shapes, validation
from predictions.clock import after
from predictions.files import media, uploads
from predictions.judging import sent
from predictions.models import IdempotencyKey, Prediction, RuleHit, Version
from predictions.models.prediction import new_public_id
from predictions.policy import hits
from predictions.refusals import (
    AccountLimit,
    AccountSuspended,
    HouseClosed,
    InsufficientCredit,
    InvalidInput,
    KeyReused,
    ModelNotAvailable,
    ModelNotPermitted,
    PlanModel,
    PromptNotAllowed,
    ServerFull,
    TokenLimit,
    TooManyWaiting,
    maintained,
)
from predictions.running import collecting, first_look, inputs, queue
from predictions.validation import Fault

KEY_LIFE_S = 24 * 3600.0


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
    percent: int
    """What the account pays of the price."""
    ceiling: int
    input: dict[str, Any] = field(repr=False)
    uploads: frozenset[str] = frozenset()
    """Public ids of those that the input names."""
    flagged: tuple[policy.Finding, ...] = ()
    """What a moderator is to see of it."""


def quote(version: Version, given: dict[str, Any], account: Account) -> int:
    """The most a prediction with this input can cost the account, in micro-credits. Raises ModelNotAvailable."""
    try:
        price, percent = pricing.current_price(version.model), pricing.percent_of(account)
        return pricing.ceiling(price, version, validation.without_nulls(given), percent)
    except pricing.NoPrice:
        raise ModelNotAvailable("This model has no price yet. Nothing was charged.") from None


def check(request: Request, *, dry: bool = False) -> Offer:
    """Everything that can be refused before money is touched, in the contract's order. Raises Refused.

    `dry`: only to know; what the rules find is not noted.
    """
    _refuse_closed(request)
    if request.account.status != Account.Status.ACTIVE:
        # The hold asks once more, under its lock; here it is for those who ask for a price alone.
        raise AccountSuspended
    _permit(request)
    person = acting.person(request.user, request.account)
    if person is not None and person.status != Account.Status.ACTIVE:
        raise AccountSuspended("Your own account is closed to new predictions.")
    given = validation.without_nulls(request.input)
    faults = validation.check(request.version, given)
    faults = faults or inputs.objections(request.version, given, request.origin, request.account)
    faults = faults or first_look.objections(request.version, given, request.origin, request.account)
    if faults:
        raise InvalidInput(faults)
    seen = sent.objections(request.version, given, request.origin, request.account, request.user, dry=dry)
    if seen:
        raise PromptNotAllowed(seen)
    kept = _redacted(request, given)
    flagged = _judge(request, kept, person, dry=dry)
    if not availability.can_serve(request.version.model):
        raise ModelNotAvailable
    if availability.is_capped(request.version.model):
        raise ModelNotAvailable(lifecycle.free(availability.CAPPED))
    percent = pricing.percent_of(request.account)
    try:
        price = pricing.current_price(request.version.model)
        ceiling = pricing.ceiling(price, request.version, given, percent)
    except pricing.NoPrice:
        raise ModelNotAvailable("This model has no price yet. Nothing was charged.") from None
    if not media.has_room():
        raise ServerFull
    full = room.refusal(request.account)
    if full is not None:
        raise full
    named = inputs.uploads_named(request.version, given, request.origin)
    return Offer(request, price, percent, ceiling, kept, frozenset(named), flagged)


def _judge(
    request: Request, given: dict[str, Any], person: Account | None = None, *, dry: bool
) -> tuple[policy.Finding, ...]:
    """What a moderator is to see of an input that the rules let through. Raises PromptNotAllowed."""
    faults = policy.objections(given, request.version.properties)
    if faults:
        raise PromptNotAllowed(faults)
    verdict = policy.judge(given, request.account, request.version.properties, person=person)
    if verdict.refused:
        if not dry:
            hits.refused(verdict.refused, request.account, request.user)
        raise PromptNotAllowed(verdict.faults, verdict.refused)
    return verdict.flagged


def made_before(account: Account, user: User, again: Again) -> Prediction | None:
    """The prediction of the same create, sent before, in its present state; None where it is new. Raises KeyReused."""
    return next(iter(all_made_before([again], account, user)), None)


def all_made_before(wishes: Sequence[Again], account: Account, user: User) -> list[Prediction]:
    """The predictions that one wish gave before, in order; none where it is new. Raises KeyReused.

    By keys: up to the first that is not known. By repeats: all of the request whose answer was lost.
    """
    return _replay_all(account, user, [again.idempotency for again in wishes]) or repeats.take(
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


def closed(user: User | None) -> HouseClosed | None:
    """Why nobody, or not this member, may ask for anything new at present; None while they may."""
    if maintenance.keeps_out(user):
        return HouseClosed(maintained(None), maintenance.retry_after_s(), maintained=True)
    if not switches.is_on("predictions"):
        off = switches.SwitchedOff("predictions")
        return HouseClosed(str(off.detail), off.wait, maintained=False)
    return None


def _refuse_closed(request: Request) -> None:
    refusal = closed(request.user)
    if refusal is not None:
        raise refusal
    if request.webhook:
        switches.require("webhooks")
    if any(value[:5].lower() == "data:" for _name, value in inputs.files_of(request.version, request.input)):
        # A file that comes within the input is sent as much as one that comes before it.
        switches.require("uploads")


def plan_refuses(account: Account, ref: str) -> PlanModel | None:
    """Why the account's plan keeps it from a model (`owner/name`); None where it does not."""
    plan = account.plan if account.plan_id is not None else None
    if plan is None or not plan.allowed_models or ref in plan.allowed_models:
        return None
    return PlanModel(ref, plan)


def _permit(request: Request) -> None:
    ref = request.version.model.ref
    allowed = request.token.allowed_models if request.token is not None else []
    if allowed and ref not in allowed:
        raise ModelNotPermitted(ref, allowed)
    refusal = plan_refuses(request.account, ref)
    if refusal is not None:
        raise refusal


def accept(request: Request) -> Prediction:
    """Check, then hold and insert in one transaction (T1), with the wake-up beside it. Raises Refused.

    With an idempotency key that is known already, the first prediction comes back (`was_replayed`), unchanged.
    """
    return accept_all([request])[0]


def accept_all(requests: Sequence[Request]) -> list[Prediction]:
    """Several predictions of one wish and one account, all or none, as `accept` does with one. Raises Refused.

    Where they have idempotency keys, each has its own; the first being known gives all that the keys gave before.
    """
    account, user = requests[0].account, requests[0].user
    keys = [request.again.idempotency for request in requests]
    known = _replay_all(account, user, keys)
    if known:
        return known
    offers = [check(request) for request in requests]
    rows = [_row(offer, new_public_id()) for offer in offers]
    try:
        _insert_or_renew(offers, rows)
    except _KeyTaken:
        # The same create, sent twice at once: the other one was first, and its answer is this one's too.
        first = _replay_all(account, user, keys)
        if not first:
            raise ServerFull(
                "The first request with this Idempotency-Key is still under way; try again."
            ) from None
        return first
    except (room.NoRoom, uploads.Gone) as refused:
        # The same create, sent twice at once, may be what took the last room.
        first = _replay_all(account, user, keys)
        if first:
            return first
        if isinstance(refused, uploads.Gone):
            raise InvalidInput(_gone(offers)) from None
        raise room.refusal(account, [_work(row) for row in rows]) or _just_now(account) from None
    except credits.TokenLimitReached as reached:
        raise TokenLimit(reached) from None
    except credits.AccountLimitReached as reached:
        raise AccountLimit(reached, sees_money=purse.sees_money(user, account)) from None
    except credits.InsufficientCredits:
        raise InsufficientCredit from None
    except credits.AccountClosed:
        raise AccountSuspended from None
    for request, row in zip(requests, rows, strict=True):
        if request.deadline_s is not None:
            row.refresh_from_db(fields=["deadline"])
    return rows


_PREDICTION = PreparedInsert(Prediction, must_end_by=lambda: after(settings.QUEUE_LIMIT))


def _insert_or_renew(offers: list[Offer], rows: list[Prediction]) -> None:
    """T1; where credits are missing, once more after the allowance that the account may be owed."""
    try:
        _insert(offers, rows)
    except (credits.TokenLimitReached, credits.AccountLimitReached):
        raise
    except credits.InsufficientCredits:
        if not allowances.renew(offers[0].request.account.pk):
            raise
        _insert(offers, rows)


def _insert(offers: list[Offer], rows: list[Prediction]) -> None:
    """T1: room, rows, keys, wake-up and holds, all or none."""
    for row in rows:
        # The key of a try that was rolled back may be another's by now.
        row.pk = None
    # Ready before the transaction begins: on SQLite nobody else can write while it lasts.
    admission = room.Admission(offers[0].request.account, [_work(row) for row in rows])
    inserts = [_PREDICTION.statement(row) for row in rows if row.deadline is None]
    wake_up = queue.wake_up("start")
    holds = [_hold(offer, row) for offer, row in zip(offers, rows, strict=True)]
    found = [hit for offer, row in zip(offers, rows, strict=True) for hit in _flagged(offer, row)]
    with transaction.atomic():
        # The holds go last, as everywhere: the account's row is what others wait for, so it is locked for the
        # shortest time. Where nothing comes between they go with the rest.
        dated = [row for row in rows if row.deadline is not None]
        between = bool(found or dated) or _is_remembered(offers) or any(offer.uploads for offer in offers)
        with statements.batch() as together:
            # First, so that where there is none nothing else was written.
            admission.send(together)
            for statement in [*inserts, wake_up]:
                together.send(statement)
            if not between:
                for hold in holds:
                    hold.send(together)
        for row in dated:
            row.save(force_insert=True)
        if between:
            RuleHit.objects.bulk_create(found)
            uploads.note_uses(
                offers[0].request.account,
                {row.pk: offer.uploads for offer, row in zip(offers, rows, strict=True)},
            )
            _remember_all(offers, rows)
            with statements.batch() as last:
                for hold in holds:
                    hold.send(last)
        for hold in holds:
            hold.check()
        queue.hint()


def _just_now(account: Account) -> TooManyWaiting:
    """For who was refused for what has ended since: the next try finds room."""
    return TooManyWaiting("predictions", room.limits_of(account).predictions)


def _gone(offers: list[Offer]) -> list[Fault]:
    """What to say of uploads that were removed while they were being named."""
    checked = ((offer.request, offer.input) for offer in offers)
    faults = [
        fault
        for request, given in checked
        for fault in inputs.objections(request.version, given, request.origin, request.account)
    ]
    return faults or [Fault("format", "input", "Names a file that this account no longer has")]


def _work(row: Prediction) -> room.Work:
    return room.Work(row.input_bytes, row.output_bytes)


def _flagged(offer: Offer, row: Prediction) -> list[RuleHit]:
    """What a moderator is to see of it, owed a case."""
    if not offer.flagged:
        return []
    return hits.flagged(offer.flagged, offer.request.account, offer.request.user, row.public_id)


def _hold(offer: Offer, row: Prediction) -> credits.Hold:
    request = offer.request
    return credits.Hold(request.account.pk, offer.ceiling, row.public_id, request.token, request.user)


def _is_remembered(offers: list[Offer]) -> bool:
    again = [offer.request.again for offer in offers]
    return any(one.idempotency is not None for one in again) or again[0].repeatable is not None


def _remember_all(offers: list[Offer], rows: list[Prediction]) -> None:
    """What makes the same create known when it comes again."""
    for offer, row in zip(offers, rows, strict=True):
        if offer.request.again.idempotency is not None:
            _remember(offer.request, offer.request.again.idempotency, row)
    if offers[0].request.again.repeatable is not None:
        repeats.remember(offers[0].request.again.repeatable, rows)


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
        price_percent=offer.percent,
        ceiling=offer.ceiling,
        input_bytes=len(json.dumps(offer.input)),
        output_bytes=_output_bytes(request.version, offer.input),
        request_id=tracing.current()[: tracing.LONGEST],
        must_end_by=after(settings.QUEUE_LIMIT),
    )
    if request.deadline_s is not None:
        prediction.deadline = Now() + timedelta(seconds=request.deadline_s)
    return prediction


def _output_bytes(version: Version, given: dict[str, Any]) -> int:
    """What its files will take, roughly; words take no room."""
    if not version.gives_files:
        return 0
    count = min(max(1, pricing.asked_outputs(version, given)), collecting.MAX_FILES)
    return count * shapes.expected_bytes(given, version.properties)


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
