from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.service import Service, running


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """One engine for the tests of many modules, which leave it as it is; others have one of their own."""
    with running() as service:
        yield service
