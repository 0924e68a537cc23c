"""Upstreams for tests: rows with real secrets, and a clean start of what a process remembers of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from predictions.upstreams import configured


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    configured.reset()
    yield
    configured.reset()
