"""Made-up prompts for a large gallery: words as unevenly used as in any language, and some planted ones.

Everything is drawn from a seed, so every run has the same.
"""

from __future__ import annotations

import itertools
import random

DISTINCT = 40_000
"""Different prompts; people make several pictures of one."""
VOCABULARY = 6_000
RARE = {"en": "zanzibar", "zh": "犀牛"}
"""Words of twenty items, wherever they are."""
RARE_ITEMS = 20
_STYLES = (
    "cinematic lighting", "oil painting", "highly detailed", "35mm photograph", "watercolour", "isometric",
    "golden hour", "studio light", "macro", "pencil sketch",
)  # fmt: skip
_THINGS = (
    "月亮",
    "屋顶上的猫",
    "雪山",
    "灯塔",
    "竹林",
    "赛博朋克城市",
    "古镇的雨夜",
    "金色的麦田",
    "海边的日落",
    "水墨画",
)
_SYLLABLES = [a + b for a, b in itertools.product("bdfgklmnprstvz", "aeiou")]


def prompts(seed: int = 7) -> list[str]:
    """The different prompts: two of three English, every fourth with Chinese."""
    dice = random.Random(seed)
    words = vocabulary(dice)
    weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(len(words))))
    made = []
    for number in range(DISTINCT):
        chosen = dice.choices(words, cum_weights=weights, k=dice.randint(5, 14))
        if number % 4 == 3:
            chosen = chosen[:3] + dice.sample(_THINGS, 2)
        made.append(f"{' '.join(chosen)}, {', '.join(dice.sample(_STYLES, 2))}")
    return made


def vocabulary(dice: random.Random) -> list[str]:
    """Words of two to four syllables, each once."""
    found: dict[str, None] = {"lighthouse": None}
    while len(found) < VOCABULARY:
        found["".join(dice.choices(_SYLLABLES, k=dice.randint(2, 4)))] = None
    return list(found)
