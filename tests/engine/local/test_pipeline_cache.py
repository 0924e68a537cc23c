"""The cache of warm pipelines: retention and eviction."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from engine.local.models.pipeline_cache import PipelineCache


@dataclass
class SizedEntry:
    size: int = 1

    def bytes(self) -> int:
        return self.size


class Loads:
    """Counts loads, and releases of memory."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.releases = 0

    def make_cache(self, keep: int, memory: int | None = None) -> PipelineCache:
        return PipelineCache(keep, memory, self.release_memory)

    def release_memory(self) -> None:
        self.releases += 1

    def get(self, cache: PipelineCache, name: str, size: int = 1, needs: int = 0) -> SizedEntry:
        def load() -> SizedEntry:
            self.names.append(name)
            return SizedEntry(size)

        return cache.get(name, load, needs=needs)


@pytest.fixture
def loads() -> Loads:
    return Loads()


def test_what_is_warm_is_not_loaded_again(loads: Loads) -> None:
    cache = loads.make_cache(2)
    assert loads.get(cache, "a") is loads.get(cache, "a")
    assert loads.names == ["a"]


def test_the_least_recently_used_goes_first(loads: Loads) -> None:
    cache = loads.make_cache(2)
    for name in ("a", "b", "a", "c"):
        loads.get(cache, name)
    assert "a" in cache and "c" in cache and "b" not in cache
    assert loads.releases == 1


def test_room_is_made_before_the_next_is_loaded(loads: Loads) -> None:
    cache = loads.make_cache(8, memory=10)
    loads.get(cache, "a", size=6)
    before: list[bool] = []

    def load() -> SizedEntry:
        before.append("a" in cache)
        return SizedEntry(7)

    cache.get("b", load, needs=7)
    assert before == [False]


def test_what_turned_out_heavier_than_thought_pushes_others_out(loads: Loads) -> None:
    cache = loads.make_cache(8, memory=10)
    loads.get(cache, "a", size=6)
    loads.get(cache, "b", size=6)
    assert "a" not in cache and "b" in cache


def test_the_one_in_use_stays_however_heavy_it_is(loads: Loads) -> None:
    cache = loads.make_cache(1, memory=10)
    loads.get(cache, "a", size=99, needs=99)
    assert "a" in cache


def test_one_that_failed_to_load_leaves_no_trace(loads: Loads) -> None:
    cache = loads.make_cache(2)

    def load() -> SizedEntry:
        raise OSError

    with pytest.raises(OSError):
        cache.get("a", load)
    assert "a" not in cache
    loads.get(cache, "a")
    cache.drop("a")
    assert "a" not in cache
