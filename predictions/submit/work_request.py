"""Data classes of a create: `Request`, its `RetryIdentity`, and the checked `Offer`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from accounts.models import Account, ApiToken, User
from predictions import policy
from predictions.inputs.files import InputFiles
from predictions.models import Version
from predictions.pricing.calculator import Quote
from predictions.submit import replays


@dataclass(frozen=True)
class Idempotency:
    """An idempotency key, and the hash of the body sent with it (64 hex digits)."""

    key: str
    body_hash: str


@dataclass(frozen=True)
class RetryIdentity:
    """How a repeated create is recognised: by the idempotency key, or by the client's retry count."""

    idempotency: Idempotency | None = None
    repeatable: replays.Repeatable | None = None

    @property
    def leaves_a_row(self) -> bool:
        """Whether a row is stored by which a repeat is recognised."""
        return self.idempotency is not None or self.repeatable is not None


@dataclass(frozen=True)
class Request:
    """One prediction to create, as parsed by an API dialect or a page. `input` is as received, with nulls."""

    account: Account
    user: User
    version: Version
    input: dict[str, Any]
    token: ApiToken | None = None
    source: Literal["api", "web"] = "api"
    deadline_s: float | None = None
    """Seconds after creation at which the caller wants it canceled."""
    webhook: str = ""
    webhook_events: tuple[str, ...] = ()
    origin: str = ""
    """`https://host` under which the caller reached this server; URLs in webhooks use it."""
    mount: str = ""
    deployment: str = ""
    """`owner/name` of the deployment through which it was requested, if any."""
    retry_identity: RetryIdentity = RetryIdentity()
    batch: str = ""
    """Shared by all predictions of one submit in the studio."""
    made_from: str = ""
    made_how: str = ""
    """How it is made from `made_from`, the public id of a gallery item (`MadeHow`)."""

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The input without its nulls."""
        return without_nulls(self.input)


def without_nulls(inputs: dict[str, Any]) -> dict[str, Any]:
    """The input without null values: null means absent, and is never passed on."""
    return {name: value for name, value in inputs.items() if value is not None}


@dataclass(frozen=True)
class Offer:
    """A request that passed every check but credit: the amount to hold and the row to insert."""

    request: Request
    quote: Quote
    input: dict[str, Any] = field(repr=False)
    """As stored: without nulls, and with the caller's token redacted."""
    files: InputFiles
    """The files that the input names."""
    flagged: tuple[policy.Finding, ...] = ()
    """Rule findings for moderators."""
