"""OpenAI's images API, mounted at `/openai/v1`. No trailing slashes, and never a redirect to add one."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from predictions.dialects.common.openapi import serve
from predictions.dialects.openai import models, openapi, views
from predictions.dialects.openai.errors import door

unknown = door.unknown()


def patterns() -> list[URLPattern]:
    """The addresses of the mount."""
    return [
        path("models", door.endpoint(GET=models.list_models)),
        path("models/<path:model_id>", door.endpoint(GET=models.get_model)),
        path("images/generations", door.endpoint(creates=True, POST=views.generate)),
        path("images/edits", door.endpoint(creates=True, POST=views.edit)),
        path("images/variations", door.endpoint(creates=True, POST=views.vary)),
        path("openapi.json", door.public(serve(openapi.build))),
        re_path(r"^[\s\S]*$", unknown),
    ]
