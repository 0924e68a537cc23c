"""Warm pipelines: which are kept, which let go."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from engine.local.models.pipeline_cache import PipelineCache


@dataclass
class Thing:
    size: int = 1

    def bytes(self) -> int:
        return self.size


class Loads:
    """Counts what is loaded, and how often memory was given back."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.tidied = 0

    def shelf(self, keep: int, memory: int | None = None) -> PipelineCache:
        return PipelineCache(keep, memory, self.tidy)

    def tidy(self) -> None:
        self.tidied += 1

    def get(self, shelf: PipelineCache, name: str, size: int = 1, needs: int = 0) -> Thing:
        def load() -> Thing:
            self.names.append(name)
            return Thing(size)

        return shelf.get(name, load, needs=needs)


@pytest.fixture
def loads() -> Loads:
    return Loads()


def test_what_is_warm_is_not_loaded_again(loads: Loads) -> None:
    shelf = loads.shelf(2)
    assert loads.get(shelf, "a") is loads.get(shelf, "a")
    assert loads.names == ["a"]


def test_the_least_recently_used_goes_first(loads: Loads) -> None:
    shelf = loads.shelf(2)
    for name in ("a", "b", "a", "c"):
        loads.get(shelf, name)
    assert "a" in shelf and "c" in shelf and "b" not in shelf
    assert loads.tidied == 1


def test_room_is_made_before_the_next_is_loaded(loads: Loads) -> None:
    shelf = loads.shelf(8, memory=10)
    loads.get(shelf, "a", size=6)
    before: list[bool] = []

    def load() -> Thing:
        before.append("a" in shelf)
        return Thing(7)

    shelf.get("b", load, needs=7)
    assert before == [False]


def test_what_turned_out_heavier_than_thought_pushes_others_out(loads: Loads) -> None:
    shelf = loads.shelf(8, memory=10)
    loads.get(shelf, "a", size=6)
    loads.get(shelf, "b", size=6)
    assert "a" not in shelf and "b" in shelf


def test_the_one_in_use_stays_however_heavy_it_is(loads: Loads) -> None:
    shelf = loads.shelf(1, memory=10)
    loads.get(shelf, "a", size=99, needs=99)
    assert "a" in shelf


def test_one_that_failed_to_load_leaves_no_trace(loads: Loads) -> None:
    shelf = loads.shelf(2)

    def load() -> Thing:
        raise OSError

    with pytest.raises(OSError):
        shelf.get("a", load)
    assert "a" not in shelf
    loads.get(shelf, "a")
    shelf.drop("a")
    assert "a" not in shelf
