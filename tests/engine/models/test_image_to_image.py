"""Image to image: greater strength departs further from the input, and sizes follow the model.

The photographs are not among those on which the engine was tuned.
"""

from __future__ import annotations

import io
import itertools
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from core import data_uri
from engine import painting
from engine.editing.image_repaint import repaint
from engine.editing.paper_border import has_border
from engine.editing.persistence_map import persistence
from engine.editing.prompt_picture import RepaintRequest
from engine.images.encoder import NAMESPACE
from engine.painting import styles
from engine.painting.random_streams import Streams
from engine.performers import performer
from engine.protocol.job_output import Refusal
from tests.engine.engine_service import DEV, SDXL, is_alive, running, wait_for
from tests.engine.image_metrics import Pixels, lab, mean_lab, reduced, ssim
from tests.engine.images.test_encoder import EXTENSION, metadata
from tests.runner.sampling import one_in, short_or_whole

IMG2IMG = "stability-ai/stable-diffusion-img2img"
STRENGTHS = (0.2, 0.45, 0.7, 1.0)
SIDE = 96


class RecordedOutput:
    """A stub of `JobOutput` that records everything."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.files: dict[str, bytes] = {}
        self.previews: list[bytes] = []
        self.metrics: dict[str, Any] = {}

    def log(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, fraction: float) -> None:
        assert 0 <= fraction <= 1

    def preview(self, jpeg: bytes) -> None:
        self.previews.append(jpeg)

    def metric(self, name: str, value: Any) -> None:
        self.metrics[name] = value

    def save(self, name: str, content_type: str, content: bytes) -> None:
        self.files[name] = content

    @property
    def notes(self) -> list[str]:
        """The log without the lines of the bar."""
        return [line for line in self.lines if "%|" not in line]


def performed(model: str, picture: Image.Image, **inputs: Any) -> RecordedOutput:
    recorder = RecordedOutput()
    performer(model)({"image": uri(picture), "seed": 3, **inputs}, recorder, 77)  # type: ignore[arg-type]
    return recorder


def uri(picture: Image.Image) -> str:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return data_uri.build("image/png", out.getvalue())


def pixels(content: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(content)))


def floats(picture: Pixels) -> NDArray[np.float32]:
    return np.divide(picture, 255, dtype=np.float32)


def square(picture: Pixels, side: int = SIDE) -> Pixels:
    height, width = picture.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    cut = picture[top : top + short, left : left + short]
    whole = np.repeat(cut[..., None], 3, axis=2) if cut.ndim == 2 else cut[..., :3]
    return np.asarray(cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA))


PHOTOGRAPHS: dict[str, Pixels] = {
    "a man with a camera": square(data.camera()),
    "tissue": square(data.immunohistochemistry()),
}
PROMPTS = {"a man with a camera": "a mountain lake at sunset, oil painting", "tissue": "a snowy forest"}
FADING = one_in(2, PROMPTS)
LITTLE = (44, 36)
"""A size without a persistence map, which is most of the work."""


@cache
def persistence_map_of(name: str) -> NDArray[np.float32] | None:
    """The persistence map of a photograph, computed once for all tests."""
    found = persistence(PHOTOGRAPHS[name])
    if found is not None:
        found.flags.writeable = False
    return found


def repainted(name: str, request: RepaintRequest) -> Pixels:
    """A photograph repainted."""
    return repaint(PHOTOGRAPHS[name], request, persistence_map=persistence_map_of(name))


@pytest.fixture(scope="module")
def turned() -> dict[tuple[str, float], Pixels]:
    """Each photograph repainted at each strength with its prompt."""
    found = {}
    for name in FADING:
        for strength in (*STRENGTHS, 0.8):
            found[name, strength] = repainted(name, RepaintRequest(PROMPTS[name], "", 3, strength))
    return found


# -- strength --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FADING)
def test_the_picture_fades_as_the_strength_grows(name: str, turned: dict[tuple[str, float], Pixels]) -> None:
    found = [ssim(PHOTOGRAPHS[name], turned[name, strength]) for strength in STRENGTHS]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.8 and found[-1] < 0.35
    assert min(a - b for a, b in itertools.pairwise(found)) > 0.02


@pytest.mark.parametrize("name", FADING)
def test_its_colours_become_those_that_the_words_paint(
    name: str, turned: dict[tuple[str, float], Pixels]
) -> None:
    goal = mean_lab(turned[name, 1.0])
    before, after = mean_lab(PHOTOGRAPHS[name]), mean_lab(turned[name, 0.8])
    assert float(np.linalg.norm(np.subtract(after, goal))) < 12
    assert np.linalg.norm(np.subtract(after, goal)) < np.linalg.norm(np.subtract(before, goal))


def test_with_no_strength_every_pixel_stays() -> None:
    picture = Image.fromarray(PHOTOGRAPHS["a man with a camera"])
    recorder = performed(IMG2IMG, picture, prompt_strength=0)
    assert np.array_equal(pixels(recorder.files["out-0.png"]), np.asarray(picture))
    assert recorder.lines[-1].startswith("100%|██████████| 1/1 [")


def test_with_full_strength_nothing_of_it_is_left(turned: dict[tuple[str, float], Pixels]) -> None:
    for name in FADING:
        own = painting.paint(PROMPTS[name], width=SIDE, height=SIDE, seed=3).pixels
        assert np.array_equal(turned[name, 1.0], own)


def test_the_thing_in_the_picture_stays_longer_than_what_is_around_it() -> None:
    rng, side = np.random.default_rng(5), 128
    picture = np.clip(rng.normal(150, 4, (side, side, 3)), 0, 255).astype(np.uint8)
    cv2.circle(picture, (80, 80), 34, (220, 40, 30), -1)
    cv2.circle(picture, (70, 70), 10, (250, 220, 60), -1)
    persistence_map = persistence(picture)
    assert (
        persistence_map is not None
        and persistence_map[80, 80] > 0.8
        and persistence_map[8:32, 8:32].max() < 0.2
    )
    request = RepaintRequest("a mountain lake", "", 3, 0.8)
    own = lab(painting.paint(request.prompt, width=side, height=side, seed=3).pixels)
    away = np.linalg.norm(lab(repaint(picture, request, persistence_map=persistence_map)) - own, axis=2)
    assert away[58:102, 58:102].mean() > 2 * away[:32].mean()


# -- what the words ask for ------------------------------------------------------------------------------------


@pytest.mark.in_turn(3)
def test_a_style_alone_keeps_the_pictures_own_colours() -> None:
    picture = PHOTOGRAPHS["tissue"]
    painted = repainted("tissue", RepaintRequest("oil painting", "", 3, 0.8))
    assert float(np.linalg.norm(np.subtract(mean_lab(painted), mean_lab(picture)))) < 6
    assert 0.2 < ssim(picture, painted) < 0.9


@pytest.mark.in_turn(3)
def test_styles_are_those_of_the_painter() -> None:
    pixel = repainted("tissue", RepaintRequest("pixel art", "", 3, 0.6))
    assert len(np.unique(pixel.reshape(-1, 3), axis=0)) <= 24
    sketch = lab(repainted("tissue", RepaintRequest("pencil sketch", "", 3, 0.6)))
    assert float(np.hypot(sketch[..., 1], sketch[..., 2]).mean()) < 5


@pytest.mark.in_turn(3)
def test_a_person_in_the_words_is_the_one_in_the_picture() -> None:
    picture = PHOTOGRAPHS["a man with a camera"]
    portrait = repainted("a man with a camera", RepaintRequest("portrait of a man, oil painting", "", 3, 0.8))
    assert 0.4 < ssim(picture, portrait) < 0.95
    drawn = painting.paint("portrait of a man", width=SIDE, height=SIDE, seed=3).pixels
    assert ssim(drawn, portrait) < 0.4


@pytest.mark.in_turn(3)
def test_words_that_say_nothing_leave_the_picture_and_vary_it_by_its_seed() -> None:
    picture = PHOTOGRAPHS["tissue"]
    one, other = (repainted("tissue", RepaintRequest("zxqv", "", seed, 0.8)) for seed in (3, 4))
    assert ssim(picture, one) > 0.4 and ssim(picture, other) > 0.4
    assert float(np.abs(one.astype(int) - other).mean()) > 3


@pytest.mark.in_turn(3)
def test_a_forbidden_word_is_not_painted() -> None:
    with_lake = repainted("tissue", RepaintRequest("a mountain lake", "", 3, 0.9))
    without = repainted("tissue", RepaintRequest("a mountain lake", "lake", 3, 0.9))
    plain = repainted("tissue", RepaintRequest("a mountain", "", 3, 0.9))
    assert np.array_equal(without, plain) or ssim(without, plain) > ssim(without, with_lake)


@pytest.mark.in_turn(3)
def test_guidance_says_how_strongly_colour_words_pull() -> None:
    reds = [
        mean_lab(repainted("tissue", RepaintRequest("a red sunset", "", 3, 0.8, guidance=g)))[1]
        for g in (0.15, 2.0)
    ]
    assert reds[1] > reds[0] + 8


@pytest.mark.in_turn(3)
def test_few_steps_give_broader_strokes() -> None:
    picture = PHOTOGRAPHS["a man with a camera"]
    few, many = (
        repainted("a man with a camera", RepaintRequest("oil painting", "", 3, 0.8, quality=q))
        for q in (0.04, 1.0)
    )
    assert ssim(picture, few) < ssim(picture, many) - 0.02


@pytest.mark.in_turn(3)
def test_a_face_keeps_its_features_where_the_brush_is_broad() -> None:
    """Edges that lie close together are still where they were at a strength at which scenery comes in."""
    picture = square(data.camera()[60:220, 160:320])
    painted = repaint(picture, RepaintRequest("portrait of a man, oil painting", "", 3, 0.75))
    edges = [np.abs(cv2.Laplacian(cv2.GaussianBlur(one[..., 1].astype(np.float32), (0, 0), 2), cv2.CV_32F))
             for one in (picture, painted)]  # fmt: skip
    busy = edges[0] > np.quantile(edges[0], 0.8)
    assert float(np.corrcoef(edges[0][busy], edges[1][busy])[0, 1]) > 0.45


@pytest.mark.in_turn(3)
def test_a_paper_border_gets_no_second_one() -> None:
    def painted(picture: Pixels) -> float:
        return float((picture.min(axis=2) < 232).mean())

    photograph = PHOTOGRAPHS["tissue"]
    once = repaint(photograph, RepaintRequest("watercolor", "", 3, 0.7))
    assert not has_border(floats(photograph)) and has_border(floats(once))
    again = repaint(once, RepaintRequest("watercolor", "", 5, 0.7))
    stacked = styles.apply("watercolor", floats(once), streams=Streams("stacked", 5), quality=1.0)
    assert painted(np.asarray(stacked * 255, np.uint8)) < painted(once) - 0.01 < painted(again)


def test_the_same_request_gives_the_same_pixels() -> None:
    request, small = (
        RepaintRequest("a lake at dawn, watercolor", "", 9, 0.7),
        square(data.immunohistochemistry(), 64),
    )
    persistence_map, again = persistence(small), persistence(small)
    assert persistence_map is not None and again is not None and np.array_equal(persistence_map, again)
    assert np.array_equal(
        repaint(small, request, persistence_map=persistence_map),
        repaint(small, request, persistence_map=again),
    )


# -- what the model prints and gives ---------------------------------------------------------------------------


def test_picture_k_takes_seed_plus_k() -> None:
    picture = Image.fromarray(PHOTOGRAPHS["tissue"]).resize(LITTLE)
    both = performed(IMG2IMG, picture, num_outputs=2, prompt="a lake", prompt_strength=0.7)
    assert list(both.files) == ["out-0.png", "out-1.png"]
    single = performed(IMG2IMG, picture, prompt="a lake", prompt_strength=0.7, seed=4)
    assert both.files["out-1.png"] == single.files["out-0.png"] != both.files["out-0.png"]


def test_it_says_what_it_is_and_counts_the_steps_that_are_left() -> None:
    picture = Image.fromarray(PHOTOGRAPHS["tissue"]).resize(LITTLE)
    recorder = performed(IMG2IMG, picture, prompt="a lake, zxqv", scheduler="DDIM", width=512)
    assert recorder.notes == [
        "Using seed: 3",
        f"Embedded engine: procedural painter {painting.VERSION}. No neural network, no weights; "
        "it recolours and repaints the given picture after a word list.",
        "Understood: lake. No meaning here: zxqv.",
        "Input scheduler has no meaning to this engine and was ignored.",
        "Input width is unknown to stability-ai/stable-diffusion-img2img and was ignored.",
        "The picture of 44 x 36 pixels was brought to 40 x 32, multiples of 8.",
    ]
    assert recorder.lines[-1].startswith("100%|██████████| 20/20 [")
    assert recorder.metrics == {"engine": "procedural", "painter": painting.VERSION}
    assert "diffusion model" not in "".join(recorder.lines)
    assert recorder.previews


def test_its_file_says_that_a_picture_was_changed_and_how_far() -> None:
    picture = Image.fromarray(PHOTOGRAPHS["tissue"]).resize(LITTLE)
    source = f"{EXTENSION}DigitalSourceType"
    found = metadata(performed(IMG2IMG, picture, prompt_strength=0.4).files["out-0.png"])
    assert found[source].endswith("/algorithmicallyEnhanced")
    assert '"prompt_strength": 0.4' in found[f"{{{NAMESPACE}}}settings"]
    assert found[f"{{{NAMESPACE}}}model"] == IMG2IMG
    full = metadata(performed(IMG2IMG, picture, prompt_strength=1).files["out-0.png"])
    assert full[source].endswith("/algorithmicMedia")


def test_sdxl_keeps_the_pictures_own_size_and_says_that_sizes_do_nothing() -> None:
    picture = Image.fromarray(PHOTOGRAPHS["tissue"]).resize((45, 37))
    recorder = performed(SDXL, picture, prompt="a lake", width=500, height=512, prompt_strength=0.5)
    assert Image.open(io.BytesIO(recorder.files["out-0.png"])).size == (45, 37)
    assert recorder.notes[3:] == [
        "Input width does nothing together with image and was ignored.",
        "Input height does nothing together with image and was ignored.",
        "Prompt: a lake",
        "img2img mode",
    ]


@pytest.mark.parametrize(
    ("size", "result", "lines"),
    [
        ((44, 36), (48, 48), ["Input image size: 44x36", "Input image size set to: 48x48"]),
        (
            (2900, 30),
            (1440, 16),
            [
                "Input image size: 2900x30",
                "Scaling image down to 1440x14",
                "Input image size set to: 1440x16",
            ],
        ),
    ],
)
def test_flux_takes_the_pictures_shape_in_multiples_of_sixteen(
    size: tuple[int, int], result: tuple[int, int], lines: list[str]
) -> None:
    picture = Image.fromarray(PHOTOGRAPHS["tissue"]).resize(size)
    recorder = performed(
        DEV, picture, prompt="a lake", aspect_ratio="16:9", output_format="jpg", prompt_strength=0.3
    )
    assert Image.open(io.BytesIO(recorder.files["out-0.jpg"])).size == result
    assert recorder.notes[-3:] == ["img2img mode", *lines][-3:]
    assert "Input aspect_ratio does nothing together with image and was ignored." in recorder.notes


@pytest.mark.parametrize("value", [1.5, -0.1, 2])
@pytest.mark.parametrize("model", [IMG2IMG, SDXL])
def test_a_strength_beyond_its_limits_fails_in_the_published_words(model: str, value: float) -> None:
    with pytest.raises(Refusal) as caught:
        performed(model, Image.new("RGB", (64, 64)), prompt="a lake", prompt_strength=value)
    assert str(caught.value) == f"The value of strength should in [0.0, 1.0] but is {float(value)}"


def test_a_missing_picture_is_named() -> None:
    with pytest.raises(Refusal, match=r"^Input image: a picture is required\.$"):
        performer(IMG2IMG)({"prompt": "a lake"}, RecordedOutput(), 7)  # type: ignore[arg-type]


def test_what_is_transparent_is_white() -> None:
    picture = Image.new("RGBA", (64, 64), (10, 20, 30, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 32, 64))
    recorder = performed(IMG2IMG, picture, prompt_strength=0)
    result = pixels(recorder.files["out-0.png"])
    assert result[30, 5].tolist() == [255, 255, 255] and result[30, 50].tolist() == [10, 20, 30]
    assert "Transparent places of the picture were filled with white." in recorder.notes


ODD = [(size, strength) for size in ((1, 1), (9, 900), (300, 2)) for strength in (0.5, 0.8)]


@pytest.mark.parametrize(("size", "strength"), one_in(3, ODD))
def test_pictures_of_odd_shapes_are_painted(size: tuple[int, int], strength: float) -> None:
    picture = Image.fromarray(reduced(PHOTOGRAPHS["tissue"], 64)).resize(size)
    recorder = performed(SDXL, picture, prompt="a lake, watercolor", prompt_strength=strength)
    assert Image.open(io.BytesIO(recorder.files["out-0.png"])).size == size


@pytest.mark.parametrize("colour", one_in(4, ["white", "black", "#808080", "#ff0000"]))
def test_a_picture_of_one_colour_is_painted(colour: str) -> None:
    recorder = performed(IMG2IMG, Image.new("RGB", (96, 96), colour), prompt="a mountain lake")
    result = pixels(recorder.files["out-0.png"])
    assert result.shape == (96, 96, 3) and float(result.std()) > 5


# -- in the engine ---------------------------------------------------------------------------------------------


def test_a_cancel_in_the_middle_leaves_nothing_and_the_memory_stays_within_its_limit() -> None:
    side = short_or_whole(256, 512)
    picture = uri(Image.fromarray(PHOTOGRAPHS["tissue"]).resize((side, side)))
    inputs = {"image": picture, "prompt": "a snowy forest, oil painting", "seed": 3, "num_outputs": 8}
    # What is measured of a 512 square, 375 MiB, is far below this; the engine's own limit is three times as high.
    with running(memory_bytes=640 * 1024**2) as service:
        service.put("canceled-1", inputs, IMG2IMG)
        child = service.painting("canceled-1")
        wait_for(lambda: service.get("canceled-1")["output"], "the first of eight")
        state = service.client.post("/predictions/canceled-1/cancel").json()
        assert state["status"] == "canceled"
        assert not is_alive(child) and service.health()["running"] == []
        assert not (service.work / "canceled-1").exists()
        assert service.get("canceled-1")["output"] == []
