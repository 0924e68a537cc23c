"""Programs of ours that load no Django: their command line, and how they find our packages."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import predictions


def command(module: str, *words: str) -> list[str]:
    """The command line of a module of ours; it wants `python_path()` in its environment."""
    return [sys.executable, "-P", "-m", module, *words]


def python_path() -> dict[str, str]:
    """Where such a program, started in whatever folder, finds our packages."""
    root = str(Path(predictions.__file__).resolve().parent.parent)
    known = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one and one != root]
    return {"PYTHONPATH": os.pathsep.join([root, *known])}
