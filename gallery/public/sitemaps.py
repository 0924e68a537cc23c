"""robots.txt, and the sitemap of all public items that are not sensitive."""

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

from accounts.auth.member_pages import visible_to_visitors
from core.http.public_origin import trusted_origin
from gallery.models import Item
from gallery.models.items import IS_PUBLIC

SPAN = 5000
"""Ids per sitemap file; so at most this many URLs, a tenth of what a file may hold."""
MOST_FILES = 49_000
"""Files in the index, of the 50,000 allowed; the newest, should there ever be more."""
INDEX_KEPT_S = 300
"""Seconds for which the list of files is cached: computing it reads the whole index of safe items."""
_DISALLOWED = (
    "/studio/", "/library/", "/account/", "/accounts/", "/admin/", "/api/", "/v1/", "/replicate/", "/openai/",
    "/s/", "/p/", "/c/", "/f/", "/live/", "/report/", "/like/", "/follow/", "/comment/", "/i18n/", "/theme/",
    "/gallery/following/", "/gallery/*/comments/", "/*?q=", "/*?after=", "/*?show", "/oembed",
)  # fmt: skip


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Keeps crawlers out of member pages, APIs and secret URLs."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in _DISALLOWED), "Allow: /"]
    lines += ["", f"Sitemap: {trusted_origin(request)}{reverse('sitemap')}", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")


class _Spans:
    """Sitemap pages as ranges of ids, newest last: each is a range of the primary key and needs no count."""

    def __init__(self) -> None:
        last = Item.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        whole = -(-last // SPAN)
        self.first = max(0, whole - MOST_FILES)
        self.num_pages = max(1, whole - self.first)

    def filled(self) -> dict[int, datetime]:
        """The pages that have items, with the time of the newest in each; one index scan, cached."""
        name = f"sitemap-{SPAN}"
        newest_by_span: dict[int, datetime] | None = cache.get(name)
        if newest_by_span is None:
            safe = Item.objects.filter(IS_PUBLIC, sensitive=False).order_by()
            spans = (
                safe.annotate(span=(F("pk") - 1) / SPAN)
                .values_list("span")
                .annotate(newest=Max("published_at"))
            )
            newest_by_span = dict(spans)
            cache.set(name, newest_by_span, INDEX_KEPT_S)
        pages = {span - self.first + 1: newest for span, newest in sorted(newest_by_span.items())}
        return {number: newest for number, newest in pages.items() if 1 <= number <= self.num_pages}

    def page(self, number: Any) -> _Span:
        """One page; raises what Django's paginator raises for an invalid number."""
        if not (str(number).isascii() and str(number).isdigit()) or len(str(number)) > 9:
            raise PageNotAnInteger("No number.")
        if not 1 <= int(number) <= self.num_pages:
            raise EmptyPage("No such page.")
        begin = (self.first + int(number) - 1) * SPAN
        safe = Item.objects.filter(IS_PUBLIC, sensitive=False, pk__gt=begin, pk__lte=begin + SPAN)
        return _Span(list(safe.order_by("pk").values_list("public_id", "published_at")))


class _Span:
    def __init__(self, rows: Sequence[tuple[str, datetime | None]]) -> None:
        self.object_list = rows


class Pictures(Sitemap):
    """All items that are public and not sensitive."""

    @property
    def paginator(self) -> Any:
        """Ranges of ids instead of Django's pages, which count all rows and skip those before."""
        return _Spans()

    def location(self, item: tuple[str, datetime | None]) -> str:
        """The item's page."""
        return reverse("gallery_item", args=[item[0]])

    def lastmod(self, item: tuple[str, datetime | None]) -> datetime | None:
        """When it was published."""
        return item[1]

    def get_latest_lastmod(self) -> None:
        """Not given here: the index has it for each file."""


class Pages(Sitemap):
    """The pages that always exist."""

    def items(self) -> list[str]:
        """URL names."""
        return ["home", "gallery", "gallery_week", "guide"]

    def location(self, item: str) -> str:
        """The page's URL."""
        return reverse(item)


_SECTIONS: dict[str, Any] = {"pages": Pages, "pictures": Pictures}


@require_safe
@visible_to_visitors
def index(request: HttpRequest) -> HttpResponse:
    """The sitemap files that have items, each with the time of its newest."""
    origin = trusted_origin(request)
    pages, pictures = (origin + reverse("sitemap_section", args=[name]) for name in _SECTIONS)
    files: list[dict[str, Any]] = [{"location": pages}]
    for number, newest in _Spans().filled().items():
        location = pictures if number == 1 else f"{pictures}?p={number}"
        files.append({"location": location, "lastmod": newest})
    response = render(
        request, "public/sitemap_index.xml", {"sitemaps": files}, content_type="application/xml"
    )
    response["X-Robots-Tag"] = "noindex, noodp, noarchive"
    return _without_cache(response)


@require_safe
@visible_to_visitors
def section(request: HttpRequest, section: str) -> HttpResponse:
    """One file, by section and `p`."""
    return _without_cache(
        sitemaps.sitemap(request, _SECTIONS, section=section, template_name="public/sitemap.xml")
    )


def _without_cache(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-cache"
    return response
