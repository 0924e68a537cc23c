from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.service import Service, running


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
