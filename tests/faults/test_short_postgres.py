"""The same as `test_short` on PostgreSQL; a file of its own, so that both can run side by side."""

from __future__ import annotations

import pytest

from tests.faults.harness import short
from tests.postgres import Postgres

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]


def test_it_loses_nothing_while_processes_are_killed_on_postgresql(postgres: Postgres) -> None:
    short(postgres)
