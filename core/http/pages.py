"""Rendering of pages and fragments: the reader's time zone and theme, caching headers, the site's base URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from core import timezones

View = Callable[..., HttpResponse]
THEMES = ("dark", "light")


def page(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Render a page or a fragment, with times in the reader's zone, which the browser sends in a cookie."""
    with timezone.override(timezones.for_reader(request)):
        response = render(request, template, context, status=status)
    # Pages differ by reader: no shared cache may keep them, and "back" shows the current state. Of a private page not
    # even the browser keeps a copy: the next person at it may press "back".
    caching = "private, no-store" if getattr(request, "is_private", False) else "private, no-cache"
    response.headers.setdefault("Cache-Control", caching)
    return response


def theme_of(request: HttpRequest) -> str:
    """`dark` or `light` as the reader chose; empty where the system decides."""
    chosen = request.COOKIES.get("theme", "")
    return chosen if chosen in THEMES else ""


def base_url(request: HttpRequest) -> str:
    """The origin of this server for texts to copy: the configured one, or that of the request."""
    return settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
