"""Errors in OpenAI's format, `{"error": {"message", "type", "param", "code"}}`, mapped from exceptions in one place.

Used by the OpenAI dialect, and by a create of the Replicate dialect whose caller asked for an images answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import get_language_from_request

from accounts.site.feature_flags import FeatureOff
from accounts.tokens.authentication import AccountBlocked
from accounts.tokens.token_scopes import NotPermitted
from core.http.json_body import MalformedBody
from predictions.api_dialects.common.endpoint import DialectError, MethodNotAllowed, Unauthenticated
from predictions.api_dialects.common.payloads import json_response
from predictions.files import media
from predictions.submit import refusals
from predictions.submit.validation import Fault

INVALID = "invalid_request_error"
NO_RETRY = {"x-should-retry": "false"}
"""The official clients repeat a POST on 429 and 5xx unless this header tells them not to."""


class ImageError(DialectError):
    """One error. `param` names the request's field, `code` is for programs; both are null where there is none."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = INVALID,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The response's JSON."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}

    def response(self) -> HttpResponse:
        """The response."""
        response = json_response(self.body(), self.status)
        for name, value in self.headers.items():
            response[name] = value
        return response


def invalid(message: str, param: str | None = None, code: str | None = None) -> ImageError:
    """400: an invalid field."""
    return ImageError(400, message, param=param, code=code)


def model_not_found(message: str, param: str = "model") -> ImageError:
    """404: no such model, or no provider serves it."""
    return ImageError(404, message, param=param, code="model_not_found")


def generation_failed(message: str, code: str = "generation_failed") -> ImageError:
    """400, not 5xx: the job failed, and an automatic retry would be paid for again."""
    return ImageError(400, message, kind="image_generation_user_error", code=code)


def too_many_held() -> ImageError:
    """429 before anything was accepted: no more requests can be held."""
    return ImageError(
        429,
        "Too many requests wait for their pictures at present. Nothing was charged; try again.",
        kind="rate_limit_error",
        code="rate_limit_exceeded",
        headers={"Retry-After": "5"},
    )


def timed_out() -> ImageError:
    """504: not ready in time; what was not ready was canceled and its hold released."""
    return ImageError(
        504,
        "The pictures were not ready in time. The job was canceled and nothing was charged for it.",
        kind="timeout_error",
        code="generation_timeout",
        headers=NO_RETRY,
    )


def interrupted() -> ImageError:
    """503: the server had to stop holding the request.

    Its jobs were canceled, so that a retry is not paid for twice.
    """
    return ImageError(
        503,
        "The server had to stop waiting. The job was canceled and nothing was charged for it; try again.",
        kind="server_error",
        code="interrupted",
        headers={"Retry-After": "1"},
    )


def service_closed(message: str, retry_after_s: int) -> ImageError:
    """503: nothing new is accepted for a while, or a feature is switched off.

    Clients' own retries would come too soon.
    """
    headers = {"Retry-After": str(retry_after_s), **NO_RETRY}
    return ImageError(503, message, kind="server_error", code="service_unavailable", headers=headers)


def still_under_way(public_ids: list[str]) -> ImageError:
    """503: only the answer cannot be given, the jobs go on. No retry, or they would be paid for twice."""
    return ImageError(
        503,
        "The server could not wait for the pictures, which are still being made. They will be in your library: "
        + ", ".join(public_ids),
        kind="server_error",
        code="answer_not_held",
        headers=NO_RETRY,
    )


def from_exception(
    request: HttpRequest, error: Exception, names: Mapping[str, str] | None = None
) -> ImageError:
    """The error for an exception. `names` maps input names to field names of the request."""
    match error:
        case ImageError():
            return error
        case refusals.ServiceClosed():
            return service_closed(error.detail_in(get_language_from_request(request)), error.retry_after_s)
        case refusals.Refused():
            return _refused(error, names or {})
        case FeatureOff():
            return service_closed(str(error.detail), error.wait)
        case MalformedBody():
            return invalid(error.detail)
        case Unauthenticated():
            return ImageError(
                401,
                "You did not pass a valid API key. Send one as `Authorization: Bearer KEY`.",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        case AccountBlocked():
            return _suspended("This account is suspended.")
        case NotPermitted():
            return ImageError(403, str(error.detail), code=error.code)
    return _of_server(request, error)


def _of_server(request: HttpRequest, error: Exception) -> ImageError:
    match error:
        case MethodNotAllowed():
            headers = {"Allow": ", ".join(error.allowed)}
            return ImageError(405, "This address does not answer that method.", headers=headers)
        case media.FileMissing():
            return ImageError(404, "This server no longer has that file.", code="file_gone")
        case media.StorageUnavailable():
            headers = {"Retry-After": str(error.wait)}
            return ImageError(503, str(error.detail), kind="server_error", headers=headers)
        case Http404():
            return ImageError(404, f"Unknown request URL: {request.path[:200]}", code="unknown_url")
        case RequestDataTooBig():
            return ImageError(413, "The request body is too large.")
        case SuspiciousOperation() | BadRequest() | MultiPartParserError():
            return invalid("The request is malformed.")
        case OperationalError() | InterfaceError():
            text = "The server cannot do this right now. Nothing was charged; try again."
            return ImageError(503, text, kind="server_error", headers={"Retry-After": "2"})
    request_id = getattr(request, "request_id", "")
    text = f"Something broke on our side. Nothing was charged. Quote {request_id}."
    return ImageError(500, text, kind="server_error")


def _refused(refusal: refusals.Refused, names: Mapping[str, str]) -> ImageError:
    match refusal:
        case refusals.PromptNotAllowed():
            refused = generation_failed(_faults(refusal), "moderation_blocked")
            refused.param = _param(refusal, names)
            return refused
        case refusals.InvalidInput():
            return invalid(_faults(refusal), _param(refusal, names))
        case refusals.ModelNotAvailable() | refusals.ModelNotPermitted():
            return model_not_found(refusal.detail)
        case refusals.InsufficientCredit():
            code = "insufficient_quota"
            return ImageError(429, refusal.detail, kind=code, code=code, headers=NO_RETRY)
        case refusals.AccountSuspended():
            return _suspended(refusal.detail)
        case refusals.StorageFull():
            return ImageError(403, refusal.detail, code="storage_full")
        case refusals.KeyReused():
            return invalid(refusal.detail, code="idempotency_key_reused")
    headers = {"Retry-After": str(refusal.retry_after_s or 5)}
    if refusal.status == 429:
        return ImageError(
            429, refusal.detail, kind="rate_limit_error", code="rate_limit_exceeded", headers=headers
        )
    if refusal.status >= 500:
        return ImageError(refusal.status, refusal.detail, kind="server_error", headers=headers)
    return invalid(refusal.detail)


def _suspended(detail: str) -> ImageError:
    return ImageError(403, detail, code="account_suspended")


def _faults(refusal: refusals.InvalidInput) -> str:
    return "\n".join(fault.line.strip().removeprefix("- ") for fault in refusal.faults) or refusal.title


def param_of(fault: Fault) -> str | None:
    """Name of the input, or of the body's field, that a fault is about."""
    field = fault.field.removeprefix("input").removeprefix(".").split(".")[0]
    if not field and fault.type == "required":
        field = fault.description.removesuffix(" is required")
    return field or None


def _param(refusal: refusals.InvalidInput, names: Mapping[str, str]) -> str | None:
    field = next((param_of(fault) for fault in refusal.faults), None)
    return names.get(field, field) if field else None
