"""Pictures from words, in OpenAI's form. The answer is held until they are ready."""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase

from predictions import repeats, submit
from predictions.dialects.common import images
from predictions.dialects.common.door import TokenRequest
from predictions.dialects.common.headers import again as again_of
from predictions.dialects.common.image_errors import ImageError
from predictions.dialects.common.origin import origin_of
from predictions.dialects.openai import bodies, models, wishes

MOUNT = "/v1"
"""Where the jobs' own addresses are, which this dialect does not have."""


def generate(request: TokenRequest) -> HttpResponseBase:
    """POST /images/generations."""
    images.refuse_where_full()
    body = bodies.parse(request)
    chosen = models.choose(body.model)
    again = wishes.agains(again_of(request))
    predictions = submit.all_made_before(again, request.api_token.account)
    if not predictions:
        predictions = submit.accept_all(_requests(request, body, chosen, again))
    form = body.form or chosen.form
    response = images.held(images.wanted(request, predictions, form=form, most=body.count))
    repeats.watch(response, again[0].repeatable)
    return response


def edit(request: TokenRequest) -> HttpResponse:
    """POST /images/edits: refused until a model that takes pictures is served through this address."""
    raise ImageError(
        400,
        "No model of this server edits pictures through this address yet; /images/generations makes new ones.",
        param="model",
        code="model_not_found",
    )


def _requests(
    request: TokenRequest,
    body: bodies.ImagesBody,
    chosen: models.Chosen,
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
        for given, again in zip(wishes.inputs(body, chosen), agains, strict=False)
    ]
