"""Data classes of a create: what is asked for, how a retry is recognised, and what passed all checks."""

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
    """A caller's key for one create, and the hash of the body that came with it (64 hex digits)."""

    key: str
    body_hash: str


@dataclass(frozen=True)
class RetryIdentity:
    """How a create that was sent before is known again: by the caller's key, or by its client's count of repeats."""

    idempotency: Idempotency | None = None
    repeatable: replays.Repeatable | None = None

    @property
    def leaves_a_row(self) -> bool:
        """Whether the create is noted, so that it is known again."""
        return self.idempotency is not None or self.repeatable is not None


@dataclass(frozen=True)
class Request:
    """One prediction to be made, as a dialect or a page understood it. `input` is as it came, nulls and all."""

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
    """`https://host` under which the caller reached us; webhooks carry addresses under it."""
    mount: str = ""
    deployment: str = ""
    """`owner/name` of the alias that it came by."""
    again: RetryIdentity = RetryIdentity()
    batch: str = ""
    """The same for all predictions of one press in the studio."""
    made_from: str = ""
    made_how: str = ""
    """The public id of the gallery's item that it is made from, and how (`MadeHow`)."""

    @cached_property
    def given(self) -> dict[str, Any]:
        """The input without its nulls."""
        return without_nulls(self.input)


def without_nulls(given: dict[str, Any]) -> dict[str, Any]:
    """An optional key with a null counts as not given, and is never passed on."""
    return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Offer:
    """A request that passed every check but credit: what will be held, and what is inserted."""

    request: Request
    quote: Quote
    input: dict[str, Any] = field(repr=False)
    """As it is kept: without nulls, and without the caller's token."""
    files: InputFiles
    """Those that the input names."""
    flagged: tuple[policy.Finding, ...] = ()
    """What a moderator is to see of it."""
