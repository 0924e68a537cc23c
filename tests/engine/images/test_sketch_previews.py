"""Previews of an unfinished picture."""

from __future__ import annotations

import io
import threading
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from engine import painting
from engine.images import sketch_previews
from engine.images.sketch_previews import INTERVAL_S, SKETCH_FROM, SketchPreviews, in_focus, sketch_size
from engine.input_settings import parse_input
from engine.models import MODELS
from engine.painting import text_to_image
from engine.painting.text_to_image import perform
from tests.runner.sampling import short_or_whole


class RecordedOutput:
    """A stub of `JobOutput` that records previews and files."""

    def __init__(self) -> None:
        self.previews: list[tuple[float, bytes]] = []
        self.files: list[bytes] = []
        self.done = 0.0

    def log(self, text: str) -> None: ...

    def metric(self, name: str, value: Any) -> None: ...

    def progress(self, fraction: float) -> None:
        assert 0 <= fraction <= 1
        self.done = max(self.done, fraction)

    def preview(self, jpeg: bytes) -> None:
        self.previews.append((self.done, jpeg))

    def save(self, name: str, content_type: str, data: bytes) -> None:
        self.files.append(data)


def performed(**inputs: Any) -> RecordedOutput:
    model = MODELS["stability-ai/sdxl"]
    recorder = RecordedOutput()
    request = {"prompt": "a lighthouse on a cliff", "seed": 3, **inputs}
    perform(model, parse_input(model, request, drawn_seed=1), recorder, painting)  # type: ignore[arg-type]
    return recorder


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def sharpness(image: Image.Image) -> float:
    grey = np.asarray(image.convert("L").resize((256, 256)), np.float64)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def test_a_large_picture_comes_into_focus_from_its_first_preview_on(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of the usual size from which there is a sketch only in a run that tries everything.
    side = short_or_whole(448, 960)
    monkeypatch.setattr(sketch_previews, "SKETCH_FROM", min(SKETCH_FROM, side * side))
    # A fast machine has finished so small a picture before the second look would be due.
    monkeypatch.setattr(sketch_previews, "INTERVAL_S", 0.02)
    recorder = performed(width=side, height=side)
    assert sketch_size(side, side) and len(recorder.previews) >= 2
    first, last = recorder.previews[0], recorder.previews[-1]
    assert first[0] <= 0.05 < last[0]
    shown, final = picture(first[1]), picture(recorder.files[0])
    assert sharpness(shown) < sharpness(picture(last[1]))
    # It is this picture, not some haze: its colours lie where they will lie.
    apart = np.asarray(shown.resize((4, 4), Image.Resampling.BOX), np.float64)
    apart -= np.asarray(final.resize((4, 4), Image.Resampling.BOX), np.float64)
    assert abs(apart).mean() < 20


def test_a_sketch_changes_no_pixel_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = performed(width=192, height=160)
    monkeypatch.setattr(text_to_image, "sketch_size", lambda width, height: (96, 80))
    sketched = performed(width=192, height=160)
    assert sketched.files == plain.files and sketched.previews


def test_several_pictures_are_shown_one_after_the_other() -> None:
    recorder = performed(width=128, height=128, num_outputs=3)
    thirds = {int(done * 3) for done, _ in recorder.previews}
    assert len(recorder.files) == 3 and thirds >= {0, 1, 2}


def test_small_pictures_are_not_sketched() -> None:
    assert sketch_size(768, 768) is None
    side = int(SKETCH_FROM**0.5) + 1
    assert sketch_size(side, side) == (256, 256)
    assert sketch_size(2048, 1024) == (256, 128)


def test_the_preview_grows_and_sharpens_with_progress() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (256, 128, 3)).astype(np.uint8)
    previews = [in_focus(noise, share) for share in (-1.0, 0.0, 0.3, 0.6, 1.0, 2.0)]
    heights = [look.shape[0] for look in previews]
    assert heights == sorted(heights) and (heights[0], heights[-1]) == (64, 256)
    spread = [float(look.std()) for look in previews]
    assert spread == sorted(spread) and (previews[-1] == noise).all()


def test_it_goes_on_developing_while_one_step_takes_long_and_stops_with_it() -> None:
    previews: list[bytes] = []
    enough = threading.Event()

    def show(jpeg: bytes) -> None:
        previews.append(jpeg)
        if len(previews) == 3:
            enough.set()

    sketch = np.random.default_rng(1).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    with SketchPreviews(show, sketch):
        assert enough.wait(60)
    count = len(previews)
    assert len(set(previews)) == count
    threading.Event().wait(2 * INTERVAL_S)
    assert len(previews) == count


def test_a_burst_of_steps_is_one_preview() -> None:
    previews: list[bytes] = []
    with SketchPreviews(previews.append) as shown:
        for _ in range(5):
            shown.at(0.5, np.zeros((64, 64, 3), np.uint8))
        shown.at(0.6, None)
    assert len(previews) == 1
