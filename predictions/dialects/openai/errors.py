"""The door of the images dialect: every error leaves in OpenAI's form, named after OpenAI's fields."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from predictions.dialects.common import image_errors
from predictions.dialects.common.door import Door

FIELDS = {
    "width": "size",
    "height": "size",
    "aspect_ratio": "size",
    "num_outputs": "n",
    "output_quality": "output_compression",
}
"""Which field of a request an input of a model was made from, where the names differ."""


def say(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer of an exception."""
    return image_errors.of(request, error, FIELDS).response()


door = Door(say, bearer_only=True)
