"""Images response of a create: pictures in OpenAI's format instead of the prediction.

One of the documents that Darkroom implements shows it for the same request for which others show a prediction, so the
choice is made outside the body: by the header `X-Darkroom-Answer`, or `?answer=` in the URL, or the API token's
setting, in this order. The prediction is the same in each case, and is listed like any other.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from accounts.models import ApiToken
from predictions.api_dialects.common import image_errors, image_results
from predictions.api_dialects.common.endpoint import Endpoint, TokenRequest
from predictions.api_dialects.replicate import error_responses
from predictions.api_dialects.replicate.view_wrappers import problem
from predictions.models import Prediction, Version
from predictions.submit.validation import Fault
from predictions.waiting.held_response import HeldResponse

HEADER = "X-Darkroom-Answer"
QUERY = "answer"


def wants_images(request: TokenRequest) -> bool:
    """Whether the images response is wanted; checks that it can be held.

    Raises Problem 400 for an unknown value, ImageError 429 where no more requests can be held.
    """
    for name, value in [*_explicit(request), _choice(request)]:
        if value not in ApiToken.Answer.values:
            choices = " or ".join(ApiToken.Answer.values)
            raise error_responses.bad_request(f"{name} must be {choices}.")
    if _choice(request)[1] != ApiToken.Answer.OPENAI:
        return False
    image_results.require_waiter_slot()
    return True


def require_file_output(version: Version) -> None:
    """Raises ImageError 400 for a model that makes no files."""
    image_results.require_file_output(version, "version")


def as_images(request: TokenRequest, prediction: Prediction) -> HeldResponse:
    """200 with the pictures once it has ended, whatever `Prefer` says."""
    return image_results.held_images(image_results.images_request(request, [prediction]))


def render_error(request: HttpRequest, error: Exception) -> HttpResponse:
    """Errors of a create, in the format of the response that was asked for."""
    if request.method != "POST" or _choice(request)[1] != ApiToken.Answer.OPENAI:
        return problem(request, error).response()
    if isinstance(error, error_responses.Problem):
        return _as_image_error(error).response()
    return image_errors.from_exception(request, error).response()


images_endpoint = Endpoint(render_error)


def _choice(request: HttpRequest) -> tuple[str, str]:
    """Where the choice was made, and its value. Without a valid token only the request can make it."""
    token: ApiToken | None = getattr(request, "api_token", None)
    by_token = ("The API token's answer", token.answer if token else ApiToken.Answer.PREDICTION)
    return next(iter(_explicit(request)), by_token)


def _explicit(request: HttpRequest) -> list[tuple[str, str]]:
    candidates = ((HEADER, request.headers.get(HEADER)), (QUERY, request.GET.get(QUERY)))
    return [(name, value.strip().lower()) for name, value in candidates if value is not None]


def _as_image_error(problem_: error_responses.Problem) -> image_errors.ImageError:
    """A problem that only this dialect has: of the body, of a header, or an unknown version."""
    if problem_.title == error_responses.UNKNOWN_VERSION:
        return image_errors.model_not_found(problem_.detail, "version")
    if problem_.status == 404:
        return image_errors.model_not_found(problem_.detail)
    param = next((image_errors.param_of(Fault(**fault)) for fault in problem_.invalid_fields or []), None)
    status = 400 if problem_.status == 422 else problem_.status
    return image_errors.ImageError(status, problem_.detail.strip(), param=param, headers=problem_.headers)
