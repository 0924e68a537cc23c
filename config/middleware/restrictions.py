"""Middleware for restricted access: refused networks everywhere, switched-off features on pages.

The APIs answer for switched-off features themselves, each in its own shape. Here they are caught for every page at
once: a sentence and the way back, or the page for what is closed.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from accounts.auth import passwords
from accounts.site import feature_flags
from accounts.tokens import network_access
from config.middleware.error_pages import error_page
from config.middleware.page_only import TOKEN_MOUNTS
from core.http.redirects import safe_referer
from predictions.files import media


class NetworksMiddleware(MiddlewareMixin):
    """Refuses every request from networks that the site's rules refuse."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """The refusal, where there is one."""
        return _refused(request)


def _refused(request: HttpRequest) -> HttpResponse | None:
    try:
        if not network_access.is_refused(request):
            return None
    except (DatabaseError, InterfaceError):
        # The database is away for a moment: the endpoint that was asked says so, in words of its own.
        return None
    words = _("This server answers no requests from your network. Nothing was charged.")
    return error_page(request, 403, says=words)


class ClosedFeaturesMiddleware(MiddlewareMixin):
    """Closes the gallery to visitors where it is switched off, and turns `FeatureOff` of a page into an answer."""

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """The closed gallery, for who is not signed in."""
        if not getattr(view, "visible_to_visitors", False) or feature_flags.is_on("public_gallery"):
            return None
        if request.user.is_authenticated:
            return None
        return _refusal(request, feature_flags.FeatureOff("public_gallery"))

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """The sentence for what is switched off, a storage that is away, or too many passwords at once."""
        if isinstance(error, passwords.Busy):
            return _busy(request, error)
        off = isinstance(error, feature_flags.FeatureOff | media.StorageUnavailable)
        if not off or request.path_info.startswith(TOKEN_MOUNTS):
            return None
        return _refusal(request, error)  # type: ignore[arg-type]


def _refusal(
    request: HttpRequest, error: feature_flags.FeatureOff | media.StorageUnavailable
) -> HttpResponse:
    words = str(error.detail)
    if _asks_for_data(request):
        return _data(words, error.wait)
    if request.method in ("GET", "HEAD") or not hasattr(request, "session"):
        return error_page(request, 503, says=words, retry_after=error.wait)
    messages.error(request, words)
    if request.headers.get("HX-Request") == "true":
        answer = HttpResponse(status=204)
        answer["HX-Refresh"] = "true"
        return answer
    return HttpResponseRedirect(safe_referer(request, "/"))


def _busy(request: HttpRequest, busy: passwords.Busy) -> HttpResponse:
    words = str(busy.detail)
    if _asks_for_data(request):
        return _data(words, busy.wait)
    return error_page(request, 503, says=words, retry_after=busy.wait)


def _data(words: str, wait_s: int) -> HttpResponse:
    # A script that was led to a page would take that for the answer it wanted.
    return JsonResponse({"detail": words}, status=503, headers={"Retry-After": str(wait_s)})


def _asks_for_data(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").partition(";")[0].strip() == "application/json"
