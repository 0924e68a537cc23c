"""Styles and abstract pictures, checked by their visual properties."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from engine.painting import styles, subjects
from engine.painting.abstract import paint_abstract
from engine.painting.random_streams import Streams
from tests.runner.sampling import one_in

ALL = sorted(styles.STYLES)
STREAMS = Streams("a cat in a field", 3)


def scene(size=192, width=None):
    width = width or size
    y = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    sky = np.array([0.35, 0.6, 0.92], np.float32) * (1 - 0.4 * y)
    grass = np.array([0.32, 0.52, 0.2], np.float32) * (0.6 + 0.5 * y)
    canvas = np.where(y < 0.6, sky, grass) * np.ones((1, width, 1), np.float32)
    canvas = canvas.astype(np.float32)
    light = subjects.Light()
    for name, share, x in (("house", 0.45, 0.3), ("cat", 0.55, 0.7)):
        figure = subjects.render(name, streams=STREAMS, height_px=round(share * size), light=light)
        subjects.place(canvas, figure, x * width, 0.92 * size, light=light)
    return np.clip(canvas, 0, 1)


@cache
def usual_scene():
    made = scene()
    made.flags.writeable = False
    return made


@pytest.fixture
def picture():
    return usual_scene().copy()


@cache
def result_of(style):
    """The scene in a style, painted once for all tests; read only."""
    original = usual_scene().copy()
    before = original.copy()
    made = styled(style, original)
    assert np.array_equal(original, before), "the input is left alone"
    made.flags.writeable = False
    return made


def styled(style, picture, *, quality=1.0, seed=3):
    return styles.apply(style, picture, streams=Streams("a cat in a field", seed), quality=quality)


def chroma(rgb):
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)
    return float(np.hypot(lab[..., 1], lab[..., 2]).mean())


def eight_bit(rgb):
    return (rgb * 255 + 0.5).astype(np.uint8)


def sharpness(rgb):
    grey = cv2.GaussianBlur(rgb.mean(axis=2), (0, 0), 1)
    return float(np.abs(np.diff(grey, axis=1)).mean())


def test_it_knows_every_promised_style():
    assert {"oil", "watercolor", "sketch", "pixel", "flat", "poster", "mono", "neon"} <= styles.STYLES


@pytest.mark.parametrize("style", ALL)
def test_every_style_changes_the_picture_and_keeps_its_shape_and_range(style, picture):
    result = result_of(style)
    assert result.shape == picture.shape and result.dtype == np.float32
    assert result.min() >= 0 and result.max() <= 1 and np.isfinite(result).all()
    assert np.abs(result - picture).mean() > 0.01
    assert result.std() > 0.05


@pytest.mark.parametrize("style", one_in(4, ALL))
def test_the_same_request_gives_the_same_bytes(style, picture):
    assert styled(style, picture).tobytes() == result_of(style).tobytes()


ODD = [(style, shape) for style in ALL for shape in ((64, 192), (192, 64), (97, 131))]


@pytest.mark.parametrize(("style", "shape"), one_in(4, ODD))
def test_a_style_takes_odd_shapes(style, shape):
    assert styled(style, scene(*shape)).shape == (*shape, 3)


@pytest.mark.parametrize("style", ALL)
def test_a_style_blackens_no_edge_column(style):
    columns = result_of(style).mean(axis=(0, 2))
    assert columns[0] > 0.5 * columns[1] and columns[-1] > 0.5 * columns[-2]


@pytest.mark.parametrize(
    "style", one_in(4, ["oil", "watercolor", "ink", "sketch", "flat", "pastel", "lowpoly"])
)
def test_a_small_and_a_large_picture_are_painted_alike(style):
    small, large = styled(style, scene(192)), styled(style, scene(384))
    reduced = cv2.resize(large, (192, 192), interpolation=cv2.INTER_AREA)
    soft = [cv2.GaussianBlur(rgb, (0, 0), 4) for rgb in (small, reduced)]
    assert np.abs(soft[0] - soft[1]).mean() < 0.04


@pytest.mark.parametrize("size", one_in(3, [96, 192, 250]))
def test_pixel_art_has_at_most_24_colours_in_whole_blocks(size):
    result = eight_bit(styled("pixel", scene(size)))
    assert 8 <= len(np.unique(result.reshape(-1, 3), axis=0)) <= 24
    runs = (np.diff(result.astype(int), axis=1) != 0).any(axis=2).mean()
    assert runs < (1.0 if size < 100 else 96 / size)


def test_pixel_art_of_one_plain_colour_stays_one_colour():
    plain = np.full((64, 64, 3), 0.4, np.float32)
    assert len(np.unique(eight_bit(styled("pixel", plain)).reshape(-1, 3), axis=0)) == 1


def test_a_sketch_is_almost_without_colour_and_mostly_paper(picture):
    result = styled("sketch", picture)
    assert chroma(result) < 5
    assert np.median(result) > 0.6
    assert (result.mean(axis=2) < 0.4).mean() > 0.02


def test_mono_has_no_colour_and_ink_hardly_any(picture):
    assert chroma(styled("mono", picture)) < 0.1
    assert chroma(styled("ink", picture)) < 10


def test_a_watercolour_leaves_a_ragged_white_border(picture):
    result = styled("watercolor", picture)
    rim = np.concatenate(
        [result[:2].reshape(-1, 3), result[-2:].reshape(-1, 3), result[:, :2].reshape(-1, 3)]
    )
    assert rim.min() > 0.9
    edge = [int(np.argmax(row < 0.9)) for row in result.min(axis=2)[20:-20]]
    assert len(set(edge)) > 3


def test_flat_colour_has_fewer_tones_and_darker_lines(picture):
    result = styled("flat", picture)
    tones = np.histogram(cv2.cvtColor(result, cv2.COLOR_RGB2Lab)[..., 0], bins=100, range=(0, 100))[0]
    before = np.histogram(cv2.cvtColor(picture, cv2.COLOR_RGB2Lab)[..., 0], bins=100, range=(0, 100))[0]
    assert np.sort(tones)[-10:].sum() / tones.sum() > np.sort(before)[-10:].sum() / before.sum()
    assert np.percentile(result, 1) < np.percentile(picture, 1) + 0.02


def test_oil_furrows_are_laid_by_the_seed(picture):
    first, other = styled("oil", picture), styled("oil", picture, seed=4)
    assert np.abs(first - other).mean() > 0.005
    blurred = [cv2.GaussianBlur(rgb, (0, 0), 6) for rgb in (first, other)]
    assert np.abs(blurred[0] - blurred[1]).mean() < 0.03


@pytest.mark.parametrize("style", one_in(4, ["oil", "flat", "watercolor", "lowpoly"]))
def test_less_quality_is_coarser(style, picture):
    assert sharpness(styled(style, picture, quality=0.0)) < sharpness(styled(style, picture, quality=1.0))


def test_kuwahara_flattens_surfaces_and_keeps_borders(picture):
    noisy = np.clip(picture + 0.06 * np.random.default_rng(1).standard_normal(picture.shape), 0, 1)
    noisy = noisy.astype(np.float32)
    result = styles.kuwahara(noisy, 5)
    assert result[5:30, 5:60].std(axis=(0, 1)).max() < 0.4 * noisy[5:30, 5:60].std(axis=(0, 1)).max()
    step = np.zeros((40, 40, 3), np.float32)
    step[:, 20:] = 1
    sharp = styles.kuwahara(step, 5)[20, :, 0]
    assert sharp[17] < 0.1 and sharp[22] > 0.9


def test_an_unknown_style_is_an_error(picture):
    with pytest.raises(KeyError):
        styled("cubism", picture)


PALETTE = [(0.1, 0.2, 0.8), (0.9, 0.75, 0.2)]


@pytest.mark.parametrize("palette", [PALETTE, [], [(0.8, 0.1, 0.1)], [(0.5, 0.5, 0.5)], [(0.02, 0.02, 0.02)]])
def test_an_abstract_is_full_of_contrast(palette):
    result = paint_abstract(STREAMS, 160, 128, palette=palette, octaves=7)
    assert result.shape == (128, 160, 3) and result.dtype == np.float32
    assert result.min() >= 0 and result.max() <= 1
    assert (result * 255).std() > 20


def test_an_abstract_takes_its_colours_from_the_palette():
    def mean(colour):
        rgb = paint_abstract(STREAMS, 128, 128, palette=[colour], octaves=6)
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab).mean(axis=(0, 1))

    red, blue = mean((0.85, 0.1, 0.1)), mean((0.1, 0.2, 0.85))
    assert red[1] > 25 and red[2] > 10
    assert blue[2] < -25


def test_an_abstract_is_repeatable_and_another_seed_is_another_picture():
    first, again = (paint_abstract(STREAMS, 96, 96, palette=PALETTE, octaves=6) for _ in range(2))
    other = paint_abstract(Streams("a cat in a field", 4), 96, 96, palette=PALETTE, octaves=6)
    assert first.tobytes() == again.tobytes()
    assert np.abs(first - other).mean() > 0.08


def test_octaves_refine_an_abstract_without_moving_it():
    coarse, fine = (paint_abstract(STREAMS, 160, 160, palette=PALETTE, octaves=o) for o in (2, 8))
    assert sharpness(coarse) < sharpness(fine)
    small, large = (paint_abstract(STREAMS, n, n, palette=PALETTE, octaves=5) for n in (128, 256))
    reduced = cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA)
    assert np.abs(cv2.GaussianBlur(small, (0, 0), 3) - cv2.GaussianBlur(reduced, (0, 0), 3)).mean() < 0.06


@pytest.mark.parametrize("sigma", [13, 30])
def test_a_wide_blur_on_a_reduced_picture_is_the_same_blur(sigma, picture):
    from engine.images.arrays import blur

    exact = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    assert np.abs(blur(picture, sigma) - exact).max() < 0.03
    assert blur(picture, 0.1) is picture


@pytest.mark.parametrize("style", one_in(4, ["oil", "flat", "ink", "neon"]))
def test_the_number_of_threads_does_not_change_a_byte(style, picture):
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        single = styled(style, picture).tobytes()
        cv2.setNumThreads(2)
        assert styled(style, picture).tobytes() == single
    finally:
        cv2.setNumThreads(before)
