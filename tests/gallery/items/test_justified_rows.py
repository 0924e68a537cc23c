"""Justified rows: every width class gets rows near its target."""

from __future__ import annotations

import random

import pytest

from gallery.items import justified_rows

RATIOS = [9 / 21, 9 / 16, 2 / 3, 3 / 4, 4 / 5, 1.0, 5 / 4, 4 / 3, 3 / 2, 16 / 9, 21 / 9]


def heights(
    ratios: list[float], layout: justified_rows.Layout, index: int, width: justified_rows.Width
) -> list[float]:
    """The heights of all rows in one width class, as the browser will lay them out."""
    found, row = [], []
    for ratio, ends in zip(ratios, layout.breaks, strict=True):
        row.append(ratio)
        if f"b{index}" in ends.split():
            found.append((width.width - width.gap * (len(row) - 1)) / sum(row))
            row = []
    filler = layout.fillers[index]
    gaps = len(row) if filler else len(row) - 1
    return [*found, (width.width - width.gap * gaps) / (sum(row) + filler)]


@pytest.mark.parametrize("widths", [justified_rows.GALLERY, justified_rows.LIBRARY])
@pytest.mark.parametrize("seed", range(5))
def test_rows_of_mixed_pictures_stay_near_their_target(
    widths: tuple[justified_rows.Width, ...], seed: int
) -> None:
    ratios = [justified_rows.clamped_ratio(ratio) for ratio in random.Random(seed).choices(RATIOS, k=200)]
    layout = justified_rows.lay_out(ratios, widths, more=True)
    for index, width in enumerate(widths):
        # A phone is so narrow that two wide pictures in a row are low, and one alone is wide enough.
        lowest = 0.5 if index == 0 else 0.6
        for height in heights(ratios, layout, index, width):
            assert lowest * width.target <= height <= 1.65 * width.target


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_single_picture_does_not_tower(ratio: float) -> None:
    shown = justified_rows.clamped_ratio(ratio)
    for more in (True, False):
        layout = justified_rows.lay_out([shown], justified_rows.GALLERY, more=more)
        for index, width in enumerate(justified_rows.GALLERY):
            (height,) = heights([shown], layout, index, width)
            assert height <= 1.65 * width.target


def test_an_empty_list_has_no_rows() -> None:
    assert justified_rows.lay_out([]).breaks == []


def test_the_last_row_ends_without_a_break() -> None:
    layout = justified_rows.lay_out([1.0] * 30)
    assert layout.breaks[-1] == ""
