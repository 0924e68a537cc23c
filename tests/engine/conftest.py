from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.engine_service import Service, running
from tests.runner.sampling import one_in


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run only a sample of the tests marked `in_turn` in each file: most repeat one check with other prompts."""
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
    """An engine shared by modules whose tests do not change its state."""
    with running() as service:
        yield service


@pytest.fixture(scope="session")
def single() -> Iterator[Service]:
    """A second engine with a single slot."""
    with running(slots=1) as service:
        yield service


@pytest.fixture
def service(shared_service: Service) -> Service:
    """The shared engine; modules whose tests change its state override this fixture."""
    return shared_service
