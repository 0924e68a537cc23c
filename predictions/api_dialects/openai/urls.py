"""URLs of the OpenAI images API, mounted at `/openai/v1`. No trailing slashes, and never a redirect to add one."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from predictions.api_dialects.common.openapi_parts import serve
from predictions.api_dialects.openai import model_choice, openapi_document, views
from predictions.api_dialects.openai.error_format import endpoint

unknown = endpoint.unknown()


def patterns() -> list[URLPattern]:
    """URL patterns of the mount."""
    return [
        path("models", endpoint.endpoint(GET=model_choice.list_models)),
        path("models/<path:model_id>", endpoint.endpoint(GET=model_choice.get_model)),
        path("images/generations", endpoint.endpoint(creates=True, POST=views.generate)),
        path("images/edits", endpoint.endpoint(creates=True, POST=views.edit)),
        path("images/variations", endpoint.endpoint(creates=True, POST=views.vary)),
        path("openapi.json", endpoint.public(serve(openapi_document.build))),
        re_path(r"^[\s\S]*$", unknown),
    ]
