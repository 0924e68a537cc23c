"""How the loopback service behaves when nothing goes wrong."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path

TOKEN = "r8_loopbackLOOPBACKloopbackLOOPBACK00001"
"""The API token that callers may use unless others are named."""


@dataclass
class Settings:
    """Seconds, limits and habits; every one may be changed while it runs."""

    seconds: float = 0.0
    """How long a run takes: a third of it `starting`, the rest `processing`."""
    idempotent: bool = True
    """Whether a repeated Idempotency-Key finds the first prediction again."""
    tokens: frozenset[str] = field(default_factory=lambda: frozenset({TOKEN}))
    """Empty: any."""
    rate: float = 0.0
    """Creates a second; above it 429. 0: no limit."""
    limit: int = 0
    """Predictions under way at once; above it 429. 0: no limit."""
    seed: int = 1
    """Of the chances of faults."""
    hooks: bool = True
    """Whether webhooks are sent at all."""
    most: int = 200_000
    """Predictions and rows of the journal that are remembered."""
    journal: Path | None = None
    """A file that gets every row of the journal at once, so that a kill loses none."""
    note_calls: bool = True
    """Whether every call is a row of the journal, or only starts, uploads, webhooks and faults."""

    @property
    def secret(self) -> str:
        """By which webhooks are signed: `whsec_` and 32 bytes in Base64."""
        return "whsec_" + base64.b64encode(f"loopback upstream secret {self.seed:07d}".encode()).decode()
