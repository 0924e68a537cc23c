"""`manage.py samples`: the catalogue's sample results, made anew by the embedded engine."""

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
from django.core.management.base import BaseCommand
from PIL import Image, ImageDraw

from core import data_uri
from engine.performers import performer
from engine.protocol.job_output import JobOutput
from predictions.catalogue import samples

PICTURE: Final = "picture:"
"""An input that is the output of the named model, made before."""
MASK: Final = "mask"
"""An input that is the mask below."""
HOLE: Final = (0.20, 0.16, 0.44, 0.72)
"""Left, top, right and lower end of the ellipse that the mask has repainted, in shares of the sides."""
QUALITY: Final = 84

PLAN: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    (
        "stability-ai/stable-diffusion",
        {"prompt": "a lighthouse on a cliff at dawn, oil painting", "width": 768, "height": 512, "seed": 7},
    ),
    (
        "stability-ai/sdxl",
        {
            "prompt": "An astronaut riding a rainbow unicorn, cinematic",
            "width": 640,
            "height": 640,
            "seed": 3,
        },
    ),
    (
        "lucataco/flux-schnell-lora",
        {
            "prompt": "a sailboat on a mountain lake at sunset",
            "aspect_ratio": "3:2",
            "output_quality": 70,
            "seed": 4,
        },
    ),
    (
        "lucataco/flux-dev-lora",
        {"prompt": "a penguin in the arctic, iceberg", "output_quality": 60, "seed": 3},
    ),
    (
        "stability-ai/stable-diffusion-img2img",
        {
            "prompt": "an autumn evening, impressionist oil painting",
            "image": PICTURE + "lucataco/flux-schnell-lora",
            "prompt_strength": 0.5,
            "seed": 5,
        },
    ),
    (
        "stability-ai/stable-diffusion-inpainting",
        {
            "prompt": "a red balloon",
            "image": PICTURE + "stability-ai/stable-diffusion",
            "mask": MASK,
            "width": 768,
            "height": 512,
            "seed": 2,
        },
    ),
    (
        "andreasjansson/stable-diffusion-animation",
        {
            "prompt_start": "a mountain lake at noon",
            "prompt_end": "a mountain lake at sunset",
            "width": 256,
            "height": 256,
            "num_animation_frames": 6,
            "num_interpolation_steps": 8,
            "gif_ping_pong": True,
            "output_format": "mp4",
            "seed": 8,
        },
    ),
    (
        "lucataco/animate-diff",
        {"prompt": "a fishing boat on a calm lake, autumn, evening light", "seed": 6},
    ),
    (
        "sujaykhandekar/object-removal",
        {"image_path": PICTURE + "stability-ai/stable-diffusion-inpainting", "objects_to_remove": "person"},
    ),
    ("cjwbw/rembg", {"image": PICTURE + "lucataco/flux-dev-lora"}),
)
"""Which sample each model has: its input, in the order in which they are made."""


class _Keeper(JobOutput):
    """A desk that keeps the log and the name of the last file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(os.open(os.devnull, os.O_WRONLY), folder)
        self.folder = folder
        self.told: list[dict[str, Any]] = []

    def _send(self, event: dict[str, Any]) -> None:
        self.told.append(event)

    def values(self, kind: str) -> Iterator[Any]:
        """What was told of one kind, in order."""
        return (event[kind] for event in self.told if kind in event)


class Command(BaseCommand):
    help = (
        "Make the sample results of the catalogue anew with the embedded engine: files below static/samples and "
        "their list. For developers; a release ships with them."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.folder = Path(settings.BASE_DIR) / "static" / samples.FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "mask.webp").write_bytes(_webp(_mask(768, 512)))
        made: dict[str, dict[str, Any]] = {}
        for ref, wanted in PLAN:
            made[ref] = self._make(ref, wanted, made)
            self.stdout.write(f"{ref}: {made[ref]['output']}")
        listed = {"licence": samples.LICENCE, "samples": list(made.values())}
        samples.LIST.write_text(json.dumps(listed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        samples.forget()

    def _make(self, ref: str, wanted: dict[str, Any], made: dict[str, dict[str, Any]]) -> dict[str, Any]:
        files = {
            name: _file(value, made)
            for name, value in wanted.items()
            if value == MASK or str(value).startswith(PICTURE)
        }
        given = {**wanted, **{name: self._uri(path) for name, path in files.items()}}
        with tempfile.TemporaryDirectory() as folder:
            desk = _Keeper(Path(folder))
            performer(ref)(given, desk, 0)
            output = list(desk.values("output"))[-1]
            stored = self._store(ref, (Path(folder) / output["name"]), output["content_type"])
        return {
            "ref": ref,
            **stored,
            "input": {**wanted, **files},
            "files": sorted(files),
            "logs": "\n".join(desk.values("log")) + "\n",
            "painter": dict(desk.values("metric"))["painter"],
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
            "poster": f"{samples.FOLDER}/{stem}.webp",
            "content_type": content_type,
            "width": still.width,
            "height": still.height,
        }

    def _uri(self, path: str) -> str:
        return data_uri.build("image/webp", (self.folder.parent / path).read_bytes())


def _file(value: str, made: dict[str, dict[str, Any]]) -> str:
    return f"{samples.FOLDER}/mask.webp" if value == MASK else made[value.removeprefix(PICTURE)]["output"]


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
