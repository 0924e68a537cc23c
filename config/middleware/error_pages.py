"""Error pages (400 to 503). They need no database, so that they can be shown when it is broken."""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.template import loader
from django.urls import is_valid_path
from django.utils.html import escape
from django.utils.http import escape_leading_slashes
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.organizations.roles import NotYourRole
from core.db.retry import AWAY
from core.http.pages import theme_of
from core.http.redirects import safe_referer

log = logging.getLogger(__name__)
# Under these nobody reads HTML, and official clients stumble over it.
_MACHINES = ("/v1/", "/replicate/v1/", "/openai/", "/api/")
# A page's own script sends pictures here, and shows `detail` to the reader.
_SCRIPTS = ("/studio/upload/",)
_OPENAI = "/openai/"
AWAY_S = 5
"""Seconds after which to try again what the database did not answer."""
_PROBLEMS = {
    400: ("Bad request", gettext_noop("The request could not be read.")),
    403: ("Forbidden", gettext_noop("You may not do this.")),
    404: ("Not found", gettext_noop("The requested resource could not be found.")),
    408: ("Request timeout", gettext_noop("The request did not arrive in time.")),
    413: ("Content too large", gettext_noop("The request body is larger than this server takes.")),
    429: ("Too many requests", gettext_noop("Too many requests at once.")),
    500: ("Internal server error", gettext_noop("Something broke on our side. Nothing was charged.")),
    503: ("Service unavailable", gettext_noop("The server takes no work at this moment.")),
}


def error_page(
    request: HttpRequest,
    status: int,
    *,
    says: str = "",
    retry_after: int | None = None,
    of_role: bool = False,
) -> HttpResponse:
    """The page of one status: a sentence, an action, the id to quote. Callers of an API get a problem in JSON.

    Scripts of our own pages get the same, in the reader's language.
    """
    if request.path.startswith(_MACHINES + _SCRIPTS):
        return _sent(_problem(request, status, says), retry_after)
    context = {
        "status": status,
        "says": says,
        "retry_after": retry_after,
        "request_id": getattr(request, "request_id", ""),
        "chosen_theme": theme_of(request),
        "again": _again(request),
        "is_sent": not _reads(request),
        # Who may not see an organisation's page leads on by acting for another account.
        "of_role": of_role,
    }
    # No request goes to the template: the context processors would ask for the session and the account.
    try:
        html = str(loader.render_to_string(f"{status}.html", context))
    except Exception:
        # Even styles and translations may be what is broken. The reader still gets a sentence and the id.
        log.exception("the error page itself failed")
        words = escape(says or _PROBLEMS[status][1])
        quote = f"{status} · {escape(context['request_id'])}"
        html = f"<!doctype html><title>Darkroom</title><h1>{words}</h1><p>{quote}</p>"
    return _sent(HttpResponse(html, status=status), retry_after)


def _again(request: HttpRequest) -> str:
    """Where a link leads that tries once more: what was read, or the page that the form was sent from."""
    # A path that begins with two slashes would lead to another host.
    here = escape_leading_slashes(request.get_full_path())
    return here if _reads(request) else safe_referer(request, here)


def _reads(request: HttpRequest) -> bool:
    return request.method in ("GET", "HEAD")


def _problem(request: HttpRequest, status: int, says: str) -> HttpResponse:
    title, detail = _PROBLEMS[status]
    if request.path.startswith(_SCRIPTS):
        detail = _(detail)
    if request.path.startswith(_OPENAI):
        kind, code = "server_error" if status >= 500 else "invalid_request_error", None
        if status == 429:
            kind, code = "rate_limit_error", "rate_limit_exceeded"
        error = {"message": says or detail, "type": kind, "param": None, "code": code}
        return JsonResponse({"error": error}, status=status)
    problem = {"title": title, "detail": says or detail, "status": status}
    if status == 500:
        problem["instance"] = getattr(request, "request_id", "")
    return JsonResponse(problem, status=status, content_type="application/problem+json")


def _sent(response: HttpResponse, retry_after: int | None) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400, or 413 where the body was too large."""
    too_large = isinstance(exception, RequestDataTooBig | TooManyFilesSent)
    return error_page(request, 413 if too_large else 400)


def denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403, for the few pages that are known to exist and not for everybody."""
    if isinstance(exception, NotYourRole):
        return error_page(request, 403, says=str(exception), of_role=True)
    return error_page(request, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 where a form was open too long or came from elsewhere."""
    if request.headers.get("HX-Request") == "true":
        # The page is still there, and says this itself: signing in anew in another tab is enough to make it old.
        says = _("This page was open too long. Load it again, and send it once more.")
    else:
        says = _("This form was open too long, or came from another site. Go back and send it again.")
    return error_page(request, 403, says=says)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404, also for what is not the reader's to see. A page asked for without its last slash is led there."""
    if _lacks_slash(request):
        return HttpResponsePermanentRedirect(f"{request.path}/{_query(request)}")
    return error_page(request, 404)


def _lacks_slash(request: HttpRequest) -> bool:
    # Only for readers of pages: Django's own setting would answer a POST of an API with a redirect too.
    reads = _reads(request) and not request.path.startswith(_MACHINES)
    return reads and not request.path.endswith("/") and bool(is_valid_path(f"{request.path_info}/"))


def _query(request: HttpRequest) -> str:
    query = request.META.get("QUERY_STRING", "")
    return f"?{query}" if query else ""


def too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    """429, with the seconds to wait."""
    return error_page(request, 429, retry_after=seconds)


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    """500, with the id to quote; 503 where it was the database that did not answer."""
    if isinstance(sys.exc_info()[1], AWAY):
        return unavailable(request, AWAY_S)
    return error_page(request, 500)


def unavailable(request: HttpRequest, seconds: int = 30) -> HttpResponse:
    """503, while the server cannot take work."""
    return error_page(request, 503, retry_after=seconds)
