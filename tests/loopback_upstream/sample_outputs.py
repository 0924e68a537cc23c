"""What the models of the catalogue give here: small real files, the same for the same input, and words."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import tempfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.support.source_rules import ROOT

FOLDERS = (
    ROOT / "predictions" / "catalogue" / "data" / "models",
    ROOT / "predictions" / "catalogue" / "data" / "fixtures",
)
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "gif": "GIF"}
TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "mp4": "video/mp4",
}
WORDS = ("Once ", "upon ", "a ", "time ", "there ", "was ")
LARGEST = 1024
FRAMES = 6


@dataclass(frozen=True)
class Model:
    """One model that the service offers."""

    ref: str
    version: str
    kind: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]

    @property
    def gives_list(self) -> bool:
        """Whether its output is a list."""
        return self.output_schema.get("type") == "array"

    @property
    def gives_files(self) -> bool:
        """Whether its output is files, not words."""
        inner = self.output_schema.get("items", self.output_schema)
        return bool(inner.get("format") == "uri")


@lru_cache(maxsize=1)
def models() -> dict[str, Model]:
    """Every model by `owner/name`: the ten of the catalogue, and the fixture models with their texts."""
    found = {}
    for path in sorted(path for folder in FOLDERS for path in folder.glob("*.json")):
        one = json.loads(path.read_text(encoding="utf-8"))
        ref = f"{one['owner']}/{one['name']}"
        found[ref] = Model(ref, one["version"], one["kind"], one["input_schema"], one["output_schema"])
    return found


def find(named: str) -> Model | None:
    """A model by a version's id, by `owner/name`, or by both with a colon; another's id is not found."""
    ref, _, version = named.rpartition(":")
    if not ref and "/" in named:
        return models().get(named)
    for model in models().values():
        if model.version == version and ref in ("", model.ref):
            return model
    return None


def words(given: dict[str, Any]) -> str:
    """Everything that an input says in words, in the order of its names; data URIs left out."""
    texts = (value for _, value in sorted(given.items()) if isinstance(value, str))
    return "\n".join(text for text in texts if not text.startswith("data:"))


def names(model: Model, given: dict[str, Any]) -> list[str]:
    """The file names of what a run gives; empty for words."""
    if not model.gives_files:
        return []
    extension = _extension(model, given)
    count = given.get("num_outputs", 1)
    wanted = count if model.gives_list and isinstance(count, int) and not isinstance(count, bool) else 1
    return [f"out-{number}.{extension}" for number in range(max(1, min(wanted, 64)))]


def text(model: Model, given: dict[str, Any]) -> Any:
    """What a model of words gives."""
    items = [*WORDS, words(given)[:200]]
    return items if model.gives_list else "".join(items)


@lru_cache(maxsize=64)
def paint(name: str, identity: str, width: int, height: int) -> bytes:
    """One file: two colours that `identity` decides, in the format that the name's ending says."""
    extension = name.rpartition(".")[2]
    digest = hashlib.sha256(f"{identity} {name}".encode()).digest()
    if extension == "mp4":
        return _film(digest)
    picture = _picture(digest, width, height)
    buffer = io.BytesIO()
    picture.save(buffer, FORMATS[extension])
    return buffer.getvalue()


def identity(model: Model, given: dict[str, Any]) -> str:
    """What decides the pixels: the model, the words and the seed."""
    return f"{model.ref} {words(given)} {given.get('seed', '')}"


def size(given: dict[str, Any]) -> tuple[int, int]:
    """Width and height in pixels, at most 1024 each."""
    return _side(given.get("width")), _side(given.get("height"))


def data_uri(name: str, content: bytes) -> str:
    """A file as a data URI."""
    return f"data:{content_type(name)};base64,{base64.b64encode(content).decode()}"


def content_type(name: str) -> str:
    """By the ending of a file's name."""
    return TYPES.get(name.rpartition(".")[2], "application/octet-stream")


def _side(value: Any) -> int:
    usable = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return min(value, LARGEST) if usable else 64


def _extension(model: Model, given: dict[str, Any]) -> str:
    asked = given.get("output_format")
    if model.kind == "video":
        return "gif" if asked == "gif" else "mp4"
    return asked if asked in FORMATS else "png"


def _picture(digest: bytes, width: int, height: int) -> Image.Image:
    picture = Image.new("RGB", (width, height), tuple(digest[:3]))
    inner = (width // 4, height // 4, width * 3 // 4, height * 3 // 4)
    ImageDraw.Draw(picture).rectangle(inner, fill=tuple(digest[3:6]))
    return picture


def _film(digest: bytes) -> bytes:
    """A short film of 64 by 64, as MP4."""
    import cv2
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 8.0, (64, 64))  # type: ignore[attr-defined]
        for frame in range(FRAMES):
            picture = _picture(digest[frame:] + digest[:frame], 64, 64)
            writer.write(np.asarray(picture)[:, :, ::-1])
        writer.release()
        return path.read_bytes()


def trap() -> bytes:
    """A small PNG that claims 20,000 by 20,000 pixels, and has them: all of one colour, 50 KiB packed."""
    return _trap()


@lru_cache(maxsize=1)
def _trap() -> bytes:
    # By hand: Pillow looks for the best filter of each of the rows.
    rows = zlib.compress(bytes(20_000 * (1 + 20_000 // 8)), 9)
    head = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
