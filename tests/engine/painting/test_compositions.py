"""Content of painted pictures, measured in pixels at small sizes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import cache

import cv2
import numpy as np
import pytest

from engine.painting import Picture, paint, parse_prompt
from tests.engine.image_metrics import Pixels, blurred, lab, mean_lab, overlap, reduced, sharpness, ssim
from tests.runner.sampling import one_in

PUBLISHED = [
    "an astronaut riding a horse on mars, hd, dramatic lighting",
    "a vision of paradise. unreal engine",
    "An astronaut riding a rainbow unicorn, cinematic, dramatic",
    "A fantasy landscape, trending on artstation",
    "Face of a yellow cat, high resolution, sitting on a park bench",
    "tokyo cyberpunk city at night, neon",
    "misty pine forest in the morning",
]

SMALL = 128
"""Pixels a side where what is claimed of a picture is seen in a small one too."""


@cache
def painted(
    prompt: str,
    seed: int = 3,
    side: int = 256,
    quality: float = 1.0,
    guidance: float = 1.0,
    negative: str = "",
) -> Picture:
    return paint(
        prompt,
        negative_prompt=negative,
        width=side,
        height=side,
        seed=seed,
        quality=quality,
        guidance=guidance,
    )


def pixels(
    prompt: str, seed: int = 3, side: int = 256, quality: float = 1.0, guidance: float = 1.0
) -> Pixels:
    return painted(prompt, seed, side, quality, guidance).pixels


def mask_of(picture: Picture) -> Pixels:
    assert picture.subject_mask is not None
    return picture.subject_mask


@pytest.mark.parametrize(
    "prompt",
    one_in(4, ["a mountain lake at sunset", "a red car in the city", "autumn forest, watercolor", "x"]),
)
def test_it_paints_the_same_bytes_twice(prompt: str) -> None:
    first = paint(prompt, width=160, height=128, seed=5).pixels
    assert paint(prompt, width=160, height=128, seed=5).pixels.tobytes() == first.tobytes()


def test_it_paints_the_same_bytes_in_another_process_and_with_one_thread() -> None:
    code = (
        "import cv2, hashlib; cv2.setNumThreads(1)\n"
        "from engine.painting import paint\n"
        "p = paint('a cat by a mountain lake at dawn', width=192, height=128, seed=11)\n"
        "print(hashlib.sha256(p.pixels.tobytes()).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    here = paint("a cat by a mountain lake at dawn", width=192, height=128, seed=11).pixels
    assert there == hashlib.sha256(here.tobytes()).hexdigest()


@pytest.mark.parametrize(
    ("prompt", "limit"),
    one_in(
        4,
        [
            ("a mountain lake at sunset", 0.60),
            ("green hills at noon", 0.60),
            ("abstract", 0.60),
            ("desert dunes at noon", 0.60),
            ("desert dunes at night", 0.60),
            ("the sea", 0.60),
            ("a foggy sea", 0.60),
            ("a foggy desert", 0.60),
            ("clear sky over the sea", 0.60),
            ("a cat", 0.75),
            ("a car", 0.75),
            ("a rabbit", 0.75),
        ],
    ),
)
def test_another_seed_gives_another_picture(prompt: str, limit: float) -> None:
    assert ssim(pixels(prompt, 3, SMALL), pixels(prompt, 4, SMALL)) < limit


@pytest.mark.in_turn(3)
def test_colour_words_colour_the_scene() -> None:
    _, _, b_blue = mean_lab(pixels("a blue sunset over the sea"))
    _, a_red, b_red = mean_lab(pixels("a red sunset over the sea"))
    _, a_green, _ = mean_lab(pixels("a green sunset over the sea"))
    assert b_blue < -15
    assert b_red > 15
    assert a_red > 25
    assert a_green < -10


@pytest.mark.in_turn(3)
def test_a_colour_word_changes_its_noun_and_nothing_else() -> None:
    red, blue = painted("a red car"), painted("a blue car")
    assert overlap(mask_of(red), mask_of(blue)) > 0.98
    (_, a_red, b_red), (_, a_blue, b_blue) = (mean_lab(p.pixels, p.subject_mask) for p in (red, blue))
    assert a_red > 25
    assert a_red > a_blue + 10
    assert b_red > b_blue + 30
    assert b_blue < -15
    rest = cv2.dilate(mask_of(red), np.ones((9, 9), np.uint8)) < 1
    assert np.abs(red.pixels.astype(int) - blue.pixels.astype(int))[rest].mean() < 2


@pytest.mark.in_turn(3)
def test_night_is_darker_than_noon() -> None:
    for place in one_in(3, ("a mountain lake", "green hills", "a city")):
        night, noon = (mean_lab(pixels(f"{place} at {time}", side=SMALL))[0] for time in ("night", "noon"))
        assert night < noon - 20


@pytest.mark.in_turn(3)
def test_snow_lightens_the_ground() -> None:
    lower = slice(128, None)
    with_snow, without = pixels("hills at noon, snow"), pixels("hills at noon")
    assert mean_lab(with_snow[lower])[0] > mean_lab(without[lower])[0] + 5


@pytest.mark.in_turn(3)
def test_a_storm_is_darker_than_calm_weather() -> None:
    assert mean_lab(pixels("stormy sea at sunset"))[0] < mean_lab(pixels("sea at sunset"))[0] - 8


@pytest.mark.in_turn(3)
def test_time_and_weather_leave_the_land_where_it_was() -> None:
    dawn, night = (
        lab(pixels("a mountain lake at dawn"))[..., 0],
        lab(pixels("a mountain lake at night"))[..., 0],
    )
    edges = [cv2.GaussianBlur(np.abs(cv2.Laplacian(plane, cv2.CV_32F)), (0, 0), 3) for plane in (dawn, night)]
    assert np.corrcoef(edges[0].ravel(), edges[1].ravel())[0, 1] > 0.5


@pytest.mark.in_turn(3)
def test_pixel_art_has_few_colours() -> None:
    flat = pixels("a cat in a field, pixel art").reshape(-1, 3)
    assert len(np.unique(flat, axis=0)) <= 24


@pytest.mark.in_turn(3)
def test_a_sketch_has_no_colour() -> None:
    values = lab(pixels("a castle, pencil sketch"))
    assert np.hypot(values[..., 1], values[..., 2]).mean() < 5


@pytest.mark.parametrize("prompt", one_in(3, ["", "zxqv blorp", "。。。", "🙂"]))
def test_prompts_without_meaning_give_a_rich_picture(prompt: str) -> None:
    assert pixels(prompt, side=SMALL).std() > 20


def test_unknown_prompts_differ_from_each_other() -> None:
    assert ssim(pixels("zxqv", side=SMALL), pixels("blorp", side=SMALL)) < 0.6


@pytest.mark.parametrize("prompt", one_in(3, ["city at night", "a mountain lake at noon", "autumn forest"]))
def test_few_steps_paint_the_same_picture_with_a_broad_brush(prompt: str) -> None:
    rough, fine = pixels(prompt, side=SMALL, quality=0.1), pixels(prompt, side=SMALL)
    assert sharpness(rough) <= 0.75 * sharpness(fine)
    # At a quarter of 512 pixels the blur of 12 pixels is one of 3.
    assert ssim(blurred(rough, 3), blurred(fine, 3)) >= 0.93


@pytest.mark.in_turn(3)
def test_guidance_pulls_the_colours() -> None:
    weak, strong = (mean_lab(pixels("a red sunset over the sea", guidance=g))[1] for g in (1 / 7.5, 2.0))
    assert strong >= weak + 15


@pytest.mark.parametrize(
    ("prompt", "side"),
    one_in(
        6,
        [
            ("a mountain lake at noon", SMALL),
            ("a cat", SMALL),
            ("a sailboat on the sea", SMALL),
            ("nebula", SMALL),
            ("tokyo", SMALL),
            ("forest", 256),
        ],
    ),
)
def test_a_large_picture_shows_what_the_small_one_shows(prompt: str, side: int) -> None:
    small, large = pixels(prompt, side=side), pixels(prompt, side=2 * side)
    assert ssim(small, reduced(large, side)) >= 0.85


SIZES = [(64, 64), (64, 1024), (1024, 64), (192, 320), (1, 1), (3, 200), (344, 192), (160, 384)]
KINDS = ("a cat by a mountain lake, rain", "neon city at night with a robot", "forest", "planet", "x")


@pytest.mark.parametrize("size", one_in(4, SIZES))
def test_it_paints_exactly_the_size_asked_for(size: tuple[int, int]) -> None:
    width, height = size
    # Of the five kinds of scene two at each size, all of them at some narrow, some wide and some tiny one.
    at = SIZES.index(size)
    for prompt in one_in(2, (KINDS[at % 5], KINDS[(at + 2) % 5]), lambda prompt: f"{prompt} {size}"):
        assert paint(prompt, width=width, height=height, seed=1).pixels.shape == (height, width, 3)


def test_it_refuses_a_picture_without_pixels() -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        paint("a cat", width=0, height=10, seed=1)


@pytest.mark.in_turn(3)
def test_a_negative_prompt_takes_the_water_away() -> None:
    def blue_below(picture: Pixels) -> float:
        values = lab(picture)[140:]
        return float((values[..., 2] < -8).mean())

    with_lake = painted("mountain lake at noon").pixels
    without = painted("mountain lake at noon", negative="lake").pixels
    assert blue_below(with_lake) > 0.3
    assert blue_below(without) < 0.05


@pytest.mark.parametrize("prompt", one_in(4, PUBLISHED))
def test_no_picture_has_black_edges(prompt: str) -> None:
    levels = pixels(prompt, side=SMALL).astype(np.float64).mean(axis=(0, 2))
    assert levels[0] >= 0.5 * levels[1]
    assert levels[-1] >= 0.5 * levels[-2]


@pytest.mark.parametrize(
    ("prompt", "least"),
    one_in(
        3,
        [
            (PUBLISHED[0], 0.08),
            (PUBLISHED[2], 0.08),
            (PUBLISHED[4], 0.15),
            ("a red car", 0.08),
            ("owl", 0.08),
        ],
    ),
)
def test_a_subject_takes_a_fair_share_of_the_picture(prompt: str, least: float) -> None:
    share = float((mask_of(painted(prompt, side=SMALL)) > 127).mean())
    assert least < share < 0.75


def test_a_scene_without_a_subject_has_no_mask() -> None:
    assert painted("a mountain lake at sunset").subject_mask is None


@pytest.mark.parametrize(
    ("prompt", "pieces"),
    one_in(
        3,
        [
            ("a cat and a dog", 2),
            ("two cats", 2),
            ("three birds", 3),
            ("两只猫", 2),
            ("two boats on the sea", 2),
        ],
    ),
)
def test_subjects_stand_side_by_side_and_apart(prompt: str, pieces: int) -> None:
    columns = (mask_of(painted(prompt)) > 127).any(axis=0)
    assert int(((columns[1:] > 0) & (columns[:-1] == 0)).sum() + columns[0]) == pieces


@pytest.mark.in_turn(3)
def test_a_person_in_a_place_stands_on_the_ground_with_room_around() -> None:
    rows = (mask_of(painted("a woman in green hills")) > 127).any(axis=1)
    assert not rows[-8:].any()
    assert (mask_of(painted("portrait of a woman in green hills")) > 127)[-2:].any()


@pytest.mark.in_turn(3)
def test_a_fish_leaps_from_a_pond_and_never_flies_over_it() -> None:
    prompt, picture = parse_prompt("a koi pond"), painted("a koi pond")
    assert (prompt.scene, prompt.subjects) == ("lake", ("fish",))
    rows = np.flatnonzero((mask_of(picture) > 127).any(axis=1))
    assert rows[-1] > 150
    below = lab(picture.pixels)[rows[-1] + 3 :]
    assert (below[..., 2] < 0).mean() > 0.2, "there is water under it"


@pytest.mark.in_turn(3)
def test_somebody_with_an_umbrella_holds_it_up() -> None:
    held, alone = painted("a woman with a red umbrella in the rain"), painted("a woman in the rain")
    reds = (lab(held.pixels)[..., 1] > 35) & (mask_of(held) > 127)
    head = np.flatnonzero((mask_of(alone) > 127).any(axis=1))[0]
    assert reds[: head + 20].sum() > 0.01 * reds.size
    columns = (mask_of(held) > 127).any(axis=0)
    assert ((columns[1:] > 0) & (columns[:-1] == 0)).sum() == 1, "one figure with it, not two side by side"


@pytest.mark.in_turn(3)
def test_a_dress_is_a_dress_in_its_colour_down_to_the_shins() -> None:
    dressed, plain = (
        painted("a woman in a red dress on the beach"),
        painted("a woman in a red shirt on the beach"),
    )
    assert dressed.subject_mask is not None and plain.subject_mask is not None
    for picture, whole in ((dressed, True), (plain, False)):
        mask = mask_of(picture) > 127
        rows = np.flatnonzero(mask.any(axis=1))
        knees = int(rows[0] + 0.78 * (rows[-1] - rows[0]))
        red = lab(picture.pixels)[knees][mask[knees]][:, 1]
        assert bool((red > 30).mean() > 0.8) is whole


@pytest.mark.in_turn(3)
def test_a_polar_bear_is_white() -> None:
    bear = painted("a polar bear on ice")
    assert mean_lab(bear.pixels, bear.subject_mask)[0] > 62


@pytest.mark.in_turn(3)
def test_fireworks_light_the_sky_over_a_city() -> None:
    with_them, without = pixels("fireworks over a city at night"), pixels("a city at night")
    vivid = [
        float((np.hypot(*np.moveaxis(lab(p)[:110, :, 1:], 2, 0)) > 30).mean()) for p in (with_them, without)
    ]
    assert vivid[0] > vivid[1] + 0.02


@pytest.mark.in_turn(3)
def test_a_subject_keeps_its_own_colour_under_a_coloured_scene() -> None:
    picture = painted("a green car, red sunset over the sea")
    assert mean_lab(picture.pixels, picture.subject_mask)[1] < 0


def test_progress_never_falls_and_ends_at_one() -> None:
    reports: list[tuple[float, Pixels | None]] = []
    paint("a cat by a lake", width=300, height=200, seed=1, progress=lambda f, p: reports.append((f, p)))
    fractions = [fraction for fraction, _ in reports]
    previews = [preview for _, preview in reports if preview is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert 8 <= len(reports) <= 20
    assert all(max(p.shape[:2]) <= 256 and p.dtype == np.uint8 for p in previews)
    assert len(previews) >= 5


@pytest.mark.parametrize("prompt", one_in(3, ["abstract", "studio cat", "space", "city", "forest"]))
def test_progress_is_reported_for_every_kind_of_picture(prompt: str) -> None:
    reports: list[float] = []
    paint(prompt, width=64, height=64, seed=1, progress=lambda f, _: reports.append(f))
    assert reports[-1] == 1.0
    assert 5 <= len(reports) <= 20
