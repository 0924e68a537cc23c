"""Predictions: create, list, get, cancel. Views authenticate, parse, call one verb, render."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Prefetch
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase

from accounts.prepared import Prepared
from predictions import catalogue, lifecycle, submit
from predictions.dialects.common.answers import answer
from predictions.dialects.common.headers import idempotency as idempotency_of
from predictions.dialects.replicate import answers, bodies, errors, live, paging
from predictions.dialects.replicate.addresses import Addresses, addresses_of
from predictions.dialects.replicate.endpoint import TokenRequest
from predictions.dialects.replicate.serializers import prediction_json
from predictions.models import Prediction, Version
from predictions.models.prediction import PredictionQuerySet
from predictions.running.holding import held_until_ended

UNSHOWN = ("input_schema", "example_input", "source")
"""What a prediction's object never needs of its version: schemas are long, and parsed each time they are read."""


def shown_with(rows: PredictionQuerySet) -> PredictionQuerySet:
    """Predictions with what their object needs, in one query."""
    return rows.select_related("model", "version").defer(*(f"version__{name}" for name in UNSHOWN))


_BY_ID = Prepared[Prediction](
    lambda public_id: shown_with(Prediction.objects.filter(public_id=public_id))[:1], public_id=str
)
_OWN = Prepared[Prediction](
    lambda public_id, account: shown_with(Prediction.objects.filter(public_id=public_id, account_id=account))[
        :1
    ],
    public_id=str,
    account=int,
)


def create(request: TokenRequest, *, created: int, waiting: int) -> HttpResponseBase:
    """POST /predictions. `created` and `waiting` are the mount's status codes (201 and 202, or 200 and 200)."""
    body = bodies.parse_create(request, with_version=True)
    return _create(
        request, body, body.version or "", errors.unknown_version, created=created, waiting=waiting
    )


def create_for_model(
    request: TokenRequest, owner: str, name: str, *, created: int, waiting: int
) -> HttpResponseBase:
    """POST /models/{owner}/{name}/predictions."""
    body = bodies.parse_create(request, with_version=False)
    return _create(request, body, f"{owner}/{name}", errors.not_found, created=created, waiting=waiting)


def _create(
    request: TokenRequest,
    body: bodies.CreateBody,
    ref: str,
    unknown: Callable[[], errors.Problem],
    *,
    created: int,
    waiting: int,
) -> HttpResponseBase:
    token, addresses = request.api_token, addresses_of(request)
    preference = live.Preference(request.headers.get("Prefer", ""))
    pictures = answers.wants_pictures(request)
    idempotency = idempotency_of(request)
    prediction = submit.replay(token.account, idempotency)
    if prediction is None:
        version = catalogue.find_version(ref)
        if version is None:
            raise unknown()
        if pictures:
            answers.refuse_what_cannot_be_shown(version)
        prediction = submit.accept(_wish(request, body, version, idempotency))
    if pictures:
        return answers.pictures(request, prediction)
    if preference.wait is None:
        return _created(prediction, addresses, waiting if preference.asynchronous else created)
    now = _created(prediction, addresses, waiting, preference)

    def later() -> HttpResponse:
        present = _read(prediction.public_id)
        present.was_replayed = prediction.was_replayed
        return _created(present, addresses, created if present.is_ended else waiting, preference)

    return held_until_ended(now, prediction.public_id, preference.hold(request), later)


def _wish(
    request: TokenRequest, body: bodies.CreateBody, version: Version, idempotency: submit.Idempotency | None
) -> submit.Request:
    token, addresses = request.api_token, addresses_of(request)
    return submit.Request(
        account=token.account,
        user=token.user,
        token=token,
        version=version,
        input=body.input,
        deadline_s=live.cancel_after(request),
        webhook=body.webhook,
        webhook_events=body.webhook_events,
        origin=addresses.origin,
        mount=addresses.mount,
        idempotency=idempotency,
    )


def _created(
    prediction: Prediction, addresses: Addresses, status: int, preference: live.Preference | None = None
) -> HttpResponse:
    shown = prediction_json(prediction, addresses, as_starting=True)
    response = answer(shown, status)
    response["Location"] = shown["urls"]["get"]
    if preference is not None:
        response["Preference-Applied"] = preference.applied
    if prediction.was_replayed:
        response["Idempotent-Replayed"] = "true"
    return response


def list_predictions(request: TokenRequest) -> HttpResponse:
    """GET /predictions: the account's own, newest first."""
    # Not joined: a hundred predictions of a few models share their rows.
    rows = Prediction.objects.owned_by(request.api_token.account).prefetch_related(
        "model", Prefetch("version", Version.objects.defer(*UNSHOWN))
    )
    after, before = paging.parse_time(request, "created_after"), paging.parse_time(request, "created_before")
    if after is not None:
        rows = rows.filter(created_at__gte=after)
    if before is not None:
        rows = rows.filter(created_at__lt=before)
    source = request.GET.get("source")
    if source is not None:
        if source != "web":
            raise errors.bad_request("source can only be web.")
        rows = rows.filter(source="web")
    addresses = addresses_of(request)
    return answer(paging.page(request, rows, addresses, lambda row: prediction_json(row, addresses)))


def get(request: TokenRequest, public_id: str) -> HttpResponse:
    """GET /predictions/{id}."""
    return answer(prediction_json(_own(request, public_id), addresses_of(request)))


def cancel(request: TokenRequest, public_id: str) -> HttpResponse:
    """POST /predictions/{id}/cancel: 200 and the state, also where it has ended already."""
    _own(request, public_id)
    return answer(prediction_json(lifecycle.cancel(public_id), addresses_of(request)))


def _own(request: TokenRequest, public_id: str) -> Prediction:
    prediction = _OWN.first(public_id=public_id, account=request.api_token.account_id)
    if prediction is None:
        raise Http404
    return prediction


def _read(public_id: str) -> Prediction:
    # Every held answer costs one: when many end at once, this is what their callers wait for.
    found = _BY_ID.first(public_id=public_id)
    if found is None:
        raise Http404
    return found
