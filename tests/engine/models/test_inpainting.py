"""Inpainting: unmasked pixels are kept byte for byte, and masked ones follow the prompt.

Of the photographs here grass, gravel and brick are those of the engine's own specification; it was tried out on none of
the others.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from core import data_uri
from engine import painting as paint
from engine.editing.fill import fill
from engine.images.encoder import NAMESPACE
from engine.inpainting import InpaintRequest, mask_from, masked_repaint, repaint
from engine.inpainting.stable_diffusion_inpainting import EMPTY
from engine.performers import performer
from engine.protocol.job_output import Refusal
from tests.engine.engine_service import SDXL, Service
from tests.engine.image_metrics import Pixels, mean_lab
from tests.engine.images.test_encoder import EXTENSION, metadata
from tests.engine.output_recorder import OutputRecorder
from tests.runner.sampling import one_in

Mask = NDArray[np.bool_]

INPAINTING = "stability-ai/stable-diffusion-inpainting"
SIDE = 128


def square(picture: Pixels, side: int = SIDE) -> Pixels:
    """The middle of a photograph as RGB, `side` pixels a side."""
    height, width = picture.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    cut = np.ascontiguousarray(picture[top : top + short, left : left + short])
    whole = cv2.cvtColor(cut, cv2.COLOR_GRAY2RGB) if cut.ndim == 2 else np.ascontiguousarray(cut[..., :3])
    return np.asarray(cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA))


def disc(side: int, radius: float, x: float = 0.5, y: float = 0.5) -> Mask:
    """A round hole; its middle as shares of the side, its radius in pixels."""
    rows, columns = np.mgrid[:side, :side]
    return np.asarray((columns - x * side) ** 2 + (rows - y * side) ** 2 <= radius**2)


def box(side: int, left: float, top: float, right: float, bottom: float) -> Mask:
    """A rectangular hole; its sides as shares of the picture's."""
    hole = np.zeros((side, side), bool)
    hole[int(top * side) : int(bottom * side), int(left * side) : int(right * side)] = True
    return hole


def png(pixels: Pixels | Mask) -> str:
    """The picture, or a mask as black and white, as a data URI."""
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels).save(out, "PNG")
    return data_uri.build("image/png", out.getvalue())


def run(folder: Path, model: str = INPAINTING, **inputs: Any) -> tuple[list[Pixels], OutputRecorder]:
    """The model's output pictures, and its recorded output."""
    recorder = OutputRecorder(folder)
    performer(model)({"seed": 3, "width": SIDE, "height": SIDE, **inputs}, recorder, 77)
    return [np.asarray(Image.open(folder / name)) for name in recorder.outputs], recorder


def changed(before: Pixels, after: Pixels, hole: Mask) -> float:
    """Mean difference in levels within the hole."""
    return float(np.abs(before[hole].astype(int) - after[hole]).mean())


