"""The other answer that a create can give: the images of OpenAI's form instead of the prediction.

One of the documents that Darkroom was made after shows it for the same request as the others show a prediction, so the
choice comes from outside the body: the header `X-Darkroom-Answer`, or `?answer=` in the address, or the API token's
setting, in this order. What was asked for is the same prediction in each case, and is listed as any other.
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


def wants_pictures(request: TokenRequest) -> bool:
    """Whether the images answer is wanted, for which there must be room to wait.

    Raises Problem 400 for a value that is no answer, ImageError 429 where no more may be held.
    """
    for name, value in [*_stated(request), _asked(request)]:
        if value not in ApiToken.Answer.values:
            choices = " or ".join(ApiToken.Answer.values)
            raise error_responses.bad_request(f"{name} must be {choices}.")
    if _asked(request)[1] != ApiToken.Answer.OPENAI:
        return False
    image_results.refuse_where_full()
    return True


def refuse_what_cannot_be_shown(version: Version) -> None:
    """Raises ImageError 400 for a model that makes no files."""
    image_results.refuse_without_pictures(version, "version")


def as_images(request: TokenRequest, prediction: Prediction) -> HeldResponse:
    """200 and the pictures once it has ended, whatever `Prefer` says."""
    return image_results.held_images(image_results.images_request(request, [prediction]))


def render_error(request: HttpRequest, error: Exception) -> HttpResponse:
    """Errors of a create, in the form of the answer that was asked for."""
    if request.method != "POST" or _asked(request)[1] != ApiToken.Answer.OPENAI:
        return problem(request, error).response()
    if isinstance(error, error_responses.Problem):
        return _in_their_form(error).response()
    return image_errors.from_exception(request, error).response()


images_endpoint = Endpoint(render_error)


def _asked(request: HttpRequest) -> tuple[str, str]:
    """Where the wish stands, and its value. Without a token (it is missing or wrong) only the request can tell."""
    token: ApiToken | None = getattr(request, "api_token", None)
    by_token = ("The API token's answer", token.answer if token else ApiToken.Answer.PREDICTION)
    return next(iter(_stated(request)), by_token)


def _stated(request: HttpRequest) -> list[tuple[str, str]]:
    given = ((HEADER, request.headers.get(HEADER)), (QUERY, request.GET.get(QUERY)))
    return [(name, value.strip().lower()) for name, value in given if value is not None]


def _in_their_form(found: error_responses.Problem) -> image_errors.ImageError:
    """A problem that only this dialect knows: of the body, of a header, or an unknown version."""
    if found.title == error_responses.UNKNOWN_VERSION:
        return image_errors.model_not_found(found.detail, "version")
    if found.status == 404:
        return image_errors.model_not_found(found.detail)
    param = next((image_errors.param_of(Fault(**one)) for one in found.invalid_fields or []), None)
    status = 400 if found.status == 422 else found.status
    return image_errors.ImageError(status, found.detail.strip(), param=param, headers=found.headers)
