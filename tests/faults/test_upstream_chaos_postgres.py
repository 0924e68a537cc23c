"""The same as `test_upstream_chaos` on PostgreSQL; a file of its own, so that both can run side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.upstream_chaos import short
from tests.postgres import Postgres

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]


def test_nothing_is_charged_for_nothing_or_started_twice_on_postgresql(
    postgres: Postgres, tmp_path: Path
) -> None:
    short(tmp_path, postgres)
