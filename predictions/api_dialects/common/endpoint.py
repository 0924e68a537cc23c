"""Endpoints of the API dialects: checks of token, method, scope and rate limit; errors in the dialect's format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import structlog
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from accounts.models import ApiToken
from accounts.site.feature_flags import FeatureOff
from accounts.tokens import token_scopes
from accounts.tokens.authentication import AccountBlocked, authenticate
from core.http.json_body import MalformedBody
from predictions.api_dialects.common import rate_limits
from predictions.files import media
from predictions.submit import refusals

log = structlog.get_logger(__name__)
View = Callable[..., HttpResponseBase]
ErrorRenderer = Callable[[HttpRequest, Exception], HttpResponse]


class TokenRequest(HttpRequest):
    """A request with its API token, as endpoint views receive it."""

    api_token: ApiToken


class Unauthenticated(Exception):
    """The token is missing, malformed, unknown or revoked; callers cannot tell which."""


class MethodNotAllowed(Exception):
    """The URL supports other methods, which it names."""

    def __init__(self, allowed: list[str]) -> None:
        self.allowed = allowed
        super().__init__(", ".join(allowed))


class DialectError(Exception):
    """An error response in a dialect's own format. May be raised anywhere in a view."""


_EXPECTED = (
    DialectError, refusals.Refused, MalformedBody, Unauthenticated, MethodNotAllowed, AccountBlocked,
    token_scopes.NotPermitted, FeatureOff, media.StorageUnavailable, Http404, RequestDataTooBig, SuspiciousOperation,
    BadRequest, MultiPartParserError,
)  # fmt: skip


@dataclass(frozen=True)
class Endpoint:
    """Wraps the views of one dialect. `render_error` renders any exception as a response."""

    render_error: ErrorRenderer
    bearer_only: bool = False
    """Whether `Authorization: Token …` is refused."""

    def endpoint(self, *, creates: bool = False, scope: str = "", **by_method: View) -> View:
        """One URL with a view for each method, for example `endpoint(GET=list_predictions, POST=create)`.

        Checked in this order: the token (401, 403), the method (405), the token's scope (403), the rate limit (429).
        Session cookies do not authenticate here, hence no CSRF protection. `creates`: its POST counts against the
        stricter limit for new predictions. `scope`: what a token needs for every method; by default `read` for safe
        methods and `predict` for the others.
        """
        allowed = sorted({*by_method, "OPTIONS", *(["HEAD"] if "GET" in by_method else [])})

        def dispatch(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method == "OPTIONS":
                return _options(allowed)
            token = self._token(request)
            request.api_token = token  # type: ignore[attr-defined]
            view = by_method.get("GET" if request.method == "HEAD" else str(request.method))
            if view is None:
                raise MethodNotAllowed(allowed)
            token_scopes.require(
                token,
                scope or token_scopes.required_scope(str(request.method), changing=token_scopes.PREDICT),
            )
            kind = rate_limits.kind_of(request, creates and request.method == "POST")
            subject = str(kwargs.get("public_id", "")) if kind == "poll" else ""
            limit_status = rate_limits.count_request(kind, token.account, subject, token=token)
            request.rate_limit_status = limit_status  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

        guarded = self._guarded(dispatch)
        guarded.methods = frozenset(by_method)  # type: ignore[attr-defined]
        return guarded

    def public(self, view: View) -> View:
        """A URL that needs no token (capability URLs), with the same error handling."""

        @wraps(view)
        def dispatch(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method == "OPTIONS":
                return _options(["GET", "HEAD", "OPTIONS"])
            if request.method not in {"GET", "HEAD"}:
                raise MethodNotAllowed(["GET", "HEAD", "OPTIONS"])
            return view(request, *args, **kwargs)

        guarded = self._guarded(dispatch)
        guarded.methods = frozenset({"GET"})  # type: ignore[attr-defined]
        return guarded

    def unknown(self) -> View:
        """The view for unknown paths below a mount: an error in the dialect's format, never an HTML page."""

        def nowhere(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            raise Http404

        return self._guarded(nowhere)

    def _guarded(self, view: View) -> View:
        @csrf_exempt
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            limit_status: rate_limits.LimitStatus | None = None
            try:
                if "\x00" in request.path:
                    # PostgreSQL accepts no NUL in text, and no name of ours contains one.
                    raise Http404
                response = view(request, *args, **kwargs)
            except Exception as error:
                if isinstance(error, OperationalError | InterfaceError):
                    log.error("database_unreachable", exc_info=error)
                elif not isinstance(error, _EXPECTED):
                    log.error("api_broke", path=request.path, exc_info=error)
                response = self.render_error(request, error)
                if isinstance(error, rate_limits.Throttled):
                    limit_status = error.limit_status
                    response["Retry-After"] = str(error.retry_after_s)
            limit_status = limit_status or getattr(request, "rate_limit_status", None)
            if limit_status is not None:
                limit_status.set_headers(response)
            return response

        return guarded

    def _token(self, request: HttpRequest) -> ApiToken:
        header = request.headers.get("Authorization", "")
        if self.bearer_only and header.split()[:1] and header.split()[0].lower() != "bearer":
            raise Unauthenticated
        token = authenticate(request)
        if token is None:
            raise Unauthenticated
        return token


def _options(allowed: list[str]) -> HttpResponse:
    response = HttpResponse(status=204)
    response["Allow"] = ", ".join(allowed)
    return response
