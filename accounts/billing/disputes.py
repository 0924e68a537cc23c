"""Disputes of payments: one row each, updated by provider events, which may be repeated, late and out of order.

Of two events the one the provider created later counts; within the same second the one whose state is further on:
inquiry, then open, then won or lost. An event that adds nothing changes nothing.
"""

from __future__ import annotations

from accounts.billing import clawback
from accounts.billing.provider_base import Event, EventType
from accounts.models import Dispute, Purchase

State = Dispute.State
STATES: dict[EventType, Dispute.State] = {
    EventType.INQUIRY: State.INQUIRY,
    EventType.DISPUTED: State.OPEN,
    EventType.DISPUTE_WON: State.WON,
    EventType.DISPUTE_LOST: State.LOST,
}
_FURTHER = {State.INQUIRY: 0, State.OPEN: 1, State.WON: 2, State.LOST: 2}


def apply(purchase: Purchase, event: Event) -> str:
    """Apply a dispute event to a purchase whose account and row are locked; returns the outcome in words for staff."""
    state = STATES[event.type]
    amount = min(purchase.price if event.amount is None else event.amount, purchase.price)
    row = Dispute.objects.filter(purchase=purchase, number=event.dispute).first()
    if row is None:
        Dispute.objects.create(
            purchase=purchase, number=event.dispute, amount=amount, state=state, told_at=event.at
        )
    elif _is_stale(row, state, event.at):
        return f"nothing: the dispute is {row.state} {event.dispute}".strip()
    else:
        Dispute.objects.filter(pk=row.pk).update(
            amount=amount, state=state, told_at=max(row.told_at, event.at)
        )
    return f"{event.type.value}: {clawback.apply(purchase, 'dispute')} {event.dispute}".strip()


def _is_stale(row: Dispute, state: Dispute.State, at: int) -> bool:
    """Whether an event was created before the row's newest one; by state where the times do not decide."""
    if at and row.told_at and at != row.told_at:
        return at < row.told_at
    return _FURTHER[state] < _FURTHER[State(row.state)]
