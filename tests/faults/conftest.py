"""What the fault tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import NoPostgres, Postgres
from tests.servers import installation_template


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A migrated PostgreSQL of the test's own, which it may restart; skipped where there is none."""
    try:
        server = Postgres(installation_template.postgres())
    except NoPostgres as error:
        pytest.skip(str(error))
    with server as running:
        yield running
