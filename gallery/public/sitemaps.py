"""What search engines are told: where to look, where not to, and every public and safe picture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps import views as sitemaps
from django.core.cache import cache
from django.core.paginator import EmptyPage, PageNotAnInteger
from django.db.models import F, Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from core.http.public_origin import own_origin
from gallery.models import Item
from gallery.models.items import SHOWN

SPAN = 5000
"""Ids in one file of the sitemap: at most so many addresses, of a tenth of what such a file may hold."""
MOST_FILES = 49_000
"""Files that the index names, of the 50,000 that one may: the newest, should there ever be more."""
INDEX_KEPT_S = 300
"""Seconds for which it is remembered which files there are: finding out reads the whole index of safe pictures."""
_CLOSED = (
    "/studio/", "/library/", "/account/", "/accounts/", "/admin/", "/api/", "/v1/", "/replicate/", "/openai/",
    "/s/", "/p/", "/c/", "/f/", "/live/", "/report/", "/like/", "/follow/", "/comment/", "/i18n/", "/theme/",
    "/gallery/following/", "/gallery/*/comments/", "/*?q=", "/*?after=", "/*?show", "/oembed",
)  # fmt: skip


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """What is for members, for programs, or behind a secret address is not for search engines."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in _CLOSED), "Allow: /"]
    lines += ["", f"Sitemap: {own_origin(request)}{reverse('sitemap')}", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")


class _Spans:
    """Pages of a sitemap by ranges of ids, newest last: any of them is one range of the primary key, never a count."""

    def __init__(self) -> None:
        last = Item.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        whole = -(-last // SPAN)
        self.first = max(0, whole - MOST_FILES)
        self.num_pages = max(1, whole - self.first)

    def filled(self) -> dict[int, datetime]:
        """The pages in which there is something, and when the newest of it came; by one index, now and then."""
        name = f"sitemap-{SPAN}"
        kept: dict[int, datetime] | None = cache.get(name)
        if kept is None:
            safe = Item.objects.filter(SHOWN, sensitive=False).order_by()
            spans = (
                safe.annotate(span=(F("pk") - 1) / SPAN)
                .values_list("span")
                .annotate(newest=Max("published_at"))
            )
            kept = dict(spans)
            cache.set(name, kept, INDEX_KEPT_S)
        pages = {span - self.first + 1: newest for span, newest in sorted(kept.items())}
        return {number: newest for number, newest in pages.items() if 1 <= number <= self.num_pages}

    def page(self, number: Any) -> _Span:
        """One page; as Django's own paginator raises for what is none."""
        if not (str(number).isascii() and str(number).isdigit()) or len(str(number)) > 9:
            raise PageNotAnInteger("No number.")
        if not 1 <= int(number) <= self.num_pages:
            raise EmptyPage("No such page.")
        begin = (self.first + int(number) - 1) * SPAN
        safe = Item.objects.filter(SHOWN, sensitive=False, pk__gt=begin, pk__lte=begin + SPAN)
        return _Span(list(safe.order_by("pk").values_list("public_id", "published_at")))


class _Span:
    def __init__(self, rows: Sequence[tuple[str, datetime | None]]) -> None:
        self.object_list = rows


class Pictures(Sitemap):
    """Every picture that is public and not sensitive."""

    @property
    def paginator(self) -> Any:
        """Ranges of ids in place of Django's pages, which count all rows and step over those before."""
        return _Spans()

    def location(self, item: tuple[str, datetime | None]) -> str:
        """Its page."""
        return reverse("gallery_item", args=[item[0]])

    def lastmod(self, item: tuple[str, datetime | None]) -> datetime | None:
        """When it came into the gallery."""
        return item[1]

    def get_latest_lastmod(self) -> None:
        """Not told here: the index has it of each file."""


class Pages(Sitemap):
    """The pages that are always there."""

    def items(self) -> list[str]:
        """By name."""
        return ["home", "gallery", "gallery_week", "guide"]

    def location(self, item: str) -> str:
        """Its address."""
        return reverse(item)


_SECTIONS: dict[str, Any] = {"pages": Pages, "pictures": Pictures}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The files of the sitemap in which there is something, each with the time of its newest picture."""
    origin = own_origin(request)
    pages, pictures = (origin + reverse("sitemap_section", args=[name]) for name in _SECTIONS)
    files: list[dict[str, Any]] = [{"location": pages}]
    for number, newest in _Spans().filled().items():
        place = pictures if number == 1 else f"{pictures}?p={number}"
        files.append({"location": place, "lastmod": newest})
    response = render(
        request, "public/sitemap_index.xml", {"sitemaps": files}, content_type="application/xml"
    )
    response["X-Robots-Tag"] = "noindex, noodp, noarchive"
    return _fresh(response)


@require_safe
def section(request: HttpRequest, section: str) -> HttpResponse:
    """One of them, by section and `p`."""
    return _fresh(sitemaps.sitemap(request, _SECTIONS, section=section, template_name="public/sitemap.xml"))


def _fresh(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-cache"
    return response
