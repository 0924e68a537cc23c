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
    """Whether every case is to be tried."""
    return os.environ.get(WHOLE) == "1"


def one_in(share: int, cases: Iterable[Case], name: Callable[[Case], Any] = repr) -> list[Case]:
    """About one in `share` of the cases, in their order, and at least one.

    `name` is what a case is told by, the same in each process and run: no id of an object, no token, no row's number.
    """
    listed = list(cases)
    if is_whole():
        return listed
    numbers = [zlib.crc32(f"{os.environ.get(TURN, '')} {name(case)}".encode()) for case in listed]
    chosen = [case for case, number in zip(listed, numbers, strict=True) if number % share == 0]
    return chosen or listed[:1]
