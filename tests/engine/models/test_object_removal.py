"""Object removal: the most prominent object is removed with its legs and tail, and its ground is continued."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from core import data_uri
from engine import painting
from engine.editing.fill import fill, include_parts
from engine.images.encoder import NAMESPACE
from engine.inpainting import object_removal
from engine.inpainting.object_removal import NAME, NUMBERS, SIDE, object_mask
from engine.painting.random_streams import Streams
from engine.painting.subjects import Light, place, render
from engine.performers import performer
from engine.protocol.job_output import Refusal
from tests.engine.image_metrics import Pixels, mean_lab
from tests.engine.images.test_encoder import EXTENSION, metadata
from tests.engine.output_recorder import OutputRecorder, no_network, says_truly_what_it_is
from tests.runner.sampling import one_of

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """A clay figure on a photograph: the photograph alone, both together, and where the figure is."""

    name: str
    ground: Pixels
    picture: Pixels
    figure: Mask


def scene(photograph: str, name: str, height: int) -> Scene:
    """A figure `height` pixels high in the middle of a photograph from scikit-image."""
    found = getattr(data, photograph)()
    short = min(found.shape[:2])
    cut = np.ascontiguousarray(found[:short, :short])
    whole = cv2.cvtColor(cut, cv2.COLOR_GRAY2RGB) if cut.ndim == 2 else np.ascontiguousarray(cut[..., :3])
    ground = np.asarray(cv2.resize(whole, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    canvas = ground.astype(np.float32) / 255
    figure = render(name, streams=Streams(name, 5), height_px=height, light=Light())
    alpha = place(canvas, figure, 0.53 * SIDE, 0.5 * SIDE + 0.55 * height, light=Light(), shadow=0.0)
    return Scene(photograph, ground, (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8), alpha > 0.5)


SCENES = (
    ("hubble_deep_field", "astronaut", 140),
    ("grass", "pig", 100),
    ("gravel", "penguin", 130),
    ("brick", "mushroom", 110),
    ("coins", "frog", 90),
    ("moon", "fox", 120),
)
FIRST, *OTHERS = one_of(SCENES, lambda one: one[0])
"""Only the first is given to the model itself."""


def run(folder: Path, picture: Pixels | str, **inputs: Any) -> tuple[Pixels, OutputRecorder]:
    """The model's output picture, and its recorded output."""
    recorder = OutputRecorder(folder)
    uri = picture
    if not isinstance(picture, str):
        out = io.BytesIO()
        Image.fromarray(picture).save(out, "PNG")
        uri = data_uri.build("image/png", out.getvalue())
    performer(NAME)({"image_path": uri, **inputs}, recorder, 77)
    return np.asarray(Image.open(folder / "output.png")), recorder


