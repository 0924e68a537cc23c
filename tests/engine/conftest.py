from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.engine_service import Service, running
from tests.runner.sampling import one_in


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the tests of a file that bear `in_turn`, most of them looks at pictures of other words, a share is run."""
    alike: dict[tuple[Path, int], set[str]] = defaultdict(set)
    for item in items:
        for mark in item.iter_markers("in_turn"):
            alike[item.path, mark.args[0]].add(_name(item))
    taken = {
        (path, name)
        for (path, share), names in alike.items()
        for name in one_in(share, sorted(names), str, of=path.name)
    }
    left = [one for one in items if one.get_closest_marker("in_turn") and (one.path, _name(one)) not in taken]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [one for one in items if one not in set(left)]


def _name(item: pytest.Item) -> str:
    return str(getattr(item, "originalname", item.name))


@pytest.fixture(scope="session")
def shared_service() -> Iterator[Service]:
    """One engine for the tests of many modules, which leave it as it is."""
    with running() as service:
        yield service


@pytest.fixture(scope="session")
def single() -> Iterator[Service]:
    """Another, which paints one picture at a time."""
    with running(slots=1) as service:
        yield service


@pytest.fixture
def service(shared_service: Service) -> Service:
    """The engine for many; a module whose tests do not leave it as it is has one of its own by this name."""
    return shared_service
