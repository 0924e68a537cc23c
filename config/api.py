"""Darkroom's own API under `/api/`: each app's share of it, its schema and its reader."""

from __future__ import annotations

from typing import Any

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts import schema as schema  # registers the token header
from accounts.api import urls as accounts_api
from accounts.problems import not_found
from gallery.api import urls as gallery_api
from predictions.api import urls as predictions_api

_MOUNT = "/api/"


def only_own_api(endpoints: list[tuple[Any, ...]], **kwargs: Any) -> list[tuple[Any, ...]]:
    """Keep the dialects out of the schema: their contracts are other people's."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(_MOUNT)]


urlpatterns = [
    *accounts_api.urlpatterns,
    *predictions_api.urlpatterns,
    *gallery_api.urlpatterns,
    path("schema", SpectacularAPIView.as_view(), name="api_schema"),
    # Split, so that its script comes from an address and not from the page, as the content policy wants it.
    path(
        "docs",
        SpectacularSwaggerSplitView.as_view(url_name="api_schema", template_name="api/docs.html"),
        name="api_docs",
    ),
    re_path(r"^[\s\S]*$", not_found),
]
