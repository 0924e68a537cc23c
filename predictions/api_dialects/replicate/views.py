"""Prediction views: create, list, get, cancel. They parse the request, call one function, and render the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase

from core.db.prepared import Prepared
from predictions import lifecycle, queries
from predictions.api_dialects.common import status_extras
from predictions.api_dialects.common.endpoint import TokenRequest
from predictions.api_dialects.common.payloads import json_response
from predictions.api_dialects.common.request_headers import retry_identity
from predictions.api_dialects.replicate import (
    create_body,
    cursor_pages,
    error_responses,
    images_response,
    wait_headers,
)
from predictions.api_dialects.replicate.absolute_urls import AbsoluteUrls, absolute_urls_for
from predictions.api_dialects.replicate.serializers import prediction_json
from predictions.catalogue import lookup
from predictions.models import Prediction, Version
from predictions.submit import acceptance, idempotency, replays, work_request
from predictions.waiting.held_response import held_until_ended

_OWN = Prepared[Prediction](
    lambda public_id, account: queries.with_version(
        Prediction.objects.filter(public_id=public_id, account_id=account)
    )[:1]
)


@dataclass(frozen=True)
class _Chosen:
    """The version that a create means; for a deployment also the inputs that it fixes."""

    version: Version
    fixed: dict[str, Any] = field(default_factory=dict)
    deployment: str = ""


def create(request: TokenRequest, *, created: int, waiting: int) -> HttpResponseBase:
    """POST /predictions. `created` and `waiting` are the mount's status codes (201 and 202, or 200 and 200)."""
    body = create_body.parse_create(request, with_version=True)
    return _create(
        request,
        body,
        lambda: _by_ref(body.version or "", error_responses.unknown_version),
        created=created,
        waiting=waiting,
    )


def create_for_model(
    request: TokenRequest, owner: str, name: str, *, created: int, waiting: int
) -> HttpResponseBase:
    """POST /models/{owner}/{name}/predictions."""
    body = create_body.parse_create(request, with_version=False)
    return _create(
        request,
        body,
        lambda: _by_ref(f"{owner}/{name}", error_responses.not_found),
        created=created,
        waiting=waiting,
    )


def create_for_deployment(
    request: TokenRequest, owner: str, name: str, *, created: int, waiting: int
) -> HttpResponseBase:
    """POST /deployments/{owner}/{name}/predictions: the operator's fixed inputs override the caller's."""
    body = create_body.parse_create(request, with_version=False)
    return _create(request, body, lambda: _by_deployment(owner, name), created=created, waiting=waiting)


def _by_ref(ref: str, unknown: Callable[[], error_responses.Problem]) -> _Chosen:
    version = lookup.find_version(ref)
    if version is None:
        raise unknown()
    return _Chosen(version)


def _by_deployment(owner: str, name: str) -> _Chosen:
    deployment = lookup.find_deployment(owner, name)
    if deployment is None:
        raise error_responses.not_found()
    return _Chosen(deployment.version, deployment.input, deployment.ref)


def _create(
    request: TokenRequest,
    body: create_body.CreateBody,
    choose: Callable[[], _Chosen],
    *,
    created: int,
    waiting: int,
) -> HttpResponseBase:
    wants_images = images_response.wants_images(request)
    retry = retry_identity(request)
    prediction = idempotency.earlier_prediction(request.api_token.account, request.api_token.user, retry)
    if prediction is None:
        chosen = choose()
        if wants_images:
            images_response.require_file_output(chosen.version)
        prediction = acceptance.accept(_work_request(request, body, chosen, retry))
    response: HttpResponse
    if wants_images:
        response = images_response.as_images(request, prediction)
    else:
        response = _create_response(request, prediction, created=created, waiting=waiting)
    replays.watch(response, retry.repeatable)
    return response


def _create_response(
    request: TokenRequest, prediction: Prediction, *, created: int, waiting: int
) -> HttpResponse:
    """The response to a create: at once, or held as long as the caller prefers."""
    urls = absolute_urls_for(request)
    preference = wait_headers.Preference(request.headers.get("Prefer", ""))
    if preference.wait is None:
        return _created(prediction, urls, waiting if preference.asynchronous else created)
    immediate = _created(prediction, urls, waiting, preference)

    # Only these values: the request or the row would stay in memory for as long as it is held.
    replayed, public_id = prediction.was_replayed, prediction.public_id

    def render(present: Prediction) -> HttpResponse:
        status = created if present.is_ended else waiting
        return _created(present, urls, status, preference, replayed=replayed)

    return held_until_ended(immediate, public_id, preference.hold(request), render, request.api_token.pk)


def _work_request(
    request: TokenRequest,
    body: create_body.CreateBody,
    chosen: _Chosen,
    retry: work_request.RetryIdentity,
) -> work_request.Request:
    token, urls = request.api_token, absolute_urls_for(request)
    return work_request.Request(
        account=token.account,
        user=token.user,
        token=token,
        version=chosen.version,
        input={**body.input, **chosen.fixed},
        deadline_s=body.deadline_s,
        webhook=body.webhook,
        webhook_events=body.webhook_events,
        origin=urls.origin,
        mount=urls.mount,
        deployment=chosen.deployment,
        retry_identity=retry,
    )


def _created(
    prediction: Prediction,
    urls: AbsoluteUrls,
    status: int,
    preference: wait_headers.Preference | None = None,
    *,
    replayed: bool | None = None,
) -> HttpResponse:
    """The response to a create. `replayed` overrides what the row says about having existed before."""
    body = prediction_json(prediction, urls, as_starting=True)
    response = json_response(body, status)
    response["Location"] = body["urls"]["get"]
    if preference is not None:
        response["Preference-Applied"] = preference.applied
    if prediction.was_replayed if replayed is None else replayed:
        response["Idempotent-Replayed"] = "true"
    return response


def list_predictions(request: TokenRequest) -> HttpResponse:
    """GET /predictions: the account's own, newest first."""
    # Without a join: a hundred predictions of a few models share their rows.
    rows = queries.prefetched(Prediction.objects.owned_by(request.api_token.account))
    after, before = (
        cursor_pages.parse_time(request, "created_after"),
        cursor_pages.parse_time(request, "created_before"),
    )
    if after is not None:
        rows = rows.filter(created_at__gte=after)
    if before is not None:
        rows = rows.filter(created_at__lt=before)
    source = request.GET.get("source")
    if source is not None:
        if source != "web":
            raise error_responses.bad_request("source can only be web.")
        rows = rows.filter(source="web")
    urls = absolute_urls_for(request)
    return json_response(cursor_pages.page(request, rows, urls, lambda row: prediction_json(row, urls)))


def get(request: TokenRequest, public_id: str) -> HttpResponse:
    """GET /predictions/{id}; while waiting with its queue position, while running with its preview."""
    prediction, urls = _own(request, public_id), absolute_urls_for(request)
    body = prediction_json(prediction, urls)
    extras = {
        "queue": status_extras.queue(prediction),
        "preview": status_extras.preview(prediction, urls.own),
    }
    body["darkroom"] |= {name: value for name, value in extras.items() if value is not None}
    return json_response(body)


def cancel(request: TokenRequest, public_id: str) -> HttpResponse:
    """POST /predictions/{id}/cancel: 200 and the state, also where it has ended already."""
    _own(request, public_id)
    return json_response(prediction_json(lifecycle.cancel(public_id), absolute_urls_for(request)))


def _own(request: TokenRequest, public_id: str) -> Prediction:
    prediction = _OWN.first(public_id=public_id, account=request.api_token.account_id)
    if prediction is None:
        raise Http404
    return prediction
