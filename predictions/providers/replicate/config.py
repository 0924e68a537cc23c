"""How one key of one upstream is reached, and what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FilesMode = Literal["auto", "url", "upload", "data"]

SAME = "="
"""As a route's version: the version that the order names, whichever it is."""


@dataclass(frozen=True)
class Route:
    """What one of our models is called there."""

    name: str
    """`owner/name` there."""
    version: str
    """Their version's id as their API takes it; "" creates by name; `SAME`: the order's own, by name without one."""


@dataclass(frozen=True)
class UpstreamConfig:
    """One key of one upstream. Never shows its secret, whatever prints it."""

    name: str
    """The provider's name, unique among all."""
    group: str
    """The upstream's name: its keys share `group_limit`."""
    url: str
    """Base of their API with its version path, without a slash at the end."""
    secret: str = field(repr=False)
    idempotent: bool
    """Whether they honour `Idempotency-Key`."""
    limit: int
    group_limit: int
    requests_per_second: float
    connect_s: float
    read_s: float
    """Seconds for a whole answer, and for each pause within an output file."""
    files: FilesMode
    routes: Mapping[str, Route] | None
    """By our `owner/name`; None: every model, under its own name and version."""
    priority: int
    weight: int
    webhook_url: str = ""
    """Where they may tell us of changes; `{key}` in it becomes the order's key. Empty: they are not asked to."""
    allow_private: bool = False
    """Whether their host may be an inner one although its name does not say so."""
    reach: tuple[str, ...] = ()
    """Networks beside the public ones from which outputs may be fetched, such as `10.0.0.0/8`."""
