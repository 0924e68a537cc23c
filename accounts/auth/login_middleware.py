"""Middleware of signed-in pages: forced second factor for staff, session activity, device cookie, provider failures."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from accounts.auth import second_factor
from accounts.sessions import known_devices, login_sessions

log = structlog.get_logger(__name__)
_API_PREFIXES = ("/v1/", "/replicate/v1/", "/openai/v1/", "/api/", "/live/")
_ADMIN_PREFIX = "/admin/"


class LoginMiddleware(MiddlewareMixin):
    """Makes no query for requests by API token, nor for visitors whose view does not read the user."""

    sync_capable = True
    async_capable = True

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Send staff without a second factor to set one up before `/admin/`, where the setting asks for it."""
        if not settings.STAFF_TWO_FACTOR or not request.path_info.startswith(_ADMIN_PREFIX):
            return None
        user = request.user
        if not user.is_authenticated or not user.is_staff or second_factor.has_second_factor(user):
            return None
        messages.info(request, _("Set up a second factor first: the desk is only for those who have one."))
        return redirect("mfa_index")

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Render an error page, not a 500, when a social provider gives no usable answer."""
        if not request.path_info.startswith("/accounts/"):
            return None
        # Imported here: most installations have no social provider, and the library is large.
        from requests import RequestException

        if not isinstance(error, RequestException):
            return None
        log.warning("service_away", error=type(error).__name__)
        return render(request, "socialaccount/authentication_error.html", status=502)

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        """Record activity of the session if the view read its user, and set the known-device cookie."""
        user = getattr(request, "_cached_user", None)
        if user is not None and user.is_authenticated and not request.path_info.startswith(_API_PREFIXES):
            login_sessions.touch(request)
        known_devices.set_cookie(request, response)
        return _leave_page(request, response)


def _leave_page(request: HttpRequest, response: Any) -> Any:
    """Replace a redirect of a form to another host, which our `form-action` policy forbids, by a page with a link."""
    if (
        response.status_code != 302
        or request.method != "POST"
        or not request.path_info.startswith("/accounts/")
    ):
        return response
    address = response["Location"]
    if url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()}):
        return response
    page = render(
        request, "accounts/auth/leave.html", {"address": address, "host": urlsplit(address).hostname}
    )
    page["Cache-Control"] = "private, no-store"
    return page
