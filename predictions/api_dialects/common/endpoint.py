"""What the views of all dialects share: who asks, by which method, and errors told in the dialect's own way."""

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
from accounts.tokens.authentication import AccountBarred, authenticate
from core.http.json_body import MalformedBody
from predictions.api_dialects.common import rate_limits
from predictions.files import media
from predictions.submit import refusals

log = structlog.get_logger(__name__)
View = Callable[..., HttpResponseBase]
ErrorRenderer = Callable[[HttpRequest, Exception], HttpResponse]


class TokenRequest(HttpRequest):
    """A request whose token is known; what views behind a door receive."""

    api_token: ApiToken


class Unauthenticated(Exception):
    """The same for a missing, malformed, unknown and revoked token."""


class MethodNotAllowed(Exception):
    """The address answers other methods, and names them."""

    def __init__(self, allowed: list[str]) -> None:
        self.allowed = allowed
        super().__init__(", ".join(allowed))


class DialectError(Exception):
    """An answer that is an error, in a dialect's own words. Raised anywhere in a view."""


_EXPECTED = (
    DialectError, refusals.Refused, MalformedBody, Unauthenticated, MethodNotAllowed, AccountBarred,
    token_scopes.NotPermitted, FeatureOff, media.StorageAway, Http404, RequestDataTooBig, SuspiciousOperation,
    BadRequest, MultiPartParserError,
)  # fmt: skip


@dataclass(frozen=True)
class Endpoint:
    """How the views of one dialect are entered. `say` makes the answer of any exception."""

    say: ErrorRenderer
    bearer_only: bool = False
    """Whether `Authorization: Token …` opens nothing."""

    def endpoint(self, *, creates: bool = False, scope: str = "", **by_method: View) -> View:
        """One address: a view for each method, for example `endpoint(GET=list_predictions, POST=create)`.

        The token comes first (401, 403), then the method (405), then the token's scope (403), then the view. No
        session cookie opens this door, which is why no CSRF token is asked for. `creates`: its POST counts against
        the stricter limit for new work. `scope`: what a token must have for every method here; unless told, `read`
        for those that only look and `predict` for the others.
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
                token, scope or token_scopes.needed(str(request.method), changing=token_scopes.PREDICT)
            )
            kind = rate_limits.kind_of(request, creates and request.method == "POST")
            subject = str(kwargs.get("public_id", "")) if kind == "poll" else ""
            standing = rate_limits.spend(kind, token.account, subject, token=token)
            request.rate_standing = standing  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

        guarded = self._guarded(dispatch)
        guarded.methods = frozenset(by_method)  # type: ignore[attr-defined]
        return guarded

    def public(self, view: View) -> View:
        """An address that works without a token (capability addresses), with the same errors."""

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
        """The view of any other path under a mount: an error in the dialect's way, never a page."""

        def nowhere(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            raise Http404

        return self._guarded(nowhere)

    def _guarded(self, view: View) -> View:
        @csrf_exempt
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            standing: rate_limits.Standing | None = None
            try:
                if "\x00" in request.path:
                    # PostgreSQL takes no such text, and nothing of ours has it in its name.
                    raise Http404
                answer = view(request, *args, **kwargs)
            except Exception as error:
                if isinstance(error, OperationalError | InterfaceError):
                    log.error("database_unreachable", exc_info=error)
                elif not isinstance(error, _EXPECTED):
                    log.error("api_broke", path=request.path, exc_info=error)
                answer = self.say(request, error)
                if isinstance(error, rate_limits.Throttled):
                    standing = error.standing
                    answer["Retry-After"] = str(error.retry_after_s)
            standing = standing or getattr(request, "rate_standing", None)
            if standing is not None:
                standing.tell(answer)
            return answer

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
    answer = HttpResponse(status=204)
    answer["Allow"] = ", ".join(allowed)
    return answer
