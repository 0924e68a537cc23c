"""LRU cache of one worker's warm pipelines, limited by number and by bytes of weights."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Protocol


class SizedWeights(Protocol):
    """A cached object with a size."""

    def bytes(self) -> int:
        """Bytes of its weights."""
        ...


class PipelineCache:
    """Holds at most `keep` objects and `memory_bytes` of weights, not counting the one being requested."""

    def __init__(self, keep: int, memory_bytes: int | None, tidy: Callable[[], None]) -> None:
        """`tidy` runs after an eviction, to release memory of the device."""
        self._keep = keep
        self._memory = memory_bytes
        self._tidy = tidy
        self._things: OrderedDict[Hashable, SizedWeights] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._things

    def get(self, key: Hashable, load: Callable[[], SizedWeights], *, needs: int = 0) -> Any:
        """The object of that key, loaded where it is missing; `needs` is an estimate of its bytes.

        Room is made before it is loaded, so that old and new need not fit side by side.
        """
        if key in self._things:
            self._things.move_to_end(key)
            return self._things[key]
        self._make_room(self._keep - 1, needs)
        thing = load()
        self._things[key] = thing
        self._make_room(self._keep, 0)
        return thing

    def drop(self, key: Hashable) -> None:
        """Evict one whose state is no longer reliable."""
        if self._things.pop(key, None) is not None:
            self._swept()

    def clear(self) -> None:
        """Evict everything."""
        self._things.clear()
        self._swept()

    def _make_room(self, keep: int, needs: int) -> None:
        gone = False
        # The newest stays: it is in use.
        least = 1 if needs == 0 and keep == self._keep else 0
        while len(self._things) > least and (len(self._things) > keep or self._is_heavy(needs)):
            self._things.popitem(last=False)
            gone = True
        if gone:
            self._swept()

    def _is_heavy(self, needs: int) -> bool:
        if self._memory is None:
            return False
        return needs + sum(thing.bytes() for thing in self._things.values()) > self._memory

    def _swept(self) -> None:
        gc.collect()
        self._tidy()


def bytes_on_disk(place: str) -> int:
    """Bytes of all .safetensors below a folder, or of one file; 0 for what is not on disk."""
    path = Path(place)
    if path.is_file():
        return path.stat().st_size
    if not place.startswith("/") or not path.is_dir():
        return 0
    return sum(file.stat().st_size for file in path.rglob("*.safetensors"))
