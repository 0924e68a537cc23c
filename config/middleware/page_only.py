"""Django's middleware for pages, skipped where a token authenticates: at the APIs it would cost more than the answer.

There no session is read (so none can authenticate), no language is chosen, no message is kept and no form is sent.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest, QueryDict
from django.middleware import clickjacking, csrf, locale
from django.utils.datastructures import MultiValueDict

TOKEN_MOUNTS = ("/v1/", "/replicate/v1/", "/openai/v1/")


class _PagesOnly:
    """Steps aside at the token mounts; everywhere else it is the class beside it."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith(TOKEN_MOUNTS):
            return self.get_response(request)
        return super().__call__(request)  # type: ignore[misc]


class SessionMiddleware(_PagesOnly, sessions.SessionMiddleware):
    """Sessions, for pages."""


class LocaleMiddleware(_PagesOnly, locale.LocaleMiddleware):
    """The reader's language, for pages."""


class CsrfViewMiddleware(_PagesOnly, csrf.CsrfViewMiddleware):
    """Forgery protection, for pages; views at the token mounts are exempt, since no cookie counts there."""

    def process_view(self, request: HttpRequest, *args: Any) -> Any:
        """As Django's own. Of a body that was not taken no form is read: only the header can hold the token then."""
        if not getattr(request, "is_unread", False):
            return super().process_view(request, *args)
        request._post, request._files = QueryDict(), MultiValueDict()  # type: ignore[attr-defined]
        try:
            return super().process_view(request, *args)
        finally:
            del request._post, request._files  # type: ignore[attr-defined]

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        """As Django's own, but that a token which stood in a body that was not taken is not the reader's fault."""
        if getattr(request, "is_unread", False) and reason == csrf.REASON_CSRF_TOKEN_MISSING:
            return request.not_taken()  # type: ignore[attr-defined]
        return super()._reject(request, reason)  # type: ignore[misc]


class AuthenticationMiddleware(_PagesOnly, auth.AuthenticationMiddleware):
    """Who is signed in, for pages."""


class MessageMiddleware(_PagesOnly, messages.MessageMiddleware):
    """Notes for the next page, for pages."""


class XFrameOptionsMiddleware(_PagesOnly, clickjacking.XFrameOptionsMiddleware):
    """No frames around our pages."""
