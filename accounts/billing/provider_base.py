"""What a payment provider is to the house. A new one is a file beside `stripe_api`, and a line in `registry`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class ProviderError(Exception):
    """The provider did not do what it was asked. `permanent`: asking again would be answered alike.

    The message is ours, for logs and staff: providers repeat keys and addresses in theirs.
    """

    def __init__(self, message: str, *, permanent: bool) -> None:
        self.permanent = permanent
        super().__init__(message)


class NotGenuine(Exception):
    """What came to the webhook was not signed by the provider, not lately, or is nothing that it sends."""


class What(StrEnum):
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
    """One event of a provider in our own words; nothing provider-shaped passes further in.

    `reference` is our purchase's, where the event carries it; `payment` the provider's id of the payment. `amount` is
    in the smallest unit of `currency`: what was paid, was paid back in all, or is disputed. `dispute` is the provider's
    id of a dispute; `at` when the provider made the event, in Unix seconds, 0 where it does not say.
    """

    id: str
    kind: str
    what: What
    reference: str = ""
    session: str = ""
    payment: str = ""
    amount: int | None = None
    currency: str = ""
    dispute: str = ""
    at: int = 0


@dataclass(frozen=True)
class Order:
    """What the provider is asked to collect. `reference` makes it happen once, however often it is asked."""

    reference: str
    name: str
    price: int
    currency: str
    email: str
    language: str
    ends_at: int
    """When the provider's page stops taking money, as a Unix time: part of the order, so that asking again asks for
    the very same."""


@dataclass(frozen=True)
class Checkout:
    """The provider's page on which one order is paid."""

    session: str
    url: str


class Provider(Protocol):
    """How the house speaks with a payment provider. Every call but `verify` goes over the network, and may block."""

    name: str
    title: str

    @property
    def page_origins(self) -> list[str]:
        """Where its pages may be, for the content policy of ours that leads there."""

    def checkout(self, order: Order, *, done: str, cancelled: str) -> Checkout:
        """Open a page for the order, the same one for the same reference. Raises ProviderError."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> Event:
        """The event in a webhook's body. Raises NotGenuine."""

    def look(self, session: str) -> Event:
        """What has become of a checkout, as the event that should have told it. Raises ProviderError."""

    def refund(self, payment: str, amount: int, *, once: str, reason: str, hurried: bool = False) -> None:
        """Pay an amount back; its event tells of it. The same `once` pays back once. Raises ProviderError.

        `hurried`: nobody waits, and other chores do.
        """

    def paid_back(self, payment: str) -> int:
        """How much of a payment has been paid back by now, failed tries left out. Raises ProviderError."""
