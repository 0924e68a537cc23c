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

    def __init__(self, keep: int, memory_bytes: int | None, release_memory: Callable[[], None]) -> None:
        """`release_memory` runs after an eviction, to release memory of the device."""
        self._keep = keep
        self._memory = memory_bytes
        self._release_memory = release_memory
        self._entries: OrderedDict[Hashable, SizedWeights] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def get(self, key: Hashable, load: Callable[[], SizedWeights], *, needs: int = 0) -> Any:
        """The object of that key, loaded where it is missing; `needs` is an estimate of its bytes.

        Room is made before it is loaded, so that old and new need not fit side by side.
        """
        if key in self._entries:
            self._entries.move_to_end(key)
            return self._entries[key]
        self._make_room(self._keep - 1, needs)
        entry = load()
        self._entries[key] = entry
        self._make_room(self._keep, 0)
        return entry

    def drop(self, key: Hashable) -> None:
        """Evict one whose state is no longer reliable."""
        if self._entries.pop(key, None) is not None:
            self._free_memory()

    def clear(self) -> None:
        """Evict everything."""
        self._entries.clear()
        self._free_memory()

    def _make_room(self, keep: int, needs: int) -> None:
        gone = False
        # The newest stays: it is in use.
        least = 1 if needs == 0 and keep == self._keep else 0
        while len(self._entries) > least and (len(self._entries) > keep or self._is_heavy(needs)):
            self._entries.popitem(last=False)
            gone = True
        if gone:
            self._free_memory()

    def _is_heavy(self, needs: int) -> bool:
        if self._memory is None:
            return False
        return needs + sum(entry.bytes() for entry in self._entries.values()) > self._memory

    def _free_memory(self) -> None:
        gc.collect()
        self._release_memory()


def bytes_on_disk(place: str) -> int:
    """Bytes of all .safetensors below a folder, or of one file; 0 for what is not on disk."""
    path = Path(place)
    if path.is_file():
        return path.stat().st_size
    if not place.startswith("/") or not path.is_dir():
        return 0
    return sum(file.stat().st_size for file in path.rglob("*.safetensors"))
