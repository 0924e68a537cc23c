"""Pictures, and things that are none, as clients send them."""

from __future__ import annotations

import io
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from predictions.models import HostedModel, Version
from tests import factories

URI: dict[str, Any] = {"type": "string", "format": "uri"}
WORDS: dict[str, Any] = {"type": "string", "default": "a unicorn"}
FORMAT: dict[str, Any] = {"type": "string", "enum": ["webp", "jpg", "png"], "default": "webp"}


def model(name: str, kind: str, required: list[str], **properties: dict[str, Any]) -> Version:
    """A model with these inputs; one credit a picture."""
    schema = {"type": "object", "title": "Input", "required": required, "properties": properties}
    row = HostedModel.objects.create(owner="acme", name=name, kind=kind)
    return factories.make_version(row, input_schema=schema)


def png(width: int = 64, height: int = 48, colour: str = "#c03020") -> bytes:
    """An opaque picture."""
    return factories.picture(width, height, colour)


def half_clear(width: int = 64, height: int = 48) -> bytes:
    """A picture whose left half is transparent."""
    image = Image.new("RGBA", (width, height), (10, 200, 10, 255))
    image.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def file(content: bytes, name: str = "a.png", content_type: str = "image/png") -> SimpleUploadedFile:
    """One part of a form."""
    return SimpleUploadedFile(name, content, content_type)
