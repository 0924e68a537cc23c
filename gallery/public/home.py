"""The front page, and the switch of the theme."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.site import feature_flags
from core.http.pages import THEMES, base_url, page
from core.http.public_origin import own_origin
from core.http.redirects import safe_next
from gallery.items import access
from gallery.models import Item

STRIP = 9
"""Pictures on the film strip."""
YEAR = 365 * 24 * 3600


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """One sentence, a strip of published pictures, three lines of code."""
    open_to_reader = request.user.is_authenticated or feature_flags.is_on("public_gallery")
    safe = access.for_tiles(Item.objects.public().filter(sensitive=False))
    context = {
        "strip": list(safe.order_by("-published_at", "-id")[:STRIP]) if open_to_reader else [],
        "base_url": base_url(request),
        "canonical": own_origin(request) + "/",
        "feed": reverse("feed_newest"),
    }
    return page(request, "public/home.html", context)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember dark or light in a cookie that the server reads, so that no page flashes."""
    response = HttpResponseRedirect(safe_next(request, "/"))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(
            "theme", chosen, max_age=YEAR, samesite="Lax", secure=request.is_secure(), httponly=False
        )  # fmt: skip
    else:
        response.delete_cookie("theme")
    return response
