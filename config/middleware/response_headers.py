"""Middleware for response headers: request ids, security policies of pages, `Server-Timing` at the APIs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, cast

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from config.middleware import access_log
from config.middleware.error_pages import error_page

_APIS = ("/v1/", "/replicate/v1/", "/openai/v1/", "/api/")


class RequestIdMiddleware:
    """Takes a well-formed `X-Request-Id` from a proxy, or makes one; answers with it, and with the time it took."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._awaits = iscoroutinefunction(get_response)
        if self._awaits:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        request_id, began = _request_id(request), perf_counter()
        if self._awaits:
            return self._later(request, request_id, began)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = cast(HttpResponse, self.get_response(request))
        return _signed(request, response, request_id, began)

    async def _later(self, request: HttpRequest, request_id: str, began: float) -> HttpResponse:
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = cast(HttpResponse, await self.get_response(request))
        return _signed(request, response, request_id, began)


class PagePolicyMiddleware:
    """Content-Security-Policy, Permissions-Policy, Strict-Transport-Security, and `Cache-Control` of all views.

    What a view says of caching stands; where it says nothing, nobody may keep the answer: it is private until somebody
    thought about it.
    """

    sync_capable = True
    async_capable = True
    _ALL = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    _POLICY = _ALL + "style-src 'self'; style-src-attr 'unsafe-inline'; frame-ancestors 'none'"
    # The panel's own scripts are expressions in attributes, which Alpine compiles, and its colours a style in the page.
    # Nothing that is written into a page runs here either: inline scripts and handlers stay forbidden.
    _PANEL = (
        _ALL + "script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
    )
    _PANEL_PATH = "/admin/"
    _UNUSED = (
        "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone", "midi",
        "payment", "serial", "usb", "xr-spatial-tracking",
    )  # fmt: skip
    _PERMISSIONS = ", ".join(f"{feature}=()" for feature in _UNUSED)

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._awaits = iscoroutinefunction(get_response)
        if self._awaits:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self._awaits:
            return self._later(request)
        return self._marked(request, cast(HttpResponse, self.get_response(request)))

    async def _later(self, request: HttpRequest) -> HttpResponse:
        return self._marked(request, cast(HttpResponse, await self.get_response(request)))

    def _marked(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        headers = response.headers
        headers.setdefault("Cache-Control", "no-store")
        if settings.HSTS:
            headers["Strict-Transport-Security"] = settings.HSTS
        if headers.get("Content-Type", "").startswith("text/html"):
            of_panel = request.path_info.startswith(self._PANEL_PATH)
            headers.setdefault("Content-Security-Policy", self._PANEL if of_panel else self._POLICY)
            headers.setdefault("Permissions-Policy", self._PERMISSIONS)
        return response


class AddressMiddleware(MiddlewareMixin):
    """Answers 404 where an address holds a NUL: nothing is called so, and PostgreSQL would refuse to look for it."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """The 404, where there is reason for one."""
        return error_page(request, 404) if "\0" in request.path_info else None


def _signed(request: HttpRequest, response: HttpResponse, request_id: str, began: float) -> HttpResponse:
    response["X-Request-Id"] = request_id
    _scope(request)[access_log.WHO] = _who(request)
    if request.path_info.startswith(_APIS):
        # Our own work in milliseconds, the time that a request is held not counted: what we cost beside the model.
        response["Server-Timing"] = f"app;dur={(perf_counter() - began) * 1000:.2f}"
    return response


def _request_id(request: HttpRequest) -> str:
    given = request.headers.get("X-Request-Id", "")
    # The outermost layer has given it one already, where there is that layer.
    request_id = _scope(request).get(access_log.REQUEST_ID) or access_log.sane_request_id(given)
    request.request_id = request_id  # type: ignore[attr-defined]
    return str(request_id)


def _scope(request: HttpRequest) -> dict[str, Any]:
    return getattr(request, "scope", None) or {}


def _who(request: HttpRequest) -> dict[str, int]:
    """The numbers of the member and of the API token, as far as they are known already: nobody is looked for."""
    token = getattr(request, "api_token", None)
    if token is not None:
        return {"user": token.user_id, "token": token.pk}
    user = getattr(request, "_cached_user", None)
    return {"user": user.pk} if user is not None and user.is_authenticated else {}
