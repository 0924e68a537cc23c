"""The front page, and the theme switch."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.site import feature_flags
from core.http.pages import THEMES, base_url, page
from core.http.public_origin import trusted_origin
from core.http.redirects import safe_next
from gallery.items import access
from gallery.models import Item

STRIP = 9
"""Pictures on the front page."""
YEAR = 365 * 24 * 3600


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The front page: a sentence, a strip of public items, an API example."""
    open_to_reader = request.user.is_authenticated or feature_flags.is_on("public_gallery")
    safe = access.for_tiles(Item.objects.public().filter(sensitive=False))
    context = {
        "strip": list(safe.order_by("-published_at", "-id")[:STRIP]) if open_to_reader else [],
        "base_url": base_url(request),
        "canonical": trusted_origin(request) + "/",
        "feed": reverse("feed_newest"),
    }
    return page(request, "public/home.html", context)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember the theme in a cookie that the server reads, so that no page flashes."""
    response = HttpResponseRedirect(safe_next(request, "/"))
    theme_name = request.POST.get("theme", "")
    if theme_name in THEMES:
        response.set_cookie(
            "theme", theme_name, max_age=YEAR, samesite="Lax", secure=request.is_secure(), httponly=False
        )  # fmt: skip
    else:
        response.delete_cookie("theme")
    return response
