"""Faults as a tired engineer makes them, one at a time, to see whether the suite notices: `python -m tests.mutants`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One fault: `old` stands once in `file` and becomes `new`. The tests named are those that ought to notice it."""

    file: str
    old: str
    new: str
    breaks: str
    """What it breaks, in a sentence."""
    tests: tuple[str, ...]
    """Files or folders, those that notice it first in front."""
    on_postgres: bool = False
    """Whether SQLite, which has one writer at a time, cannot notice it."""
