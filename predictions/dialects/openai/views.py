"""Pictures in OpenAI's form, from words or from other pictures. An answer is held until they are ready, or streamed."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase

from accounts import allowances
from predictions import refusals, repeats, submit
from predictions.dialects.common import images
from predictions.dialects.common.door import TokenRequest
from predictions.dialects.common.headers import again as again_of
from predictions.dialects.common.image_errors import invalid
from predictions.dialects.common.origin import origin_of
from predictions.dialects.openai import bodies, edits, models, pictures, streaming, wishes
from predictions.models import Prediction

MOUNT = "/v1"
"""Where the jobs' own addresses are, which this dialect does not have."""


def generate(request: TokenRequest) -> HttpResponseBase:
    """POST /images/generations."""
    images.refuse_where_full()
    body = bodies.parse(request)
    chosen = models.choose(body.model)
    again = wishes.agains(again_of(request))
    inputs = wishes.inputs(body, chosen)
    predictions = submit.all_made_before(again, request.api_token.account, request.api_token.user)
    if not predictions:
        predictions = submit.accept_all(_requests(request, chosen, inputs, again))
    live = streaming.live("image_generation", body, chosen.version, inputs[0])
    return _answer(request, body, chosen, predictions, live, again[0])


def edit(request: TokenRequest) -> HttpResponseBase:
    """POST /images/edits: pictures from a picture and words, with a mask where only part of it is to change."""
    images.refuse_where_full()
    body = edits.parse(request)
    chosen = models.choose_for(body.words.model, mask=body.mask is not None, prompt=True)
    return _from_pictures(request, body, chosen)


def vary(request: TokenRequest) -> HttpResponseBase:
    """POST /images/variations: pictures from a picture alone."""
    images.refuse_where_full()
    body = edits.parse_variation(request)
    return _from_pictures(request, body, models.choose_for(body.words.model, mask=False, prompt=False))


def _from_pictures(request: TokenRequest, body: edits.EditBody, chosen: models.Chosen) -> HttpResponseBase:
    if len(body.pictures) > 1:
        raise invalid(f"{chosen.version.model.ref} takes one picture, not {len(body.pictures)}.", "image")
    with_mask = "mask" in chosen.version.input_schema.get("required", [])
    standing = {"image": pictures.STAND_IN, **({"mask": pictures.STAND_IN} if body.mask or with_mask else {})}
    inputs = wishes.inputs(body.words, chosen, standing)
    again = wishes.agains(again_of(request, lambda: body.digest(request.path)))
    predictions = submit.all_made_before(again, request.api_token.account, request.api_token.user)
    if not predictions:
        with pictures.prepared(request, body, with_mask=with_mask) as ready:
            _refuse_unaffordable(_requests(request, chosen, inputs, again))
            predictions = _accept(request, body, chosen, again, ready)
    live = streaming.live("image_edit", body.words, chosen.version, inputs[0])
    return _answer(request, body.words, chosen, predictions, live, again[0])


def _refuse_unaffordable(requests: list[submit.Request]) -> None:
    """Everything that can be refused, while no picture is kept yet. Raises refusals.Refused."""
    needed = sum(submit.check(request).ceiling for request in requests)
    # With the allowance that it is owed, as whoever sends words alone is found to have when they are held for.
    if not allowances.covers(requests[0].account, needed):
        raise refusals.InsufficientCredit


def _accept(
    request: TokenRequest,
    body: edits.EditBody,
    chosen: models.Chosen,
    again: list[submit.Again],
    ready: list[pictures.Ready],
) -> list[Prediction]:
    """Keep the pictures, then accept the jobs that name them; both or neither. Raises refusals.Refused."""
    named, made = pictures.keep(request, ready)
    try:
        inputs = wishes.inputs(body.words, chosen, named)
        return submit.accept_all(_requests(request, chosen, inputs, again))
    except Exception:
        pictures.forget(made)
        raise


def _answer(
    request: TokenRequest,
    body: bodies.ImagesBody,
    chosen: models.Chosen,
    predictions: list[Prediction],
    live: streaming.Live,
    again: submit.Again,
) -> HttpResponseBase:
    form = body.form or chosen.form
    wish = images.wanted(request, predictions, form=form, most=body.count)
    response = streaming.streamed(wish, live) if body.stream else images.held(wish)
    repeats.watch(response, again.repeatable)
    return response


def _requests(
    request: TokenRequest,
    chosen: models.Chosen,
    inputs: list[dict[str, Any]],
    agains: list[submit.Again],
) -> list[submit.Request]:
    token = request.api_token
    return [
        submit.Request(
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
