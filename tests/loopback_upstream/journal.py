"""What happened, in order: every start, call, upload and webhook."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any


class Journal:
    """Rows {"at", "what", …}, the newest `most` of them; also in a file, line by line, where one is named.

    Tokens are never written, only their last four signs.
    """

    def __init__(self, most: int, path: Path | None = None) -> None:
        self.rows: deque[dict[str, Any]] = deque(maxlen=most)
        self._file = path.open("a", encoding="utf-8", buffering=1) if path else None

    def note(self, what: str, **fields: Any) -> None:
        """One more row."""
        row = {"at": round(time.time(), 4), "what": what, **fields}
        self.rows.append(row)
        if self._file:
            self._file.write(json.dumps(row) + "\n")

    def of(self, what: str) -> list[dict[str, Any]]:
        """The rows of one kind: start, replay, call, fault, upload, cancel, hook, output, end."""
        return [row for row in list(self.rows) if row["what"] == what]

    def clear(self) -> None:
        """Forget the rows."""
        self.rows.clear()

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()


def starts(rows: list[dict[str, Any]]) -> Counter[str]:
    """How many predictions were really started for each Idempotency-Key ("" for those without one)."""
    return Counter(row["key"] for row in rows if row["what"] == "start")


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a journal's file; a last line that a kill cut off is left out."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
