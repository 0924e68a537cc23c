"""Upstreams whatever their kind: how a key of one is configured, and what their providers have in common.

A kind (`kinds.PROVIDERS`) is an API that such services speak. Its provider is a subclass of `UpstreamProvider` with
`start`, `check`, `cancel`, `fetch`, `release` and `session`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from predictions.providers.base import Order, Provider, ProviderError

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
    kind: str = "replicate"
    """Which API it speaks: a name in `kinds.PROVIDERS`."""
    webhook_url: str = ""
    """Where they may tell us of changes; `{key}` in it becomes the order's key. Empty: they are not asked to."""
    allow_private: bool = False
    """Whether their host may be an inner one although its name does not say so."""
    reach: tuple[str, ...] = ()
    """Networks beside the public ones from which outputs may be fetched, such as `10.0.0.0/8`."""


class KeyCheck(Protocol):
    """Asks an upstream a question that starts nothing: whether it is there and takes the key."""

    async def __call__(self, config: UpstreamConfig, *, redirects_tell: bool) -> ProviderError | None:
        """None where all is well. `redirects_tell`: a person asks, who can mend the address: a redirect is an error."""


@dataclass(frozen=True)
class WebhookScheme:
    """How upstreams of a kind sign the webhooks that they send to `UpstreamConfig.webhook_url`."""

    fetch_secret: Callable[[UpstreamConfig], Awaitable[str]]
    """Asks for the secret that they are signed with; "" where there is none. Raises `ProviderError`."""
    is_signed: Callable[[str, Mapping[str, str], bytes], bool]
    """Whether a call with these headers and this body is signed with the secret, and not too long ago."""


KIND_SETTINGS = ("idempotent", "files", "webhooks")
"""Settings of upstreams that only some kinds have."""


@dataclass(frozen=True)
class ProviderKind:
    """What forms, commands and jobs must know of an API that upstreams speak."""

    label: str
    """The API's own name, the same in every language."""
    provider: type[UpstreamProvider]
    """Made from an `UpstreamConfig`."""
    check_key: KeyCheck
    settings: frozenset[str] = frozenset()
    """Which of `KIND_SETTINGS` it has; the others stay as a new upstream has them."""
    webhooks: WebhookScheme | None = None
    """None: it sends no webhooks, or none that can be verified."""


class UpstreamProvider(Provider):
    """One key of one upstream. Holds configuration only: any number of loops and threads may share it."""

    is_remote = True
    fetches_inputs = True
    repeats_exactly = False
    reports_run_time = False
    job_id_is_key = False
    keeps_its_models = False

    def __init__(self, config: UpstreamConfig) -> None:
        self.config = config
        self.name = config.name
        self.group = config.group
        self.group_limit = config.group_limit
        self.priority = config.priority
        self.weight = config.weight
        self.limit = config.limit
        self.requests_per_second = config.requests_per_second
        self.start_is_idempotent = config.idempotent

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.group!r})"

    def serves(self, model: str) -> bool:
        """Whether `owner/name` is among its routes; without routes it serves everything."""
        return self.config.routes is None or model in self.config.routes

    def takes_pictures(self, model: str) -> bool:
        """Whether it serves the model: what the model takes is its own schema's matter."""
        return self.serves(model)

    def start_limit_s(self, order: Order) -> float:
        """Time to connect and for an answer, and as long again where files go first."""
        return self.config.connect_s + self.config.read_s * (2 if order.files else 1)
