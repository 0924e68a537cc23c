"""Items with real pictures and thumbnails, for pages that show them."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
from django.core.files.storage import storages
from django.utils import timezone
from PIL import Image, ImageFilter

from accounts.models import User
from gallery.models import Item
from predictions.models import Output, Prediction, Status, StoredFile
from tests import factories


def paint(width: int, height: int, seed: int) -> Image.Image:
    """A soft sky with a sun over hills, different for each seed."""
    random = np.random.default_rng(seed)
    top, low, land = random.integers(30, 225, (3, 3))
    down = np.linspace(0, 1, height)[:, None, None]
    sky = top * (1 - down) + low * down + np.zeros((height, width, 3))
    x = np.linspace(0, 1, width)[None, :]
    hills = 0.62 + 0.12 * np.sin(x * random.uniform(4, 11) + random.uniform(0, 6)) * np.sin(x * 5)
    below = np.linspace(0, 1, height)[:, None] > hills
    sun = (x - random.uniform(0.2, 0.8)) ** 2 * (width / height) ** 2 + (
        np.linspace(0, 1, height)[:, None] - 0.4
    ) ** 2
    sky[sun < 0.012] = (255, 240, 200)
    sky[below] = land * 0.7
    return Image.fromarray(sky.clip(0, 255).astype("uint8")).filter(ImageFilter.GaussianBlur(1))


def stored(image: Image.Image, form: str = "WEBP") -> StoredFile:
    """The picture as a kept file."""
    file = _new(_encoded(image, form), image.size, form)
    file.save(force_insert=True)
    return file


def _encoded(image: Image.Image, form: str = "WEBP", quality: int = 80) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, quality=quality)
    return buffer.getvalue()


def _new(content: bytes, size: tuple[int, int], form: str = "WEBP", **fields: Any) -> StoredFile:
    width, height = size
    return factories.new_stored_file(
        content, content_type=f"image/{form.lower()}", width=width, height=height, **fields
    )


@dataclass(frozen=True)
class _Looks:
    """A picture as files: itself and both thumbnails, each with its size in pixels; its colour, its blur."""

    files: tuple[tuple[bytes, tuple[int, int]], ...]
    colour: str
    blur: str


@cache
def _looks(width: int, height: int, seed: int) -> _Looks:
    """Painted and encoded once for all tests of a process: that takes longer than most of them."""
    image = paint(width, height, seed)
    several = (image, _shrunk(image, 320), _shrunk(image, 640))
    tiny = base64.b64encode(_encoded(_shrunk(image, 16), quality=40)).decode()
    return _Looks(
        tuple((_encoded(one), one.size) for one in several),
        "#{:02x}{:02x}{:02x}".format(*image.resize((1, 1)).getpixel((0, 0))),
        f"data:image/webp;base64,{tiny}",
    )


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    small = image.copy()
    small.thumbnail((side, side))
    return small


def picture_output(
    prediction: Prediction, *, width: int = 96, height: int = 64, seed: int = 1, index: int = 0
) -> Any:
    """An output with both thumbnails, dominant colour and blur."""
    looks = _looks(width, height, seed)
    files = [_new(*one, account_id=prediction.account_id) for one in looks.files]
    file, small, medium = StoredFile.objects.bulk_create(files)
    return factories.make_output(
        prediction,
        file=file,
        small=small,
        medium=medium,
        colour=looks.colour,
        blur=looks.blur,
        index=index,
        name=f"out-{index}.webp",
    )


def many_items(user: User, count: int) -> list[Item]:
    """So many items with real files, a minute apart, the newest first; all share a few pictures."""
    looks = [stored(paint(width, 64, seed)) for seed, width in enumerate((96, 48, 64, 128, 40))]
    prediction = factories.make_prediction(user, status=Status.SUCCEEDED, input={"prompt": "a hill"})
    files = [_again(looks[number % len(looks)], number) for number in range(count)]
    StoredFile.objects.bulk_create(files)
    outputs = [
        Output(
            prediction=prediction, index=number, name=f"out-{number}.webp", token=f"{number:040d}", file=file
        )
        for number, file in enumerate(files)
    ]
    Output.objects.bulk_create(outputs)
    # Noon, so that the day does not end among them; of yesterday, so that it has been.
    noon = (timezone.now() - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    return Item.objects.bulk_create(
        Item(
            output=output, account_id=prediction.account_id, user=user, model=prediction.model,
            prompt=f"a hill, number {number}", width=output.file.width or 1, height=output.file.height or 1,
            created_at=noon - timedelta(minutes=number),
        )
        for number, output in enumerate(outputs)
    )  # fmt: skip


def _again(file: StoredFile, number: int) -> StoredFile:
    """The same bytes under a place of their own."""
    storage = storages["outputs"]
    key = f"many/{number}.webp"
    with storage.open(file.key) as content:
        storage.save(key, content)
    return StoredFile(
        key=key, state=StoredFile.State.KEPT, size=file.size, sha256=file.sha256,
        content_type=file.content_type, width=file.width, height=file.height,
    )  # fmt: skip


def picture_item(
    user: User,
    prompt: str = "a red lighthouse",
    *,
    prediction: Prediction | None = None,
    width: int = 96,
    height: int = 64,
    seed: int = 1,
    index: int = 0,
    **fields: Any,
) -> Item:
    """An item with a real picture; `visibility="public"` publishes it."""
    if prediction is None:
        prediction = factories.make_prediction(
            user,
            status=Status.SUCCEEDED,
            input={"prompt": prompt, "num_inference_steps": 28, "guidance_scale": 3.5, "seed": seed},
            output=["/f/x/out-0.webp"],
            metrics={"predict_time": 2.4},
        )
    output = picture_output(prediction, width=width, height=height, seed=seed, index=index)
    return factories.make_item(user, output, prompt=prompt, **fields)
