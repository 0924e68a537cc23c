"""What every view of this dialect shares: methods, who asks, and errors as problems."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from accounts.authentication import AccountBarred, authenticate_header_value
from accounts.models import ApiToken
from predictions import submit
from predictions.dialects.replicate import errors

log = structlog.get_logger(__name__)
View = Callable[..., HttpResponseBase]
_ALWAYS = ["HEAD", "OPTIONS"]


class TokenRequest(HttpRequest):
    """A request whose token is known; what views of this dialect receive."""

    api_token: ApiToken


def endpoint(**by_method: View) -> View:
    """One address: a view for each method, for example `endpoint(GET=list_predictions, POST=create)`.

    The token comes first (401, 403), then the method (405), then the view. No session cookie opens this door, which is
    why no CSRF token is asked for.
    """
    allowed = sorted({*by_method, "OPTIONS", *(["HEAD"] if "GET" in by_method else [])})

    @csrf_exempt
    def dispatch(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if request.method == "OPTIONS":
                return _options(allowed)
            request.api_token = _token(request)  # type: ignore[attr-defined]
            view = by_method.get("GET" if request.method == "HEAD" else str(request.method))
            if view is None:
                raise errors.method_not_allowed(allowed)
            return view(request, *args, **kwargs)
        except Exception as error:
            return _problem(request, error).response()

    return dispatch


def public(view: View) -> View:
    """An address that works without a token (capability addresses), with the same errors."""

    @csrf_exempt
    @wraps(view)
    def dispatch(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if request.method == "OPTIONS":
                return _options(["GET", *_ALWAYS])
            if request.method not in {"GET", "HEAD"}:
                raise errors.method_not_allowed(["GET", *_ALWAYS])
            return view(request, *args, **kwargs)
        except Exception as error:
            return _problem(request, error).response()

    return dispatch


@csrf_exempt
def unknown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Any other path under the mounts: a problem, never a page."""
    return errors.not_found().response()


def _token(request: HttpRequest) -> ApiToken:
    token = authenticate_header_value(request.headers.get("Authorization", ""))
    if token is None:
        raise errors.unauthenticated()
    return token


def _problem(request: HttpRequest, error: Exception) -> errors.Problem:
    match error:
        case errors.Problem():
            return error
        case submit.Refused():
            return errors.refused(error)
        case AccountBarred():
            return errors.forbidden("This account is suspended.")
        case Http404():
            return errors.not_found()
        case RequestDataTooBig():
            return errors.too_large()
        case SuspiciousOperation():
            return errors.bad_request("The request is malformed.")
        case OperationalError() | InterfaceError():
            log.error("database_unreachable", exc_info=error)
            return errors.unavailable()
    log.error("api_broke", path=request.path, exc_info=error)
    return errors.internal(request)


def _options(allowed: list[str]) -> HttpResponse:
    answer = HttpResponse(status=204)
    answer["Allow"] = ", ".join(allowed)
    return answer