@pytest.fixture
def ground_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cache the filled ground of each picture, hole and seed, which does not depend on the prompt.

    Only for tests of the prompt's effect: tests of the filling itself compute it each time.
    """

    def cached_fill(picture: Pixels, hole: Mask, *, seed: int = 0, on_progress: Any = None) -> Pixels:
        key = (picture.tobytes(), hole.tobytes(), picture.shape, seed)
        if key not in GROUNDS:
            GROUNDS[key] = fill(picture, hole, seed=seed, on_progress=on_progress)
        return GROUNDS[key].copy()

    monkeypatch.setattr(masked_repaint, "fill", cached_fill)


GROUNDS: dict[tuple[Any, ...], Pixels] = {}
TISSUE = square(data.immunohistochemistry())
STREET = square(data.stereo_motorcycle()[0])
COINS = square(data.coins())


# -- what is kept ----------------------------------------------------------------------------------------------


WORDS_IN_HOLES = {
    "a white horse": box(SIDE, 0.2, 0.15, 0.9, 0.8),
    "a stormy sea at night": disc(SIDE, 45),
    "qwrtz": box(SIDE, 0.0, 0.5, 0.3, 1.0),
    "a castle on a hill": box(SIDE, 0.05, 0.05, 0.95, 0.95),
}


@pytest.mark.parametrize(
    ("words", "hole"), [(words, WORDS_IN_HOLES[words]) for words in one_in(4, WORDS_IN_HOLES)]
)
def test_outside_the_mask_every_pixel_stays_and_inside_it_becomes_another(
    words: str, hole: Mask, tmp_path: Path
) -> None:
    (answer,), _ = run(tmp_path, prompt=words, image=png(STREET), mask=png(hole))
    assert np.array_equal(answer[~hole], STREET[~hole])
    assert changed(STREET, answer, hole) > 5


def test_a_picture_of_another_size_is_stretched_as_the_published_model_does(tmp_path: Path) -> None:
    wide = np.ascontiguousarray(data.stereo_motorcycle()[0][..., :3])
    hole = box(SIDE, 0.4, 0.4, 0.6, 0.6)
    (answer,), _ = run(tmp_path, prompt="", image=png(wide), mask=png(hole))
    stretched = np.asarray(Image.fromarray(wide).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    assert answer.shape == (SIDE, SIDE, 3)
    assert np.array_equal(answer[~hole], stretched[~hole])


def test_nothing_of_what_was_under_the_mask_is_seen() -> None:
    hole, street = disc(64, 12), square(data.stereo_motorcycle()[0], 64)
    other = street.copy()
    other[hole] = (255, 0, 255)
    assert np.array_equal(
        repaint(street, hole, InpaintRequest("a cat")), repaint(other, hole, InpaintRequest("a cat"))
    )


# -- masks -----------------------------------------------------------------------------------------------------


def test_light_places_of_a_mask_are_repainted_dark_and_transparent_ones_are_kept() -> None:
    mask = np.zeros((2, 4, 4), np.uint8)
    mask[0, :, :3] = [[127] * 3, [128] * 3, [255] * 3, [255] * 3]
    mask[..., 3] = [[255, 255, 255, 0], [255, 255, 255, 255]]
    found = mask_from(Image.fromarray(mask), (8, 4))
    assert found[:2].tolist() == [[False, False, True, True, True, True, False, False]] * 2
    assert not found[2:].any()


def test_an_empty_mask_gives_the_picture_back_and_says_so(tmp_path: Path) -> None:
    (answer,), recorder = run(
        tmp_path, prompt="a cat", image=png(COINS), mask=png(np.zeros((SIDE, SIDE), bool))
    )
    assert np.array_equal(answer, COINS)
    assert recorder.logs.count(EMPTY) == 1


MASKS = ("full", "a pixel", "border", "all but a corner", "specks")
# Each mask once in every run, with words of each kind in turn.
EACH = tuple(zip(MASKS, ("", "a red car", "desert at noon", "a red car", ""), strict=True))
REST = [(mask, words) for mask in MASKS for words in ("", "a red car", "desert at noon")]


@pytest.mark.parametrize(("kind", "words"), [*EACH, *one_in(5, [case for case in REST if case not in EACH])])
def test_every_mask_is_answered(kind: str, words: str) -> None:
    small = square(COINS, 64)
    hole = np.zeros((64, 64), bool)
    if kind == "full":
        hole[:] = True
    elif kind == "a pixel":
        hole[30, 0] = True
    elif kind == "border":
        hole[:] = True
        hole[3:-3, 3:-3] = False
    elif kind == "all but a corner":
        hole[:] = True
        hole[:4, :4] = False
    else:
        hole[::3, ::3] = True
    answer = repaint(small, hole, InpaintRequest(words, seed=5))
    assert answer.shape == small.shape
    assert np.array_equal(answer[~hole], small[~hole])


def test_specks_in_a_large_picture_are_answered() -> None:
    wide = np.tile(square(COINS, 64), (1, 9, 1))
    hole = np.random.default_rng(0).random(wide.shape[:2]) < 0.4
    answer = repaint(wide, hole, InpaintRequest(""))
    assert np.array_equal(answer[~hole], wide[~hole])
    assert changed(wide, answer, hole) < 25


def test_a_full_mask_gives_what_the_painter_makes_of_the_words() -> None:
    whole = np.ones((64, 64), bool)
    words = "a red car"
    painted = paint.paint(words, width=64, height=64, seed=4).pixels
    assert np.array_equal(repaint(square(COINS, 64), whole, InpaintRequest(words, seed=4)), painted)


# -- filling ---------------------------------------------------------------------------------------------------


def energy(picture: Pixels, hole: Mask) -> float:
    """Texture energy in the hole: the standard deviation of its second differences."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(cv2.Laplacian(grey, cv2.CV_32F)[hole].std())