@dataclass(frozen=True)
class Answered:
    """The model's output for the first scene, with its mask and its filled picture."""

    scene: Scene
    hole: Mask
    filled: Pixels
    answer: Pixels
    recorder: OutputRecorder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    holes: list[Mask] = []
    filled: list[Pixels] = []

    def record_mask(picture: Pixels) -> Mask | None:
        if (hole := object_mask(picture)) is not None:
            holes.append(hole)
        return hole

    def record_fill(picture: Pixels, hole: Mask, *, seed: int, on_progress: Any) -> Pixels:
        assert seed == 0, "equal pictures give equal answers"
        filled.append(fill(picture, hole, seed=seed, on_progress=on_progress))
        return filled[-1]

    one = scene(*FIRST)
    with no_network(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(object_removal, "object_mask", record_mask)
        patch.setattr(object_removal, "fill", record_fill)
        answer, recorder = run(
            tmp_path_factory.mktemp("model"), one.picture, objects_to_remove="person,dining table", seed=5
        )
    return Answered(one, *holes, *filled, answer, recorder)


@pytest.fixture(scope="module")
def removed(model: Answered) -> list[tuple[Scene, Mask, Pixels]]:
    """Each tested scene, its removed area, and its result."""
    found = []
    for one in (scene(*queries) for queries in OTHERS):
        hole = object_mask(one.picture)
        assert hole is not None
        found.append((one, hole, fill(one.picture, hole)))
    return [(model.scene, model.hole, model.answer), *found]


def test_nearly_all_of_the_figure_goes_and_not_by_taking_everything_out(
    removed: list[tuple[Scene, Mask, Pixels]],
) -> None:
    for one, hole, _ in removed:
        assert float(hole[one.figure].mean()) >= 0.95
        assert hole.sum() < 2.2 * one.figure.sum()


def test_where_it_stood_is_the_colour_of_its_ground(removed: list[tuple[Scene, Mask, Pixels]]) -> None:
    for one, _, answer in removed:
        inside = (one.figure * 255).astype(np.uint8)
        before, after, truth = (mean_lab(p, inside) for p in (one.picture, answer, one.ground))
        away = float(np.linalg.norm(np.subtract(after, truth)))
        assert away < float(np.linalg.norm(np.subtract(before, truth)))
        # Of the coins there are light and dark ones: which of them was there cannot be known.
        assert away < (24 if one.name == "coins" else 8)


def test_what_is_not_taken_out_stays_to_the_byte(removed: list[tuple[Scene, Mask, Pixels]]) -> None:
    for one, hole, answer in removed:
        assert np.array_equal(answer[~hole], one.picture[~hole])


def test_a_thin_tail_goes_with_its_body_and_the_ground_does_not() -> None:
    ground = scene("gravel", "apple", 8).ground
    body, tail = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(body, (110, 130), 40, 1, -1)
    cv2.ellipse(tail, (165, 130), (20, 22), 0, 170, 350, 1, 9)
    picture = ground.copy()
    picture[(body | tail) > 0] = (200, 120, 40)
    grown = include_parts(picture, body > 0)
    assert grown[tail > 0].mean() > 0.9
    assert (grown & (body == 0) & (tail == 0)).mean() < 0.05
    assert not include_parts(ground, body > 0)[body == 0].mean() > 0.02


# -- the model -------------------------------------------------------------------------------------------------


def test_it_works_without_a_network_and_says_truly_what_it_is(model: Answered) -> None:
    says_truly_what_it_is(model.recorder)


def test_it_answers_in_the_published_size_and_says_what_it_cannot_do(model: Answered) -> None:
    recorder = model.recorder
    assert np.array_equal(model.answer, model.filled)
    assert recorder.logs[:4] == [
        f"Embedded engine: procedural painter {painting.VERSION}. No neural network, no weights; "
        "it takes out the most prominent object and continues what surrounds it.",
        f"Input seed is unknown to {NAME} and was ignored.",
        "Object(s) to remove: [15, 11]",
        "  0%|          | 0/20 [00:00<?, ?it/s]",
    ]
    names = '"person", "dining table" were not recognised as such.'
    sentence = f"No detector here: removed the most prominent object; {names}"
    assert recorder.logs.count(sentence) == 1 and "100%|" in recorder.logs[-1]
    fields = metadata((recorder.folder / "output.png").read_bytes())
    assert fields[f"{EXTENSION}DigitalSourceType"].endswith("/algorithmicallyEnhanced")
    assert fields[f"{{{NAMESPACE}}}model"] == NAME


def test_a_picture_in_which_nothing_stands_out_comes_back_smaller_and_says_so(tmp_path: Path) -> None:
    answer, recorder = run(tmp_path, np.full((300, 500, 3), 90, np.uint8))
    assert answer.shape == (SIDE, SIDE, 3) and int(np.ptp(answer)) == 0
    assert any(line.startswith("No object stands out here") for line in recorder.logs)
    assert not any("removed" in line for line in recorder.logs)


@pytest.mark.parametrize(
    ("names", "error"),
    [
        ("cars", "'cars'"),
        ("person, car", "' car'"),
        ("Person", "'Person'"),
        ("aeroplane", "'aeroplane'"),
        ("", "''"),
        ("person,", "''"),
        ("it's", '"it\'s"'),
    ],
)
def test_a_name_that_was_never_published_fails_with_nothing_but_the_name(
    names: str, error: str, tmp_path: Path
) -> None:
    with pytest.raises(Refusal) as refusal:
        run(tmp_path, np.zeros((8, 8, 3), np.uint8), objects_to_remove=names)
    assert str(refusal.value) == error


def test_every_published_name_is_taken() -> None:
    assert len(NUMBERS) == 21 and sorted(NUMBERS.values()) == list(range(21))
    assert (NUMBERS["Aeroplane"], NUMBERS["person"], NUMBERS["tv/monitor"]) == (1, 15, 20)


def test_a_picture_that_cannot_be_read_is_refused_with_the_name_of_the_input(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="Input image_path: the file is not a picture that can be read here"):
        run(tmp_path, "data:image/png;base64,AAAA")


def test_a_picture_of_one_pixel_is_answered(tmp_path: Path) -> None:
    answer, _ = run(tmp_path, np.full((1, 1, 3), 200, np.uint8))
    assert answer.shape == (SIDE, SIDE, 3)
