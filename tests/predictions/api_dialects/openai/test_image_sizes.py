"""`size` as a model's own inputs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.api_dialects.openai import image_sizes
from predictions.api_dialects.openai.image_sizes import NoSuchSize, Size

SIDES = list(range(64, 1025, 64))
ENUM = {"width": {"enum": SIDES}, "height": {"enum": SIDES}}
FREE: dict[str, dict[str, Any]] = {"width": {}, "height": {}}
LIMITED = {name: {"minimum": 256, "maximum": 1000} for name in ("width", "height")}
RATIOS = {"aspect_ratio": {"enum": ["custom", "1:1", "16:9", "3:2", "2:3", "9:16"]}}


@pytest.mark.parametrize(
    ("text", "properties", "expected"),
    [
        ("1024x1024", ENUM, {"width": 1024, "height": 1024}),
        ("500x700", ENUM, {"width": 512, "height": 704}),
        ("1536x1024", FREE, {"width": 1536, "height": 1024}),
        ("1001x1003", FREE, {"width": 1000, "height": 1000}),
        ("16x512", LIMITED, {"width": 256, "height": 512}),
        ("1024x1024", RATIOS, {"aspect_ratio": "1:1"}),
        ("1792x1024", RATIOS, {"aspect_ratio": "16:9"}),
        ("1024x1536", RATIOS, {"aspect_ratio": "2:3"}),
    ],
)
def test_it_takes_the_nearest_that_the_model_has(
    text: str, properties: dict[str, Any], expected: dict[str, Any]
) -> None:
    size = image_sizes.parse(text)
    assert size is not None
    assert image_sizes.inputs_for(size, properties) == expected


def test_a_size_too_large_shrinks_and_keeps_its_shape() -> None:
    assert image_sizes.inputs_for(Size(1792, 1024), ENUM) == {"width": 1024, "height": 576}
    assert image_sizes.inputs_for(Size(2000, 1000), LIMITED) == {"width": 1000, "height": 496}
    assert image_sizes.inputs_for(Size(1000, 2000), LIMITED) == {"width": 496, "height": 1000}


@given(st.integers(16, 8192), st.integers(16, 8192))
def test_a_limited_model_is_never_asked_for_more_than_it_takes(width: int, height: int) -> None:
    found = image_sizes.inputs_for(Size(width, height), LIMITED)
    assert all(256 <= side <= 1000 and side % 8 == 0 for side in found.values())


@pytest.mark.parametrize(
    "text", ["", "1024", "x", "1024x", "-1x5", "1024X1024", "8x8", "99999x16", "9999x9999", "١٢٨x١٢٨"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(NoSuchSize, match="WIDTHxHEIGHT"):
        image_sizes.parse(text)


def test_auto_leaves_it_to_the_model() -> None:
    assert image_sizes.parse("auto") is None


def test_a_model_without_sizes_is_not_asked_for_one() -> None:
    with pytest.raises(NoSuchSize, match="no size"):
        image_sizes.inputs_for(Size(64, 64), {"prompt": {}})
