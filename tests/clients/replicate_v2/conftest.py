"""The client under test here, strict with every answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.suite import Suite


def pytest_ignore_collect(collection_path: Any) -> bool | None:
    """Elsewhere `replicate` is the present generation, which has none of these names."""
    import replicate

    return True if collection_path.name.startswith("test_") and not hasattr(replicate, "Replicate") else None


@pytest.fixture
def base_url(suite: Suite, mount: str) -> str:
    return suite.url + mount


@pytest.fixture
def client(suite: Suite, base_url: str) -> Any:
    return client_of(suite, base_url)


def client_of(suite: Suite, base_url: str, role: str = "funded", **options: Any) -> Any:
    """A client that also checks each answer against what it expects."""
    import replicate

    return replicate.Replicate(
        bearer_token=suite.tokens.get(role, role),
        base_url=base_url,
        _strict_response_validation=True,
        **options,
    )
