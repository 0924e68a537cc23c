"""Kills in a working house, in short. The long form is `python -m tests.faults.long`."""

from __future__ import annotations

import pytest

from tests.faults.harness import short

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]


def test_it_loses_nothing_while_processes_are_killed() -> None:
    short()
