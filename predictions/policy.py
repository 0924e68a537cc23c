"""Rules on prompts and inputs that every door passes. Moderation will fill the tables behind it."""

from __future__ import annotations

from typing import Any

from predictions.validation import Fault

MAX_TEXT = 100_000
"""Characters of one text in an input: more than any model reads, far less than what would hurt a page."""


def objections(given: dict[str, Any]) -> list[Fault]:
    """What this server does not allow in an input, in words a member understands."""
    return [
        Fault("string_lte", f"input.{name}", f"String length must be less than or equal to {MAX_TEXT}")
        for name, value in given.items()
        if isinstance(value, str) and len(value) > MAX_TEXT and not value.startswith("data:")
    ]
