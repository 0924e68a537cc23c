"""The project's addresses and `/hello`: the least that a view can do."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from config import urls


def hello(request: HttpRequest) -> HttpResponse:
    """Fourteen bytes."""
    return HttpResponse(b"Hello, world!\n", content_type="text/plain")


urlpatterns = [path("hello", hello), *urls.urlpatterns]
