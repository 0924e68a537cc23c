"""The share of many alike cases that one run tries: `one_in(4, cases)`. `script/test --whole` tries them all.

A crawl that puts every word into every field of every page costs minutes; most of what it can find of a change it finds
in a part of them too. Which part is tried changes with the commit, so that a week of commits tries the whole; the same
commit always tries the same.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Case = TypeVar("Case")

WHOLE = "DARKROOM_TEST_WHOLE"
"""The variable that, as 1, has every case tried."""
TURN = "DARKROOM_TEST_TURN"
"""The variable with the word that decides which cases are tried: `script/test` says the commit."""


def is_whole() -> bool:
    """Whether this run tries every case."""
    return os.environ.get(WHOLE) == "1"


def short_or_whole(short: int, long: int) -> int:
    """How many steps, kills or repeats are enough: `long` in a run that tries everything."""
    return long if is_whole() else short


def one_in(share: int, cases: Iterable[Case], name: Callable[[Case], Any] = repr, of: Any = "") -> list[Case]:
    """About one in `share` of the cases, in their order, and at least one.

    `name` identifies a case, the same in each process and run: no id of an object, no token, no row's number.
    `of` is what the cases belong to, such as a field or an address: of each of these others are tried.
    """
    listed = list(cases)
    if is_whole():
        return listed
    return [case for case in listed if _number(of, name(case)) % share == 0] or one_of(listed, name, of)


def one_of(cases: Iterable[Case], name: Callable[[Case], Any] = repr, of: Any = "") -> list[Case]:
    """A single one of the cases, in a list; all of them in a run that tries everything. `name` and `of` as above."""
    listed = list(cases)
    if is_whole() or not listed:
        return listed
    return [min(listed, key=lambda case: _number(of, name(case)))]


def one_in_each(
    share: int, cases: Iterable[Case], kind: Callable[[Case], Any], name: Callable[[Case], Any] = repr
) -> list[Case]:
    """About one in `share` of the cases of each kind, and at least one: a mistake in one place is still seen."""
    kinds: dict[Any, list[Case]] = {}
    for case in cases:
        kinds.setdefault(kind(case), []).append(case)
    return [case for of, alike in kinds.items() for case in one_in(share, alike, name, of=of)]


def _number(of: Any, name: Any) -> int:
    words = (os.environ.get(TURN, ""), *((of,) if of != "" else ()), name)
    return zlib.crc32(" ".join(map(str, words)).encode())
