"""`manage.py samples`: the sample results of the shipped models, made anew by the embedded engine."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from PIL import Image, ImageDraw

from core import data_uri
from engine import published_models
from engine.performers import performer
from engine.protocol.job_output import JobOutput
from predictions.catalogue import samples, shipped_models
from predictions.catalogue.shipped_models import ShippedModel

HOLE: Final = (0.20, 0.16, 0.44, 0.72)
"""Left, top, right and lower end of the ellipse that the mask has repainted, in shares of the sides."""
QUALITY: Final = 84
MASK: Final = f"{samples.FOLDER}/mask.webp"


class _RecordedOutput(JobOutput):
    """A `JobOutput` that records all events instead of sending them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(os.open(os.devnull, os.O_WRONLY), folder)
        self.folder = folder
        self.events: list[dict[str, Any]] = []

    def _send(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def values(self, kind: str) -> Iterator[Any]:
        """The values of all events of one kind, in order."""
        return (event[kind] for event in self.events if kind in event)


class Command(BaseCommand):
    help = (
        "Make the sample results of the shipped models anew with the embedded engine: files below static/samples, the "
        "rest in each model's JSON, whose sample.input says what is asked. For developers; a release ships with them."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("models", nargs="*", metavar="OWNER/NAME", help="These alone; otherwise all.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.folder = Path(settings.BASE_DIR) / "static" / samples.FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder.parent / MASK).write_bytes(_webp(_mask(768, 512)))
        # In the order of lists: a sample may start from the output of one before it.
        for model in _wanted(options["models"]):
            made = self._make(model)
            _write(model, made)
            self.stdout.write(f"{model.ref}: {made['output']}")

    def _make(self, model: ShippedModel) -> dict[str, Any]:
        wanted = (model.sample or {}).get("input", model.example_input)
        files = [name for name in published_models.picture_inputs(model.ref) if name in wanted]
        inputs = {**wanted, **{name: self._uri(wanted[name]) for name in files}}
        with tempfile.TemporaryDirectory() as folder:
            output_events = _RecordedOutput(Path(folder))
            performer(model.ref)(inputs, output_events, 0)
            output = list(output_events.values("output"))[-1]
            stored = self._store(model.ref, (Path(folder) / output["name"]), output["content_type"])
        return {
            "input": wanted,
            **stored,
            "painter": dict(output_events.values("metric"))["painter"],
            "logs": "\n".join(output_events.values("log")) + "\n",
        }

    def _store(self, ref: str, path: Path, content_type: str) -> dict[str, Any]:
        """Keep one output: a picture as WebP, a video as it is beside a still of it."""
        stem = ref.replace("/", "--")
        data = path.read_bytes()
        if content_type.startswith("video/"):
            still = _last_frame(path)
            (self.folder / f"{stem}{path.suffix}").write_bytes(data)
            (self.folder / f"{stem}.webp").write_bytes(_webp(still))
            output = f"{samples.FOLDER}/{stem}{path.suffix}"
        else:
            still = Image.open(io.BytesIO(data))
            content_type, output = "image/webp", f"{samples.FOLDER}/{stem}.webp"
            (self.folder / f"{stem}.webp").write_bytes(data if path.suffix == ".webp" else _webp(still))
        return {
            "output": output,
            "content_type": content_type,
            "width": still.width,
            "height": still.height,
        }

    def _uri(self, path: str) -> str:
        return data_uri.build("image/webp", (self.folder.parent / path).read_bytes())


def _wanted(refs: list[str]) -> list[ShippedModel]:
    """These of the shipped models, or all. Raises CommandError for any other name."""
    if unknown := set(refs) - set(shipped_models.refs()):
        raise CommandError(f"No model of this name ships: {', '.join(sorted(unknown))}")
    return [model for model in shipped_models.all_models() if not refs or model.ref in refs]


def _write(model: ShippedModel, made: dict[str, Any]) -> None:
    """Put the sample into the model's JSON; everything else there stays as it is."""
    file = published_models.file_of(model.ref)
    entry = json.loads(file.read_text(encoding="utf-8")) | {"sample": made}
    file.write_text(json.dumps(entry, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _mask(width: int, height: int) -> Image.Image:
    mask = Image.new("L", (width, height))
    left, top, right, low = HOLE
    ImageDraw.Draw(mask).ellipse((left * width, top * height, right * width, low * height), fill=255)
    return mask


def _webp(picture: Image.Image) -> bytes:
    """The picture as WebP with what its metadata says of its making."""
    out = io.BytesIO()
    packet = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    packet = packet.encode() if isinstance(packet, str) else packet
    picture.save(out, "WEBP", quality=QUALITY, method=6, xmp=packet)
    return out.getvalue()


def _last_frame(path: Path) -> Image.Image:
    video = cv2.VideoCapture(str(path))
    frame = None
    while True:
        there, next_one = video.read()
        if not there:
            break
        frame = next_one
    video.release()
    if frame is None:
        raise ValueError(f"{path.name} has no frame")
    return Image.fromarray(np.ascontiguousarray(frame[..., ::-1]))
