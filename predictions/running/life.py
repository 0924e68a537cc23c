"""Liveness: a byte that a part writes into its supervisor's pipe; who writes none for too long is killed and replaced.

Plain Python. No database is asked, so that one that is away makes nobody look dead.
"""

from __future__ import annotations

import contextlib
import os

VARIABLE = "DARKROOM_LIFE_FD"


def sign() -> None:
    """Say that this process does its work. Never waits and never fails; without a supervisor nothing happens."""
    text = os.environ.get(VARIABLE, "")
    if text.isdigit():
        # Full: the supervisor has enough to read. Closed: this process is about to be ended.
        with contextlib.suppress(OSError):
            os.write(int(text), b"\0")
