"""Safety flags of upstreams, in every form in which they are reported."""

from __future__ import annotations

from typing import Any

import pytest

from predictions.providers.base import OutputRef
from predictions.providers.replicate import safety_flags

REFS = [OutputRef(f"out-{n}.png", "image/png", f"https://x.example/{n}.png") for n in range(2)]
ENTRIES = [{"url": "https://x.example/0.png"}, {"url": "https://x.example/1.png", "nsfw": True}]


@pytest.mark.parametrize(
    ("data", "output", "said"),
    [
        ({}, [], [False, False]),
        ({"has_nsfw_concepts": [False, True]}, [], [False, True]),
        ({"nsfw_content_detected": True}, [], [True, True]),
        ({"nsfw_content_detected": False}, [], [False, False]),
        ({"metrics": {"nsfw_content_detected": [True, False]}}, [], [True, False]),
        ({}, {"images": [], "has_nsfw_concepts": [1, 0]}, [True, False]),
        ({}, ENTRIES, [False, True]),
        ({}, {"images": ENTRIES}, [False, True]),
        ({"has_nsfw_concepts": [True]}, [], [False, False]),
        ({"nsfw": "no"}, "text", [False, False]),
        ({"nsfw": {"odd": 1}, "metrics": 3}, 5, [False, False]),
    ],
)
def test_it_is_kept_by_the_place_of_each_picture(data: dict[str, Any], output: Any, said: list[bool]) -> None:
    assert [ref.sensitive for ref in safety_flags.with_safety_flags(REFS, data, output)] == said
