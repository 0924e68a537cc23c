"""The door of this dialect: errors leave as problems."""

from __future__ import annotations

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import get_language_from_request

from accounts.authentication import AccountBarred
from accounts.json_body import MalformedBody
from accounts.permits import NotPermitted
from accounts.switches import SwitchedOff
from predictions import refusals
from predictions.dialects.common.door import Door, MethodNotAllowed, TokenRequest, Unauthenticated
from predictions.dialects.replicate import errors
from predictions.files import media

__all__ = ["TokenRequest", "endpoint", "problem", "public", "unknown"]


def problem(request: HttpRequest, error: Exception) -> errors.Problem:
    """What this dialect says of an exception."""
    match error:
        case errors.Problem():
            return error
        case refusals.HouseClosed():
            return errors.closed(error.told_in(get_language_from_request(request)), error.retry_after_s)
        case refusals.Refused():
            return errors.refused(error)
        case SwitchedOff():
            return errors.closed(str(error.detail), error.wait)
        case MalformedBody():
            return errors.bad_request(error.detail)
        case Unauthenticated():
            return errors.unauthenticated()
        case MethodNotAllowed():
            return errors.method_not_allowed(error.allowed)
        case AccountBarred():
            return errors.forbidden("This account is suspended.")
        case NotPermitted():
            return errors.forbidden(str(error.detail))
        case Http404():
            return errors.not_found()
        case RequestDataTooBig():
            return errors.too_large()
        case SuspiciousOperation() | BadRequest() | MultiPartParserError():
            return errors.bad_request("The request is malformed.")
        case media.StorageAway():
            return errors.away(str(error.detail), error.wait)
        case OperationalError() | InterfaceError():
            return errors.unavailable()
    return errors.internal(request)


def _say(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(request, error).response()


_door = Door(_say)
endpoint = _door.endpoint
public = _door.public
unknown = _door.unknown()
