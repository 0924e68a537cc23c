"""Upstreams of any kind: the configuration of one key, and the base class of their providers.

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
"""As a route's version: the version that the order names."""


@dataclass(frozen=True)
class Route:
    """The upstream's name and version of one of our models."""

    name: str
    """`owner/name` there."""
    version: str
    """The upstream's version id; "" creates by name; `SAME`: the order's own version, by name where it has none."""


@dataclass(frozen=True)
class UpstreamConfig:
    """One key of one upstream. Its repr omits the secret."""

    name: str
    """The provider's name, unique among all."""
    group: str
    """The upstream's name: its keys share `group_limit`."""
    url: str
    """Base URL of the API with its version path, without a trailing slash."""
    secret: str = field(repr=False)
    idempotent: bool
    """Whether the service honours `Idempotency-Key`."""
    limit: int
    group_limit: int
    requests_per_second: float
    connect_s: float
    read_s: float
    """Seconds for a complete response, and for each pause within an output file."""
    files: FilesMode
    routes: Mapping[str, Route] | None
    """By our `owner/name`; None: every model, under its own name and version."""
    priority: int
    weight: int
    kind: str = "replicate"
    """Which API it speaks: a name in `kinds.PROVIDERS`."""
    webhook_url: str = ""
    """Webhook URL for the service; `{key}` in it becomes the order's key. Empty: no webhooks are requested."""
    allow_private: bool = False
    """Whether the host may resolve to a private address."""
    reach: tuple[str, ...] = ()
    """Private networks from which outputs may be fetched too, such as `10.0.0.0/8`."""


class KeyCheck(Protocol):
    """Health check of an upstream by a request that starts nothing: whether it is reachable and accepts the key."""

    async def __call__(self, config: UpstreamConfig, *, redirect_is_error: bool) -> ProviderError | None:
        """None where all is well. `redirect_is_error`: a redirect is an error: a person who can fix the URL asks."""


@dataclass(frozen=True)
class WebhookScheme:
    """Signatures of the webhooks that upstreams of a kind send to `UpstreamConfig.webhook_url`."""

    fetch_secret: Callable[[UpstreamConfig], Awaitable[str]]
    """Fetches the signing secret; "" where there is none. Raises `ProviderError`."""
    is_signed: Callable[[str, Mapping[str, str], bytes], bool]
    """Whether these headers and this body are signed with the secret, recently enough."""


KIND_SETTINGS = ("idempotent", "files", "webhooks")
"""Upstream settings that only some kinds have."""


@dataclass(frozen=True)
class ProviderKind:
    """Properties of an upstream API for forms, commands and jobs."""

    label: str
    """The API's own name, the same in every language."""
    provider: type[UpstreamProvider]
    """The provider class; called with an `UpstreamConfig`."""
    check_key: KeyCheck
    settings: frozenset[str] = frozenset()
    """The `KIND_SETTINGS` that it has; the others keep their defaults."""
    webhooks: WebhookScheme | None = None
    """None where it sends no webhooks, or none that can be verified."""


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
        """Whether it serves the model; whether the model takes images is up to its schema."""
        return self.serves(model)

    def start_limit_s(self, order: Order) -> float:
        """Seconds to connect and respond, doubled where files are uploaded first."""
        return self.config.connect_s + self.config.read_s * (2 if order.files else 1)
