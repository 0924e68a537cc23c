"""Endpoints of the OpenAI dialect: every error in OpenAI's format, named after OpenAI's fields."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from predictions.api_dialects.common import image_errors
from predictions.api_dialects.common.endpoint import Endpoint

FIELDS = {
    "width": "size",
    "height": "size",
    "aspect_ratio": "size",
    "num_outputs": "n",
    "output_quality": "output_compression",
}
"""Request fields by the model inputs made from them, where the names differ."""


def render_error(request: HttpRequest, error: Exception) -> HttpResponse:
    """The response for an exception."""
    return image_errors.from_exception(request, error, FIELDS).response()


endpoint = Endpoint(render_error, bearer_only=True)