@pytest.mark.parametrize(
    ("name", "side", "radius"), one_in(3, [("grass", 512, 60), ("gravel", 256, 36), ("brick", 256, 36)])
)
def test_texture_goes_on_where_a_smear_would_end_it(name: str, side: int, radius: int) -> None:
    # A part of the photograph: the smaller picture has no smaller grains.
    picture = square(getattr(data, name)(), 512)[:side, :side].copy()
    hole = disc(side, radius)
    truth = energy(picture, hole)
    smear = cv2.inpaint(picture, hole.astype(np.uint8), 5, cv2.INPAINT_TELEA)
    assert energy(smear, hole) / truth < 0.5
    assert 0.5 < energy(fill(picture, hole), hole) / truth < 1.6


def test_a_round_rim_goes_on_through_a_hole_that_cuts_it() -> None:
    disc_of, hole = disc(192, 63), box(192, 0.55, 0.55, 0.95, 0.95)
    picture = np.where(disc_of[..., None], np.uint8([150, 40, 30]), np.uint8([190, 180, 150]))
    noise = np.random.default_rng(8).normal(0, 4, picture.shape)
    picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    red = fill(picture, hole)[..., 2] < 90
    wrong = (red != disc_of) & hole
    assert wrong.sum() / hole.sum() < 0.05
    smear = cv2.inpaint(picture, hole.astype(np.uint8), 5, cv2.INPAINT_TELEA)[..., 2] < 90
    assert ((smear != disc_of) & hole).sum() > 1.2 * wrong.sum()


def test_a_slope_of_light_goes_on_without_a_step() -> None:
    slope = np.linspace(60, 200, SIDE)[None, :, None] + np.linspace(0, 30, SIDE)[:, None, None]
    grain = np.random.default_rng(2).normal(0, 3, (SIDE, SIDE, 1))
    picture = np.repeat(np.clip(slope + grain, 0, 255), 3, axis=2).astype(np.uint8)
    filled = fill(picture, disc(SIDE, 24))
    smooth = cv2.GaussianBlur(filled, (0, 0), 4).astype(float)
    assert np.abs(smooth - np.repeat(slope, 3, axis=2))[16:-16, 16:-16].max() < 14


def test_holes_far_apart_are_each_filled_from_their_own_surroundings() -> None:
    picture = np.zeros((SIDE, 2 * SIDE, 3), np.uint8)
    picture[:, :SIDE], picture[:, SIDE:] = (200, 60, 40), (30, 90, 200)
    hole = np.concatenate([disc(SIDE, 12), disc(SIDE, 12)], axis=1)
    truth = picture.copy()
    picture[hole] = 0
    assert np.abs(fill(picture, hole).astype(int) - truth).max() <= 2


# -- words -----------------------------------------------------------------------------------------------------

ROOM = box(SIDE, 0.25, 0.2, 0.75, 0.85)


@pytest.mark.in_turn(3)
@pytest.mark.usefixtures("ground_kept")
def test_a_subject_takes_its_colour_from_the_words_and_stands_within_the_mask() -> None:
    plain = repaint(TISSUE, ROOM, InpaintRequest("", seed=6))
    red = repaint(TISSUE, ROOM, InpaintRequest("a red car", seed=6))
    blue = repaint(TISSUE, ROOM, InpaintRequest("a blue car", seed=6))
    other = (np.abs(red.astype(int) - blue).max(axis=-1) > 40).astype(np.uint8) * 255
    assert 0.05 < other.mean() / 255 / ROOM.mean() < 0.8
    assert mean_lab(red, other)[1] > mean_lab(plain, other)[1] + 20
    assert mean_lab(blue, other)[2] < mean_lab(plain, other)[2] - 20


