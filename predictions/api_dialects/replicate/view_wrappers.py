"""Endpoints of the Replicate dialect: exceptions become problem responses."""

from __future__ import annotations

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import get_language_from_request

from accounts.site.feature_flags import FeatureOff
from accounts.tokens.authentication import AccountBlocked
from accounts.tokens.token_scopes import NotPermitted
from core.http.json_body import MalformedBody
from predictions.api_dialects.common.endpoint import Endpoint, MethodNotAllowed, TokenRequest, Unauthenticated
from predictions.api_dialects.replicate import error_responses
from predictions.files import media
from predictions.submit import refusals

__all__ = ["TokenRequest", "endpoint", "problem", "public", "unknown"]


def problem(request: HttpRequest, error: Exception) -> error_responses.Problem:
    """The problem for an exception."""
    match error:
        case error_responses.Problem():
            return error
        case refusals.ServiceClosed():
            return error_responses.service_closed(
                error.detail_in(get_language_from_request(request)), error.retry_after_s
            )
        case refusals.Refused():
            return error_responses.refused(error)
        case FeatureOff():
            return error_responses.service_closed(str(error.detail), error.wait)
        case MalformedBody():
            return error_responses.bad_request(error.detail)
        case Unauthenticated():
            return error_responses.unauthenticated()
        case MethodNotAllowed():
            return error_responses.method_not_allowed(error.allowed)
        case AccountBlocked():
            return error_responses.forbidden("This account is suspended.")
        case NotPermitted():
            return error_responses.forbidden(str(error.detail))
        case Http404():
            return error_responses.not_found()
        case RequestDataTooBig():
            return error_responses.too_large()
        case SuspiciousOperation() | BadRequest() | MultiPartParserError():
            return error_responses.bad_request("The request is malformed.")
        case media.StorageUnavailable():
            return error_responses.temporarily_unavailable(str(error.detail), error.wait)
        case OperationalError() | InterfaceError():
            return error_responses.unavailable()
    return error_responses.internal(request)


def _render(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(request, error).response()


_dialect = Endpoint(_render)
endpoint = _dialect.endpoint
public = _dialect.public
unknown = _dialect.unknown()
