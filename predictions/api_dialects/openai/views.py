"""Pictures in OpenAI's form, from words or from other pictures. An answer is held until they are ready, or streamed."""

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
"""Where the jobs' own addresses are, which this dialect does not have."""


def generate(request: TokenRequest) -> HttpResponseBase:
    """POST /images/generations."""
    image_results.refuse_where_full()
    body = request_body.parse(request)
    chosen = model_choice.choose(body.model)
    again = input_mapping.retry_identities(again_of(request))
    inputs = input_mapping.inputs(body, chosen)
    predictions = idempotency.earlier_predictions(again, request.api_token.account, request.api_token.user)
    if not predictions:
        predictions = acceptance.accept_all(_requests(request, chosen, inputs, again))
    live = picture_stream.live("image_generation", body, chosen.version, inputs[0])
    return _answer(request, body, chosen, predictions, live, again[0])


def edit(request: TokenRequest) -> HttpResponseBase:
    """POST /images/edits: pictures from a picture and words, with a mask where only part of it is to change."""
    image_results.refuse_where_full()
    body = edit_body.parse(request)
    chosen = model_choice.choose_for(body.words.model, mask=body.mask is not None, prompt=True)
    return _from_pictures(request, body, chosen)


def vary(request: TokenRequest) -> HttpResponseBase:
    """POST /images/variations: pictures from a picture alone."""
    image_results.refuse_where_full()
    body = edit_body.parse_variation(request)
    return _from_pictures(request, body, model_choice.choose_for(body.words.model, mask=False, prompt=False))


def _from_pictures(
    request: TokenRequest, body: edit_body.EditBody, chosen: model_choice.Chosen
) -> HttpResponseBase:
    if len(body.pictures) > 1:
        raise invalid(f"{chosen.version.model.ref} takes one picture, not {len(body.pictures)}.", "image")
    with_mask = "mask" in chosen.version.input_schema.get("required", [])
    standing = {
        "image": picture_uploads.STAND_IN,
        **({"mask": picture_uploads.STAND_IN} if body.mask or with_mask else {}),
    }
    inputs = input_mapping.inputs(body.words, chosen, standing)
    again = input_mapping.retry_identities(again_of(request, lambda: body.digest(request.path)))
    predictions = idempotency.earlier_predictions(again, request.api_token.account, request.api_token.user)
    if not predictions:
        with picture_uploads.prepared(request, body, with_mask=with_mask) as ready:
            _refuse_unaffordable(_requests(request, chosen, inputs, again))
            predictions = _accept(request, body, chosen, again, ready)
    live = picture_stream.live("image_edit", body.words, chosen.version, inputs[0])
    return _answer(request, body.words, chosen, predictions, live, again[0])


def _refuse_unaffordable(requests: list[work_request.Request]) -> None:
    """Everything that can be refused, while no picture is kept yet. Raises refusals.Refused."""
    needed = sum(checks.check(request).ceiling for request in requests)
    # With the allowance that it is owed, as whoever sends words alone is found to have when they are held for.
    if not allowances.covers(requests[0].account, needed):
        raise refusals.InsufficientCredit


def _accept(
    request: TokenRequest,
    body: edit_body.EditBody,
    chosen: model_choice.Chosen,
    again: list[work_request.RetryIdentity],
    ready: list[picture_uploads.Ready],
) -> list[Prediction]:
    """Keep the pictures, then accept the jobs that name them; both or neither. Raises refusals.Refused."""
    named, made = picture_uploads.keep(request, ready)
    try:
        inputs = input_mapping.inputs(body.words, chosen, named)
        return acceptance.accept_all(_requests(request, chosen, inputs, again))
    except Exception:
        picture_uploads.forget(made)
        raise


def _answer(
    request: TokenRequest,
    body: request_body.ImagesBody,
    chosen: model_choice.Chosen,
    predictions: list[Prediction],
    live: picture_stream.Live,
    again: work_request.RetryIdentity,
) -> HttpResponseBase:
    form = body.form or chosen.form
    wish = image_results.images_request(request, predictions, form=form, most=body.count)
    response = picture_stream.streamed(wish, live) if body.stream else image_results.held_images(wish)
    replays.watch(response, again.repeatable)
    return response


def _requests(
    request: TokenRequest,
    chosen: model_choice.Chosen,
    inputs: list[dict[str, Any]],
    agains: list[work_request.RetryIdentity],
) -> list[work_request.Request]:
    token = request.api_token
    return [
        work_request.Request(
            account=token.account,
            user=token.user,
            token=token,
            version=chosen.version,
            input=given,
            origin=origin_of(request),
            mount=MOUNT,
            again=again,
        )
        for given, again in zip(inputs, agains, strict=False)
    ]
