"""Interface of payment providers. A new one is a module beside `stripe_api` and a branch in `provider_registry`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class ProviderError(Exception):
    """The provider did not do what it was asked. `permanent`: a retry would fail the same way.

    The message is ours, for logs and staff: providers repeat keys and addresses in theirs.
    """

    def __init__(self, message: str, *, permanent: bool) -> None:
        self.permanent = permanent
        super().__init__(message)


class InvalidWebhook(Exception):
    """A webhook request that is not signed by the provider, too old, or not one of its events."""


class EventType(StrEnum):
    """What an event means to us."""

    PAID = "paid"
    WAITING = "waiting"
    NOT_PAID = "not paid"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund failed"
    INQUIRY = "inquiry"
    DISPUTED = "disputed"
    DISPUTE_WON = "dispute won"
    DISPUTE_LOST = "dispute lost"
    OTHER = "other"


@dataclass(frozen=True)
class Event:
    """One event of a provider in our own terms; no provider-specific data passes further in.

    `reference` is our purchase's, where the event carries it; `payment` the provider's payment id. `amount` is in the
    smallest unit of `currency`: paid, refunded in all, or disputed. `dispute` is the provider's dispute id; `at` when
    the provider created the event, in Unix seconds, 0 where it does not say.
    """

    id: str
    kind: str
    type: EventType
    reference: str = ""
    session: str = ""
    payment: str = ""
    amount: int | None = None
    currency: str = ""
    dispute: str = ""
    at: int = 0


@dataclass(frozen=True)
class Order:
    """What the provider is to collect. `reference` makes it idempotent."""

    reference: str
    name: str
    price: int
    currency: str
    email: str
    language: str
    ends_at: int
    """When the checkout page stops taking payment, in Unix seconds; part of the order, so that a retry is identical."""


@dataclass(frozen=True)
class Checkout:
    """The provider's page on which one order is paid."""

    session: str
    url: str


class Provider(Protocol):
    """A payment provider. Every call but `verify` uses the network and may block."""

    name: str
    title: str

    @property
    def page_origins(self) -> list[str]:
        """Origins of its pages, for our Content-Security-Policy."""

    def checkout(self, order: Order, *, success_url: str, cancel_url: str) -> Checkout:
        """Open a checkout page, the same one for the same reference. Raises ProviderError."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> Event:
        """Verify a webhook's signature and parse its event. Raises InvalidWebhook."""

    def fetch_state(self, session: str) -> Event:
        """The state of a checkout, as the event that should have reported it. Raises ProviderError."""

    def refund(self, payment: str, amount: int, *, once: str, reason: str, hurried: bool = False) -> None:
        """Refund an amount, once for each `once`; an event reports it. Raises ProviderError.

        `hurried`: use a short timeout, in a periodic job that holds up others.
        """

    def refunded_amount(self, payment: str) -> int:
        """The amount of a payment refunded so far, failed refunds excluded. Raises ProviderError."""
