"""Banner on top of every page: announcements the reader has not dismissed, and the maintenance notice."""

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
_MAX_DISMISSED = 40
_YEAR_S = 365 * 24 * 3600


def context(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `announcements` and `closed_for_work`, lazy, so that they are read only where shown."""
    return {
        "announcements": SimpleLazyObject(lambda: announcement_lines(request)),
        "closed_for_work": SimpleLazyObject(maintenance_notice),
    }


def announcement_lines(request: HttpRequest) -> list[dict[str, Any]]:
    """The newest few for this reader, in their language."""
    user = getattr(request, "user", None)
    dismissed = _dismissed(request)
    language = get_language() or "en"
    visible = announcement_cache.visible_to(
        user if isinstance(user, User) and user.is_authenticated else None
    )
    return [
        {
            "pk": announcement.pk,
            "text": announcement_cache.text_of(announcement, language),
            "link": announcement.link,
            "tone": announcement.tone,
        }
        for announcement in visible
        if announcement.pk not in dismissed
    ][: announcement_cache.MAX_DISPLAYED]


def maintenance_notice() -> dict[str, Any]:
    """The maintenance message and its end, empty while maintenance is off."""
    if not maintenance_mode.is_on():
        return {}
    until = site_rules.current().maintenance_until
    return {
        "words": maintenance_mode.operator_message(),
        "until": until if until is not None and until > timezone.now() else None,
    }


@require_POST
def dismiss(request: HttpRequest, pk: int) -> HttpResponse:
    """Dismiss an announcement for this reader, by cookie."""
    if request.headers.get("HX-Request"):
        response = HttpResponse("")
    else:
        response = HttpResponseRedirect(safe_next(request, "/"))
    dismissed = [*(number for number in _dismissed(request) if number != pk), pk][-_MAX_DISMISSED:]
    response.set_cookie(
        COOKIE,
        "-".join(str(number) for number in dismissed),
        max_age=_YEAR_S,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


def _dismissed(request: HttpRequest) -> list[int]:
    """Primary keys in the reader's cookie; anything malformed is ignored."""
    parts = request.COOKIES.get(COOKIE, "")[:800].split("-")
    return [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 19]