@pytest.mark.in_turn(3)
@pytest.mark.usefixtures("ground_kept")
def test_a_subject_fits_into_a_mask_of_any_shape() -> None:
    hole = disc(SIDE, 22, 0.3, 0.3) | disc(SIDE, 31, 0.66, 0.66)
    filled, made = (
        repaint(COINS, hole, InpaintRequest("", seed=2)),
        repaint(COINS, hole, InpaintRequest("a red bird", seed=2)),
    )
    drawn = np.abs(filled.astype(int) - made).max(axis=-1) > 60
    rows, columns = np.nonzero(drawn)
    # It stands whole in the larger of the two discs.
    assert drawn.sum() > 150
    assert np.mean((columns > 0.4 * SIDE) & (rows > 0.4 * SIDE)) > 0.97


@pytest.mark.in_turn(3)
def test_a_subject_stands_in_the_light_of_its_surroundings() -> None:
    dark = (STREET // 5).astype(np.uint8)
    bright = np.clip(STREET.astype(int) // 2 + 120, 0, 255).astype(np.uint8)
    at_night, by_day = (repaint(p, ROOM, InpaintRequest("a white horse", seed=3)) for p in (dark, bright))
    inside = (ROOM * 255).astype(np.uint8)
    assert mean_lab(at_night, inside)[0] < mean_lab(by_day, inside)[0] - 15
    lightest = [
        float(np.quantile(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[ROOM], 0.95)) for p in (at_night, by_day)
    ]
    assert 60 < lightest[0] < lightest[1] - 20


@pytest.mark.in_turn(3)
@pytest.mark.usefixtures("ground_kept")
def test_a_scene_is_painted_into_the_mask_and_meets_its_rim() -> None:
    hole = box(SIDE, 0.0, 0.0, 1.0, 0.5)
    night = repaint(STREET, hole, InpaintRequest("mountains at night", seed=3))
    noon = repaint(STREET, hole, InpaintRequest("mountains at noon", seed=3))
    inside = (hole * 255).astype(np.uint8)
    assert mean_lab(night, inside)[0] < mean_lab(noon, inside)[0] - 15
    step = np.abs(noon[63].astype(int) - noon[64]).mean()
    assert step < 2.5 * np.abs(STREET[63].astype(int) - STREET[64]).mean()


@pytest.mark.in_turn(3)
@pytest.mark.usefixtures("ground_kept")
def test_a_colour_alone_colours_what_is_there() -> None:
    inside = (ROOM * 255).astype(np.uint8)
    made = {
        c: mean_lab(repaint(COINS, ROOM, InpaintRequest(c, seed=3)), inside) for c in ("red", "blue", "green")
    }
    assert made["red"][1] > 15 and made["blue"][2] < -15 and made["green"][1] < -10


@pytest.mark.in_turn(3)
@pytest.mark.usefixtures("ground_kept")
def test_words_without_a_meaning_only_continue_the_surroundings() -> None:
    plain = repaint(COINS, ROOM, InpaintRequest("", seed=3))
    assert np.array_equal(repaint(COINS, ROOM, InpaintRequest("zxqv, make it nice", seed=3)), plain)
    assert np.array_equal(repaint(COINS, ROOM, InpaintRequest("a cat", "cat", seed=3)), plain)
    assert not np.array_equal(repaint(COINS, ROOM, InpaintRequest("a cat", seed=3)), plain)


@pytest.mark.in_turn(3)
@pytest.mark.usefixtures("ground_kept")
def test_steps_and_guidance_are_seen() -> None:
    usual, rough, pale = (
        repaint(COINS, ROOM, request)
        for request in (
            InpaintRequest("a red car", seed=1, guidance=2.0),
            InpaintRequest("a red car", seed=1, guidance=2.0, quality=0.1),
            InpaintRequest("a red car", seed=1, guidance=0.0),
        )
    )
    assert changed(usual, rough, ROOM) > 1
    inside = (ROOM * 255).astype(np.uint8)
    assert mean_lab(pale, inside)[1] < mean_lab(usual, inside)[1] - 1


# -- the two models --------------------------------------------------------------------------------------------


def test_output_k_is_the_picture_of_seed_plus_k_and_comes_again_to_the_byte(tmp_path: Path) -> None:
    small = {"width": 64, "height": 64}
    inputs = {"prompt": "a cat", "image": png(square(COINS, 64)), "mask": png(disc(64, 12)), **small}
    run(tmp_path / "two", **inputs, num_outputs=2)
    run(tmp_path / "one", **inputs, seed=4)
    again = (tmp_path / "one" / "out-0.png").read_bytes()
    assert (tmp_path / "two" / "out-1.png").read_bytes() == again
    assert (tmp_path / "two" / "out-0.png").read_bytes() != again


def test_the_log_says_what_works_here_and_the_file_says_the_same(tmp_path: Path) -> None:
    _, recorder = run(
        tmp_path, prompt="a red cat, zxqv", image=png(COINS), mask=png(disc(SIDE, 16)), scheduler="DDIM",
        num_inference_steps=7,
    )  # fmt: skip
    assert recorder.logs[:5] == [
        "Using seed: 3",
        f"Embedded engine: procedural painter {paint.VERSION}. No neural network, no weights; "
        "it continues what surrounds the mask and draws from a word list.",
        "Understood: red, cat. No meaning here: zxqv.",
        "Input scheduler has no meaning to this engine and was ignored.",
        "  0%|          | 0/7 [00:00<?, ?it/s]",
    ]
    assert "100%|" in recorder.logs[-1] and "diffusion" not in "".join(recorder.logs)
    fields = metadata((tmp_path / "out-0.png").read_bytes())
    assert fields[f"{EXTENSION}DigitalSourceType"].endswith("/algorithmicallyEnhanced")
    assert fields[f"{{{NAMESPACE}}}model"] == INPAINTING and fields[f"{{{NAMESPACE}}}seed"] == "3"
    progress = [event["progress"] for event in recorder.events if "progress" in event]
    assert progress == sorted(progress) and progress[-1] == 1.0
    assert any("preview" in event for event in recorder.events)


@pytest.mark.usefixtures("ground_kept")
def test_sdxl_repaints_within_a_mask_as_far_as_its_strength_goes(tmp_path: Path) -> None:
    inputs = {"prompt": "a red car", "image": png(COINS), "mask": png(ROOM)}
    made = {}
    for strength in (0.0, 0.3, 0.8):
        (answer,), recorder = run(tmp_path / str(strength), SDXL, **inputs, prompt_strength=strength)
        assert np.array_equal(answer[~ROOM], COINS[~ROOM])
        made[strength] = changed(COINS, answer, ROOM)
        assert "inpainting mode" in recorder.logs and "Prompt: a red car" in recorder.logs
    assert made[0.0] == 0 < made[0.3] < made[0.8]


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"mask": None}, "Input mask: a picture is required."),
        ({"image": ""}, "Input image: a picture is required."),
        ({"image": "data:image/svg+xml,<svg/>"}, "Input image: SVG files cannot be read here"),
        ({"mask": "data:,nothing"}, "Input mask: the file is not a picture that can be read here"),
        ({"width": 500}, "Inputs width and height must be multiples of 64 between 64 and 1024."),
        ({"num_outputs": 5}, "Input num_outputs must lie between 1 and 4."),
    ],
)
def test_what_cannot_be_repainted_is_refused_with_the_name_of_the_input(
    inputs: dict[str, Any], error: str, tmp_path: Path
) -> None:
    with pytest.raises(Refusal) as refusal:
        run(tmp_path, **{"prompt": "", "image": png(COINS), "mask": png(ROOM), **inputs})
    assert str(refusal.value).startswith(error)
    assert not list(tmp_path.iterdir())


def test_the_engine_serves_it_from_a_process_of_its_own(service: Service, tmp_path: Path) -> None:
    inputs = {
        "prompt": "a cat",
        "image": png(COINS),
        "mask": png(disc(SIDE, 16)),
        "seed": 3,
        "width": SIDE,
        "height": SIDE,
    }
    state = service.run("inpaint-1", inputs, INPAINTING)
    assert (state["status"], state["error"]) == ("succeeded", None)
    content = service.file("inpaint-1")
    run(tmp_path, **{k: v for k, v in inputs.items() if k != "seed"})
    assert content == (tmp_path / "out-0.png").read_bytes()
