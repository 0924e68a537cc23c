"""Images and invalid files as clients send them, and helpers for the responses."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from predictions.models import HostedModel, Prediction, StoredFile, Upload, Version
from tests import factories

if TYPE_CHECKING:
    from tests.predictions.api_dialects.openai.conftest import OpenAI

EDITS, VARIATIONS = "/openai/v1/images/edits", "/openai/v1/images/variations"

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


def post(openai: OpenAI, path: str = EDITS, headers: dict[str, str] | None = None, **form: Any) -> Any:
    """The first answer to a form."""
    sent = {"Authorization": f"Bearer {openai.token}", **(headers or {})}
    return openai.client.post(path, {"prompt": "a hat", **form} if path == EDITS else form, headers=sent)


def post_json(openai: OpenAI, body: Any) -> Any:
    """The first answer to an edit in JSON."""
    return openai.post("/images/edits", body)


def refused(answer: Any, status: int, param: str | None, code: str | None = None) -> str:
    """The message of a refusal in OpenAI's form, after which nothing is stored, held or left behind."""
    assert answer.status_code == status, answer.content
    error = json.loads(answer.content)["error"]
    assert error["param"] == param, error
    if code is not None:
        assert error["code"] == code
    assert not Prediction.objects.exists()
    assert Upload.objects.filter(deleted_at=None).count() == Upload.objects.count() == 0
    assert StoredFile.objects.exclude(state="doomed").count() == 0
    temporary = Path(settings.TEMPORARY)
    assert not temporary.is_dir() or not list(temporary.iterdir())
    return str(error["message"])
