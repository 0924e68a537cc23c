"""What holds on pages beside the sign-in itself: staff set up a second factor, sessions say when they were used."""

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
_NO_PAGES = ("/v1/", "/replicate/v1/", "/openai/v1/", "/api/", "/live/")
_DESK = "/admin/"


class LoginMiddleware(MiddlewareMixin):
    """Asks nothing of the database where a token speaks, and nothing for a visitor whom no view asked for."""

    sync_capable = True
    async_capable = True

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Staff without a second factor set one up before they come to the desk, where the operator wants that."""
        if not settings.STAFF_TWO_FACTOR or not request.path_info.startswith(_DESK):
            return None
        user = request.user
        if not user.is_authenticated or not user.is_staff or second_factor.has_second_factor(user):
            return None
        messages.info(request, _("Set up a second factor first: the desk is only for those who have one."))
        return redirect("mfa_index")

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Another service that gives no answer we can use is a page of ours and no fault of ours."""
        if not request.path_info.startswith("/accounts/"):
            return None
        # Not at the top: most houses never talk to another service.
        from requests import RequestException

        if not isinstance(error, RequestException):
            return None
        log.warning("service_away", error=type(error).__name__)
        return render(request, "socialaccount/authentication_error.html", status=502)

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        """Note that the session is in use, if this answer was made for somebody, and that the device is known."""
        known = getattr(request, "_cached_user", None)
        if known is not None and known.is_authenticated and not request.path_info.startswith(_NO_PAGES):
            login_sessions.touch(request)
        known_devices.give(request, response)
        return _leaving(request, response)


def _leaving(request: HttpRequest, response: Any) -> Any:
    """A page that leads on, instead of a redirect of a form to another house, which our pages' policy forbids."""
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
