"""What stands on top of every page: announcements that the reader has not put away, and maintenance while it lasts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.site import announcement_cache, maintenance_mode, site_rules
from core.http.redirects import safe_next

COOKIE = "put_away"
_KEPT = 40
_YEAR_S = 365 * 24 * 3600


def context(request: HttpRequest) -> dict[str, Any]:
    """For every template: `announcements` and `closed_for_work`, read only where a page shows them."""
    return {
        "announcements": SimpleLazyObject(lambda: announcement_lines(request)),
        "closed_for_work": SimpleLazyObject(closed),
    }


def announcement_lines(request: HttpRequest) -> list[dict[str, Any]]:
    """The newest few that this reader sees, in their language."""
    user = getattr(request, "user", None)
    away = _put_away(request)
    language = get_language() or "en"
    shown = announcement_cache.visible_to(user if isinstance(user, User) and user.is_authenticated else None)
    return [
        {"pk": one.pk, "text": announcement_cache.text_of(one, language), "link": one.link, "tone": one.tone}
        for one in shown
        if one.pk not in away
    ][: announcement_cache.MOST]


def closed() -> dict[str, Any]:
    """The words of maintenance while it lasts, else nothing."""
    if not maintenance_mode.is_on():
        return {}
    until = site_rules.current().maintenance_until
    return {
        "words": maintenance_mode.operator_message(),
        "until": until if until is not None and until > timezone.now() else None,
    }


@require_POST
def put_away(request: HttpRequest, pk: int) -> HttpResponse:
    """Show this reader that announcement no more."""
    if request.headers.get("HX-Request"):
        response = HttpResponse("")
    else:
        response = HttpResponseRedirect(safe_next(request, "/"))
    kept = [*(one for one in _put_away(request) if one != pk), pk][-_KEPT:]
    response.set_cookie(
        COOKIE,
        "-".join(str(one) for one in kept),
        max_age=_YEAR_S,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


def _put_away(request: HttpRequest) -> list[int]:
    """Numbers from the reader's cookie, whatever else stands there."""
    parts = request.COOKIES.get(COOKIE, "")[:800].split("-")
    return [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 19]
