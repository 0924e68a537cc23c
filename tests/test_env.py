"""What the address of a database says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config import env


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", 5), ("?prepare_threshold=off", None), ("?prepare_threshold=1&sslmode=require", 1)],
)
def test_postgresql_prepares_what_comes_again_unless_it_is_told_not_to(
    query: str, expected: int | None
) -> None:
    made: Any = env.database(f"postgres://darkroom@127.0.0.1/darkroom{query}", Path("unused"))

    assert made["OPTIONS"]["prepare_threshold"] == expected
    assert ("sslmode" in made["OPTIONS"]) is ("sslmode" in query)
