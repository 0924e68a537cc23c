"""Views of the OpenAI images API: generations, edits, variations. Responses are held until done, or streamed."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase

from accounts.credits import allowances
from core.http.public_origin import origin_of
from predictions.api_dialects.common import image_results
from predictions.api_dialects.common.endpoint import TokenRequest
from predictions.api_dialects.common.image_errors import invalid
from predictions.api_dialects.common.request_headers import retry_identity as again_of
from predictions.api_dialects.openai import (
    edit_body,
    input_mapping,
    model_choice,
    picture_stream,
    picture_uploads,
    request_body,
)
from predictions.models import Prediction
from predictions.submit import acceptance, checks, idempotency, refusals, replays, work_request

MOUNT = "/v1"
"""Mount of the jobs' own URLs, which this dialect does not have."""


def generate(request: TokenRequest) -> HttpResponseBase:
    """POST /images/generations."""
    image_results.require_waiter_slot()
    body = request_body.parse(request)
    chosen = model_choice.choose(body.model)
    identities = input_mapping.retry_identities(again_of(request))
    inputs = input_mapping.inputs(body, chosen)
    predictions = idempotency.earlier_predictions(
        identities, request.api_token.account, request.api_token.user
    )
    if not predictions:
        predictions = acceptance.accept_all(_requests(request, chosen, inputs, identities))
    live = picture_stream.stream_options("image_generation", body, chosen.version, inputs[0])
    return _answer(request, body, chosen, predictions, live, identities[0])


def edit(request: TokenRequest) -> HttpResponseBase:
    """POST /images/edits: from an image and a prompt, with a mask where only part of it is to change."""
    image_results.require_waiter_slot()
    body = edit_body.parse(request)
    chosen = model_choice.choose_for(body.options.model, mask=body.mask is not None, prompt=True)
    return _from_pictures(request, body, chosen)


def vary(request: TokenRequest) -> HttpResponseBase:
    """POST /images/variations: from an image alone."""
    image_results.require_waiter_slot()
    body = edit_body.parse_variation(request)
    return _from_pictures(
        request, body, model_choice.choose_for(body.options.model, mask=False, prompt=False)
    )


def _from_pictures(
    request: TokenRequest, body: edit_body.EditBody, chosen: model_choice.ModelChoice
) -> HttpResponseBase:
    if len(body.pictures) > 1:
        raise invalid(f"{chosen.version.model.ref} takes one picture, not {len(body.pictures)}.", "image")
    with_mask = "mask" in chosen.version.input_schema.get("required", [])
    stand_ins = {
        "image": picture_uploads.PLACEHOLDER,
        **({"mask": picture_uploads.PLACEHOLDER} if body.mask or with_mask else {}),
    }
    inputs = input_mapping.inputs(body.options, chosen, stand_ins)
    identities = input_mapping.retry_identities(again_of(request, lambda: body.digest(request.path)))
    predictions = idempotency.earlier_predictions(
        identities, request.api_token.account, request.api_token.user
    )
    if not predictions:
        with picture_uploads.prepared_images(request, body, with_mask=with_mask) as ready:
            _refuse_unaffordable(_requests(request, chosen, inputs, identities))
            predictions = _accept(request, body, chosen, identities, ready)
    live = picture_stream.stream_options("image_edit", body.options, chosen.version, inputs[0])
    return _answer(request, body.options, chosen, predictions, live, identities[0])


def _refuse_unaffordable(requests: list[work_request.Request]) -> None:
    """Run all checks before any image is stored. Raises refusals.Refused."""
    needed = sum(checks.check(request).quote.ceiling for request in requests)
    # Counts an allowance that is due but not yet granted, as it is when credits are held for a prompt
    # alone.
    if not allowances.covers(requests[0].account, needed):
        raise refusals.InsufficientCredit


def _accept(
    request: TokenRequest,
    body: edit_body.EditBody,
    chosen: model_choice.ModelChoice,
    identities: list[work_request.RetryIdentity],
    ready: list[picture_uploads.InputImage],
) -> list[Prediction]:
    """Store the images, then accept the jobs that name them: both or neither. Raises refusals.Refused."""
    picture_inputs, kept = picture_uploads.keep(request, ready)
    try:
        inputs = input_mapping.inputs(body.options, chosen, picture_inputs)
        return acceptance.accept_all(_requests(request, chosen, inputs, identities))
    except Exception:
        picture_uploads.forget(kept)
        raise


def _answer(
    request: TokenRequest,
    body: request_body.ImagesBody,
    chosen: model_choice.ModelChoice,
    predictions: list[Prediction],
    live: picture_stream.StreamOptions,
    identity: work_request.RetryIdentity,
) -> HttpResponseBase:
    form = body.form or chosen.form
    held = image_results.images_request(request, predictions, form=form, most=body.count)
    response = picture_stream.stream_response(held, live) if body.stream else image_results.held_images(held)
    replays.watch(response, identity.repeatable)
    return response


def _requests(
    request: TokenRequest,
    chosen: model_choice.ModelChoice,
    inputs: list[dict[str, Any]],
    identities: list[work_request.RetryIdentity],
) -> list[work_request.Request]:
    token = request.api_token
    return [
        work_request.Request(
            account=token.account,
            user=token.user,
            token=token,
            version=chosen.version,
            input=input_,
            origin=origin_of(request),
            mount=MOUNT,
            retry_identity=identity,
        )
        for input_, identity in zip(inputs, identities, strict=False)
    ]
