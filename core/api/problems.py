"""Errors of the project's own API in one shape, `{"title", "detail", "status"}`; its parser and negotiation."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.signals import got_request_exception
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, DictField, IntegerField, Serializer
from rest_framework.views import exception_handler

from core.db.retry import AWAY
from core.http import json_body
from core.http.denials import ExplainedDenial

log = structlog.get_logger(__name__)
_LONGEST_FAULT = 300
"""Characters of one fault."""


class Denied(exceptions.APIException):
    """A refusal with a status, a title and a message of its own; `faults` by field.

    `wait`: the seconds after which to try again, for `Retry-After`.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        faults: dict[str, Any] | None = None,
        *,
        wait: int | None = None,
    ) -> None:
        self.status_code = status
        # Read by REST framework's exception handler.
        self.wait = wait
        self.title = title
        self.faults = faults
        super().__init__(detail)

    def problem(self) -> dict[str, Any]:
        """The body of the response."""
        body = problem(self.status_code, str(self.detail)) | {"title": self.title}
        return body | {"faults": self.faults} if self.faults else body


class ProblemSerializer(Serializer[Any]):
    """The shape of every error; `faults` names the fields of a bad body."""

    title = CharField(help_text="The kind of error, for programs and headings.")
    detail = CharField(help_text="What is wrong, for people.")
    status = IntegerField(help_text="The HTTP status once more.")
    faults = DictField(required=False, help_text="Each wrong field with what is wrong about it.")


class StrictJSONParser(JSONParser):
    """JSON with the limits of `core.http.json_body`; a malformed body is a ParseError (400)."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            return json_body.loads(stream.read())
        except json_body.MalformedBody as error:
            raise exceptions.ParseError(error.detail) from None


class JSONNegotiation(BaseContentNegotiation):
    """Content negotiation that always answers JSON, whatever `Accept` says, also for errors."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class TooLarge(exceptions.APIException):
    """The body is larger than the server reads."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


def handle_exception(error: Exception, context: dict[str, Any]) -> Response:
    """REST framework's handler with our body; a server error is logged, and its text is not sent."""
    if isinstance(error, RequestDataTooBig):
        error = TooLarge()
    response = exception_handler(error, context)
    if response is None:
        log.error("api_error", exc_info=error)
        got_request_exception.send(sender=None, request=context["request"]._request)
        if isinstance(error, AWAY):
            unavailable = problem(503, "The server cannot do this right now. Nothing was lost; try again.")
            return Response(unavailable, status=503, headers={"Retry-After": "5"})
        return Response(problem(500, "The server failed to answer. Nothing was lost; try again."), status=500)
    data = _truncated(response.data)
    response.data = problem(response.status_code, _sentence(error, data))
    if isinstance(error, exceptions.ValidationError):
        response.data["faults"] = data if isinstance(data, dict) else {"body": data}
    if isinstance(error, Denied):
        response.data = error.problem()
    return response


def _truncated(data: Any) -> Any:
    """The faults, shortened and valid Unicode: they repeat what was sent, however long, lone surrogates too."""
    if isinstance(data, dict):
        return {_truncated(name): _truncated(fault) for name, fault in data.items()}
    if isinstance(data, list):
        return [_truncated(fault) for fault in data]
    text = str(data).encode("utf-8", "replace").decode()
    return text if len(text) <= _LONGEST_FAULT else f"{text[:_LONGEST_FAULT]}…"


def problem(status: int, detail: str) -> dict[str, Any]:
    """The body of an error."""
    return {"title": HTTPStatus(status).phrase, "detail": detail, "status": status}


@csrf_exempt
def not_found(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
    """The 404 of every unknown URL below an API's prefix."""
    return JsonResponse(problem(404, "There is nothing at this address."), status=404)


def _sentence(error: Exception, data: Any) -> str:
    if isinstance(error, exceptions.ValidationError):
        return "The request has errors: " + "; ".join(_faults(data)) + "."
    if isinstance(error, Http404):
        return "There is no such thing, or it is not yours."
    if isinstance(error, ExplainedDenial):
        return str(error)
    if isinstance(error, PermissionDenied):
        return "You may not do this."
    detail = data.get("detail", "") if isinstance(data, dict) else ""
    return str(detail) or HTTPStatus.BAD_REQUEST.phrase


def _faults(data: Any, name: str = "") -> list[str]:
    """Each fault as `field: message`, with the full path of a nested field."""
    if isinstance(data, dict):
        prefix = f"{name}." if name else ""
        return [fault for key, inner in data.items() for fault in _faults(inner, f"{prefix}{key}")]
    if isinstance(data, list) and any(isinstance(inner, dict) for inner in data):
        return [fault for number, inner in enumerate(data) for fault in _faults(inner, f"{name}.{number}")]
    message = " ".join(map(str, data)) if isinstance(data, list) else str(data)
    return [f"{name}: {message.rstrip('.')}" if name else message.rstrip(".")] if message else []
