"""URLs under `/api/`: each app's share, the OpenAPI document and its reader."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import path, re_path
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request

from accounts.api import schema as schema  # registers the token header
from accounts.api import urls as accounts_api
from core.api.problems import not_found
from gallery.api import urls as gallery_api
from predictions.api import urls as predictions_api

_MOUNT = "/api/"
_FORMS = {"json": OpenApiJsonRenderer, "yaml": OpenApiYamlRenderer}


def only_own_api(endpoints: list[tuple[Any, ...]], **kwargs: Any) -> list[tuple[Any, ...]]:
    """Keep the dialects out of the schema: their contracts are other people's."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(_MOUNT)]


class DescriptionView(SpectacularAPIView):
    """GET the schema, in the language of `?lang=` or of the request, as the YAML or JSON that it accepts."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        renderer = request.accepted_renderer
        described = _described(_language(request), renderer.format, settings.SESSION_COOKIE_NAME)
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        return HttpResponse(
            described,
            content_type=f"{renderer.media_type}{charset}",
            headers={"Content-Disposition": f'inline; filename="Darkroom.{renderer.format}"'},
        )


def _language(request: Request) -> str:
    """One that there is; what a caller names besides those must not be kept."""
    try:
        return translation.get_supported_language_variant(
            request.query_params.get("lang") or translation.get_language() or ""
        )
    except LookupError:
        return settings.LANGUAGE_CODE


@lru_cache(maxsize=8)
def _described(language: str, form: str, session_cookie: str) -> bytes:
    """Kept: nothing else that it is made from changes while the process runs, and to make it takes half a second."""
    with translation.override(language):
        made: bytes = _FORMS[form]().render(SchemaGenerator().get_schema(public=True))
    return made


urlpatterns = [
    *accounts_api.urlpatterns,
    *predictions_api.urlpatterns,
    *gallery_api.urlpatterns,
    path("schema", DescriptionView.as_view(), name="api_schema"),
    # Split, so that its script comes from an address and not from the page, as the content policy wants it.
    path(
        "docs",
        SpectacularSwaggerSplitView.as_view(url_name="api_schema", template_name="api/docs.html"),
        name="api_docs",
    ),
    re_path(r"^[\s\S]*$", not_found),
]
