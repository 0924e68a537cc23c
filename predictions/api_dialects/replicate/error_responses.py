"""Error responses of the Replicate dialect: `application/problem+json`, always an object."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse

from predictions.api_dialects.common.endpoint import DialectError
from predictions.submit import refusals

UNKNOWN_VERSION = "Invalid version or not permitted"


class Problem(DialectError):
    """An error response. May be raised anywhere in a view; rendered in one place."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        invalid_fields: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers or {}
        self.invalid_fields = invalid_fields

    def response(self) -> HttpResponse:
        """The response."""
        body: dict[str, Any] = {"title": self.title, "detail": self.detail, "status": self.status}
        if self.invalid_fields is not None:
            body["invalid_fields"] = self.invalid_fields
        answer = HttpResponse(
            json.dumps(body, ensure_ascii=False), status=self.status, content_type="application/problem+json"
        )
        for name, value in self.headers.items():
            answer[name] = value
        return answer


def bad_request(detail: str) -> Problem:
    """400: it could not be parsed."""
    return Problem(400, "Bad request", detail)


def unauthenticated() -> Problem:
    """401; the same for missing, malformed, unknown and revoked tokens."""
    return Problem(
        401,
        "Unauthenticated",
        "You did not pass a valid authentication token",
        headers={"WWW-Authenticate": "Bearer"},
    )


def forbidden(detail: str) -> Problem:
    """403."""
    return Problem(403, "Forbidden", detail)


def not_found() -> Problem:
    """404; also for what belongs to another account."""
    return Problem(404, "Not found", "The requested resource could not be found.")


def method_not_allowed(allowed: list[str]) -> Problem:
    """405 with `Allow`."""
    return Problem(
        405,
        "Method not allowed",
        "This address does not answer that method.",
        headers={"Allow": ", ".join(allowed)},
    )


def too_large() -> Problem:
    """413."""
    return Problem(413, "Content too large", "Files must be less than 100MB in size")


def unknown_version() -> Problem:
    """422: a version that is unknown, disabled or of another model."""
    return Problem(
        422,
        UNKNOWN_VERSION,
        "The specified version does not exist (or perhaps you don't have permission to use it?)",
    )


def faults(found: list[Any], title: str = "Input validation failed") -> Problem:
    """422 with a line and an entry for each fault."""
    return Problem(
        422,
        title,
        "".join(fault.line for fault in found),
        invalid_fields=[fault.as_json() for fault in found],
    )


def refused(refusal: refusals.Refused) -> Problem:
    """A refusal of `predictions.submit` as a problem."""
    if isinstance(refusal, refusals.InvalidInput):
        return faults(refusal.faults, refusal.title)
    headers = {"x-should-retry": "false"} if refusal.status == 402 else {}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    return Problem(refusal.status, refusal.title, refusal.detail, headers=headers)


def service_closed(detail: str, retry_after_s: int) -> Problem:
    """503: nothing new is accepted for a while, or a feature is switched off."""
    headers = {"Retry-After": str(retry_after_s), "x-should-retry": "false"}
    return Problem(503, "Service unavailable", detail, headers=headers)


def internal(request: HttpRequest) -> Problem:
    """500 without internal details, with the request id to quote."""
    request_id = getattr(request, "request_id", "")
    return Problem(
        500, "Internal server error", f"Something broke on our side. Nothing was charged. Quote {request_id}."
    )


def unavailable() -> Problem:
    """503: the database or the queue is unreachable."""
    return temporarily_unavailable("The server cannot do this right now. Nothing was charged; try again.", 2)


def temporarily_unavailable(detail: str, retry_after_s: int) -> Problem:
    """503: something this server needs is unreachable for the moment."""
    return Problem(503, "Service unavailable", detail, headers={"Retry-After": str(retry_after_s)})
