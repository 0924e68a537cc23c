"""Simulation steps of payments: bought, refunded whole, in part or not after all, disputed, reported twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accounts.billing import payment_events
from accounts.billing.provider_base import Event, EventType
from accounts.models import PaymentEvent, Purchase
from tests.accounts.credits.reference_balances import Bought, Call, ReferenceBalance, numbers

PROVIDER, PRICE = "test", 100
VERBS = ("purchase", "pay_back", "bank_refuses", "dispute", "tell_again")
STATES = {
    "inquiry": EventType.INQUIRY, "open": EventType.DISPUTED, "won": EventType.DISPUTE_WON,
    "lost": EventType.DISPUTE_LOST,
}  # fmt: skip


class PaymentSteps:
    """The steps about payments; members who buy nothing are not affected."""

    name: str
    _do: Callable[[int, Call, type[Exception] | None], Any]

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.clock = 1_800_000_000

    def _event(self, what: EventType, bought: Bought | None = None, **more: Any) -> Event:
        self.clock += 1
        payment = f"pi-{bought.row.reference}" if bought is not None else ""
        event = Event(
            f"evt-{next(numbers)}-{self.name}", what.value, what, payment=payment, currency="usd", **more
        )
        self.events.append(event)
        return event

    def _purchase(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        row = self._do(crash, lambda: self._paid_for(known, amount + 1), None)
        if row:
            bought = Bought(row, gave=known.status != "closed")
            known.purchases.append(bought)
            if bought.gave:
                known.comes(amount + 1)

    def _paid_for(self, known: ReferenceBalance, amount: int) -> Purchase:
        row = Purchase.objects.create(
            account=known.account, user=known.user, credits=amount, price=PRICE, currency="usd", provider=PROVIDER,
            session=f"cs-{next(numbers)}-{self.name}",
        )  # fmt: skip
        event = Event(
            f"evt-{next(numbers)}-{self.name}", "paid", EventType.PAID, reference=row.reference, session=row.session,
            payment=f"pi-{row.reference}", amount=PRICE, currency="usd",
        )  # fmt: skip
        payment_events.receive(PROVIDER, event)
        row.refresh_from_db()
        assert row.paid_at is not None
        return row

    def _pay_back(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        """Some more of it, or all that is left; what is reported late is less than what was reported before."""
        bought = known.bought(other)
        if bought is None:
            return
        total = PRICE if amount % 5 == 0 else min(PRICE, amount * 4)
        event = self._event(EventType.REFUNDED, bought, amount=total)
        if self._do(crash, lambda: payment_events.receive(PROVIDER, event), None) is None:
            return
        if not bought.asked:
            bought.refunded = max(bought.refunded, total)
            known.level(bought)
        else:
            self._provider_says(known, bought, max(bought.refunded, total), crash)

    def _bank_refuses(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        """A payment back fails: from then on the provider is asked, who may say less than before."""
        bought = known.bought(other)
        if bought is None or not bought.refunded or amount % 3:
            return
        event = self._event(EventType.REFUND_FAILED, bought)
        if self._do(crash, lambda: payment_events.receive(PROVIDER, event), None) is not None:
            bought.asked = True
            self._provider_says(known, bought, bought.refunded * (amount % 4) // 4, crash)

    def _provider_says(self, known: ReferenceBalance, bought: Bought, total: int, crash: int) -> None:
        row = Purchase.objects.get(pk=bought.row.pk)
        if (
            self._do(crash, lambda: payment_events.set_refunded(row, total, asked_at=row.look_at), None)
            is not None
        ):
            bought.refunded = total
            known.level(bought)

    def _dispute(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        """A new one or one of before, of a part or the whole, in any state, seldom reported out of order."""
        bought = known.bought(other)
        if bought is None:
            return
        number = f"dp-{amount % 3}"
        before = bought.disputes.get(number)
        state = (
            ("open", "won", "lost", "inquiry")[other // 4 % 4]
            if before
            else ("open", "inquiry", "lost")[other % 3]
        )
        part = PRICE if amount % 7 == 0 else amount * 5
        event = self._event(STATES[state], bought, amount=part, dispute=number, at=self.clock)
        if other % 11 == 0:
            event = Event(**(event.__dict__ | {"at": 1_700_000_000}))
        if self._do(crash, lambda: payment_events.receive(PROVIDER, event), None) is None:
            return
        if before is None or event.at >= before[2]:
            bought.disputes[number] = (state, min(part, PRICE), event.at)
            known.level(bought)

    def _tell_again(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        """An event that was applied before changes nothing."""
        seen = [event for event in self.events[-50:] if self._was_done(event)]
        if seen:
            event = seen[other % len(seen)]
            assert self._do(crash, lambda: payment_events.receive(PROVIDER, event), None) in {
                payment_events.SEEN,
                None,
            }

    def _was_done(self, event: Event) -> bool:
        return PaymentEvent.objects.filter(provider=PROVIDER, event_id=event.id).exists()
