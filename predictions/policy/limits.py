"""How much text an input may hold."""

from __future__ import annotations

MAX_TEXT = 100_000
"""Characters of one text in an input: more than any model reads, far less than what would hurt a page."""
