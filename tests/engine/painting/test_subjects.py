"""Figures: the same outline in any colour, the same look at any size, the same result in any run."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import pytest

from engine.painting import subjects
from engine.painting.random_streams import Streams
from tests.runner.sampling import one_in

RED, GREEN, BLUE = (0.86, 0.10, 0.08), (0.12, 0.62, 0.18), (0.10, 0.22, 0.85)
DAY = subjects.Light()
WANTED = {
    "cat", "dog", "horse", "unicorn", "bird", "fish", "bust", "astronaut", "robot", "dragon", "rabbit", "fox", "bear",
    "elephant", "car", "boat", "sailboat", "house", "castle", "lighthouse", "balloon", "flower", "tree", "mushroom",
    "rocket", "butterfly", "owl", "person",
}  # fmt: skip
ALL = sorted(subjects.NAMES)
DRAWN = one_in(3, ALL)
"""Those that are drawn in this run; what takes more drawings of one is tried with fewer."""
SOME = one_in(8, ALL)
OTHERS = one_in(8, ALL, "small and large {}".format)


@lru_cache(maxsize=128)
def figure(name, *, seed=3, height=160, **options):
    """A figure rendered once for all tests; read only."""
    drawn = render_again(name, seed=seed, height=height, **options)
    for plane in (drawn.rgba, drawn.emissive):
        if plane is not None:
            plane.flags.writeable = False
    return drawn


def render_again(name, *, seed=3, height=160, **options):
    return subjects.render(name, streams=Streams(name, seed), height_px=height, light=DAY, **options)


def lab_mean(picture):
    rgb = picture.rgba[..., :3][picture.rgba[..., 3] > 0.9]
    return cv2.cvtColor(rgb[None].astype(np.float32), cv2.COLOR_RGB2Lab)[0].mean(axis=0)


def ssim(first, second):
    """Structural similarity of two grey pictures 0..1, window sigma 1.5."""

    def mean(plane):
        return cv2.GaussianBlur(plane, (0, 0), 1.5)

    a, b = first.astype(np.float64), second.astype(np.float64)
    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    return float(
        ((2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))).mean()
    )


def on_grey(picture):
    alpha = picture.rgba[..., 3:]
    return (picture.rgba[..., :3] * alpha + 0.5 * (1 - alpha)).mean(axis=2)


def test_it_knows_every_promised_subject_and_says_how_large_each_looks_right():
    assert subjects.NAMES >= WANTED
    assert set(subjects.NATURAL_HEIGHTS) == set(subjects.NAMES)
    assert set(subjects.PLACES) < subjects.NAMES and set(subjects.PLACES.values()) == {"air", "water"}
    assert all(0.2 < share < 0.95 for share in subjects.NATURAL_HEIGHTS.values())


@pytest.mark.parametrize("name", DRAWN)
def test_every_subject_fills_its_box_without_touching_the_rim(name):
    drawn = figure(name)
    alpha = drawn.rgba[..., 3]
    assert drawn.rgba.dtype == np.float32 and drawn.rgba.shape[0] == 160
    assert drawn.rgba.min() >= 0 and drawn.rgba.max() <= 1
    assert alpha.mean() > 0.15
    rows, cols = np.flatnonzero(alpha.max(axis=1) > 0.5), np.flatnonzero(alpha.max(axis=0) > 0.5)
    assert rows[0] <= 8 and rows[-1] >= 151 and cols[0] <= 10 and cols[-1] >= alpha.shape[1] - 11
    assert max(alpha[0].max(), alpha[:, 0].max(), alpha[:, -1].max()) == 0
    assert drawn.rgba[..., :3][alpha > 0.9].std() > 0.05


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_stands_with_its_base_inside_its_box(name):
    drawn = figure(name)
    height, width = drawn.rgba.shape[:2]
    assert 0.2 * width < drawn.base[0] < 0.8 * width
    assert 0.9 * height < drawn.base[1] <= height
    if drawn.seat is not None:
        assert 0 < drawn.seat[0] < width and -0.05 * height < drawn.seat[1] < 0.95 * height


@pytest.mark.parametrize("name", SOME)
def test_the_outline_is_the_same_for_any_colour(name):
    plain, red = (figure(name, **options).rgba[..., 3] > 0.5 for options in ({}, {"colour": RED}))
    assert (plain & red).sum() / (plain | red).sum() > 0.98


@pytest.mark.parametrize(
    "name",
    one_in(4, ["car", "cat", "dog", "horse", "rocket", "balloon", "dragon", "flower", "bust", "house"]),
)
def test_a_colour_moves_the_figure_toward_that_colour(name):
    red, green, blue = (lab_mean(figure(name, colour=colour)) for colour in (RED, GREEN, BLUE))
    assert red[1] > green[1] + 15
    assert red[2] > blue[2] + 15


def test_a_red_a_green_and_a_blue_car_are_plainly_red_green_and_blue():
    red, green, blue = (lab_mean(figure("car", colour=colour)) for colour in (RED, GREEN, BLUE))
    assert red[1] > 25 and red[2] > 15
    assert green[1] < -10
    assert blue[2] < -15


def test_a_colour_leaves_tyres_and_windows_alone():
    red, blue = (figure("car", height=200, colour=colour).rgba for colour in (RED, BLUE))
    same = (np.abs(red[..., :3] - blue[..., :3]).max(axis=2) < 1 / 255) & (red[..., 3] > 0.9)
    assert same.sum() > 0.15 * (red[..., 3] > 0.9).sum()


@pytest.mark.parametrize("name", one_in(4, ["cat", "tree", "bust", "castle"]))
def test_the_same_request_gives_the_same_bytes(name):
    first, second = render_again(name), render_again(name)
    assert first.rgba.tobytes() == second.rgba.tobytes()
    assert (first.base, first.seat) == (second.base, second.seat)


def test_the_number_of_threads_does_not_change_a_byte():
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        single = render_again("fox").rgba.tobytes()
        cv2.setNumThreads(2)
        assert render_again("fox").rgba.tobytes() == single
    finally:
        cv2.setNumThreads(before)


def test_another_seed_gives_another_cat():
    renders = {figure("cat", seed=seed, height=60).rgba.tobytes() for seed in range(6)}
    assert len(renders) == 6


@pytest.mark.parametrize(
    ("name", "height"), [*((name, 60) for name in OTHERS), (one_in(3, ["cat", "car", "tree"])[0], 150)]
)
def test_a_small_and_a_large_figure_look_the_same(name, height):
    small, large = figure(name, height=height), figure(name, height=3 * height)
    size = (small.rgba.shape[1], small.rgba.shape[0])
    reduced = cv2.resize(on_grey(large), size, interpolation=cv2.INTER_AREA)
    assert abs(large.rgba.shape[1] / 3 - size[0]) <= 1
    assert ssim(on_grey(small), reduced) > 0.85


@pytest.mark.parametrize("name", ["balloon", "car", "cat"])
def test_edges_are_smooth_and_not_staircases(name):
    alpha = figure(name, height=240).rgba[..., 3]
    soft = ((alpha > 0.02) & (alpha < 0.98)).sum()
    rim = (cv2.dilate((alpha > 0.5).astype(np.uint8), np.ones((3, 3), np.uint8)) - (alpha > 0.5)).sum()
    assert 0.5 * rim < soft < 4 * rim


def test_turning_a_figure_mirrors_its_outline_and_not_the_sun():
    right, left = figure("horse", facing=1), figure("horse", facing=-1)
    width = right.rgba.shape[1]
    assert np.array_equal(right.rgba[..., 3], left.rgba[:, ::-1, 3])
    assert left.base[0] == pytest.approx(width - right.base[0])
    assert left.seat[0] == pytest.approx(width - right.seat[0])
    assert not np.array_equal(right.rgba, left.rgba[:, ::-1])


def test_the_side_toward_the_sun_is_the_brighter_one():
    def balance(x):
        light = subjects.Light(direction=(x, 0.4, 0.6))
        ball = subjects.render("balloon", streams=Streams("b", 1), height_px=160, light=light).rgba
        grey, alpha = ball[..., :3].mean(axis=2), ball[..., 3] > 0.9
        half = ball.shape[1] // 2
        return grey[:, :half][alpha[:, :half]].mean() - grey[:, half:][alpha[:, half:]].mean()

    assert balance(-0.7) > 0.03
    assert balance(0.7) < -0.03


def test_night_darkens_a_figure_and_lights_its_windows():
    night = subjects.Light(
        (0.5, 0.6, -0.3), sun=(0.2, 0.24, 0.36), ambient=(0.1, 0.12, 0.2), rim=(0.2, 0.25, 0.4)
    )
    house = subjects.render("house", streams=Streams("h", 1), height_px=200, light=night)
    day = subjects.render("house", streams=Streams("h", 1), height_px=200, light=DAY)
    assert np.median(house.rgba[..., :3][house.rgba[..., 3] > 0.9]) < 0.5 * np.median(
        day.rgba[..., :3][day.rgba[..., 3] > 0.9]
    )
    assert house.emissive is not None and house.emissive.shape == (*house.rgba.shape[:2], 3)
    lit = house.emissive.max(axis=2) > 0.3
    assert 0.01 < lit.mean() < 0.2
    assert house.rgba[..., :3][lit].mean() > 0.35
    assert figure("cat").emissive is None


@pytest.mark.parametrize(
    "name",
    one_in(
        4, ["cat", "dog", "fox", "rabbit", "bear", "owl", "horse", "unicorn", "elephant", "dragon", "bird"]
    ),
)
def test_a_close_up_shows_the_head_and_little_else(name):
    whole, close = figure(name, height=200), figure(f"{name}:face", height=200)
    assert close.rgba[..., 3].mean() > 0.25
    assert close.base[1] >= 195
    assert close.rgba[-1, :, 3].max() > 0.9, "the neck runs out of the frame"
    assert not np.array_equal(whole.rgba.shape, close.rgba.shape) or not np.array_equal(
        whole.rgba, close.rgba
    )


@pytest.mark.parametrize("name", ["astronaut", "person"])
def test_a_rider_sits_astride_with_one_leg_before_the_mount(name):
    standing, riding = figure(name, height=240), figure(f"{name}:riding", height=240)

    def legs(drawn):
        row = drawn.rgba[round(0.93 * drawn.base[1]), :, 3] > 0.5
        return int((np.diff(row.astype(int)) == 1).sum())

    assert legs(standing) == 2
    assert legs(riding) == 1
    assert 0.9 * 240 < riding.base[1] <= 240


def test_a_sitting_animal_rides_as_it_sits():
    sitting, riding = (
        subjects.render(name, streams=Streams("c", 1), height_px=120, light=DAY)
        for name in ("cat", "cat:riding")
    )
    assert np.array_equal(sitting.rgba, riding.rgba)


def test_a_face_is_a_bust_and_an_unknown_subject_is_an_error():
    assert (
        figure("face").rgba.tobytes()
        == subjects.render("bust", streams=Streams("face", 3), height_px=160, light=DAY).rgba.tobytes()
    )
    with pytest.raises(KeyError):
        figure("kraken")


def test_it_places_a_figure_by_its_base_and_returns_its_mask():
    canvas = np.full((240, 320, 3), 0.6, np.float32)
    cat = figure("cat")
    mask = subjects.place(canvas, cat, 160, 220, light=DAY)
    rows, cols = np.nonzero(mask > 0.5)
    assert mask.shape == (240, 320) and mask.dtype == np.float32
    assert 215 <= rows.max() <= 223
    assert cols.min() < 160 < cols.max()
    assert mask.sum() == pytest.approx(cat.rgba[..., 3].sum())


def test_a_shadow_falls_away_from_the_sun_and_only_when_asked_for():
    light = subjects.Light(direction=(-0.7, 0.5, 0.5))
    tree = subjects.render("tree", streams=Streams("t", 1), height_px=150, light=light)
    shaded, bare = (np.full((220, 500, 3), 0.6, np.float32) for _ in range(2))
    mask = subjects.place(shaded, tree, 250, 190, light=light)
    subjects.place(bare, tree, 250, 190, light=light, shadow=0)
    ground = mask == 0
    assert np.allclose(bare[ground], 0.6)
    dark = 0.6 - shaded.mean(axis=2)
    assert dark[:, 270:][ground[:, 270:]].sum() > 3 * abs(dark[:, :230][ground[:, :230]].sum())


def test_a_floating_figure_ends_at_its_waterline():
    whole = figure("whale")
    swimming = subjects.afloat(whole, subjects.DRAUGHTS["whale"])
    line = swimming.rgba.shape[0]
    assert line == pytest.approx(whole.base[1] - 0.26 * 160, abs=1)
    assert swimming.base == (whole.base[0], line)
    assert swimming.rgba[-1, :, 3].max() > 0.9, "the hull goes on below"
    assert subjects.afloat(whole, 0.0) is whole


@pytest.mark.parametrize("where", [(-20, 100), (330, 100), (160, 20), (160, 300), (5000, 5000)])
def test_a_figure_at_the_frame_is_clipped(where):
    canvas = np.full((240, 320, 3), 0.6, np.float32)
    mask = subjects.place(canvas, figure("dog"), *where, light=DAY)
    assert mask.shape == canvas.shape[:2]
    assert np.isfinite(canvas).all() and canvas.min() >= 0
    assert (mask.sum() == 0) == (where == (5000, 5000))


def test_a_lamp_spreads_its_glow_around_it():
    night = subjects.Light(
        (0.5, 0.6, -0.3), sun=(0.1, 0.1, 0.2), ambient=(0.05, 0.05, 0.1), rim=(0.1, 0.1, 0.2)
    )
    tower = subjects.render("lighthouse", streams=Streams("l", 1), height_px=180, light=night)
    canvas = np.full((240, 320, 3), 0.02, np.float32)
    subjects.place(canvas, tower, 160, 230, light=night)
    before = canvas.copy()
    subjects.glow(canvas, tower, 160, 230)
    gain = (canvas - before).mean(axis=2)
    assert gain.min() >= 0
    assert gain[60:100, 120:200].mean() > 3 * gain[180:220, 120:200].mean()
