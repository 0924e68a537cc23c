"""A CSV file that a page answers, read as a spreadsheet reads it."""

from __future__ import annotations

import csv
import io
from typing import Any


def rows_of(answer: Any) -> list[dict[str, str]]:
    """Its rows, by the names of their columns."""
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
