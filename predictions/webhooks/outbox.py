"""Webhooks that are owed, and to whom. Rows are written inside the transaction of the change, and sent afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.models import Account, User
from accounts.personal_accounts import personal_account
from core.jobs import wakeups
from predictions.models import Delivery, Prediction

EVENTS = ("start", "output", "logs", "completed")
LASTING = ("start", "completed")
"""Events that are tried again; the others are sent once, because a newer one says more."""
THROTTLE = timedelta(milliseconds=500)
NEWER = gettext_noop("A newer event took its place")
CLOSED = gettext_noop("Not sent, because the account was closed")
GONE = gettext_noop("Not sent, because the receiver said that it is gone for good")


def enqueue(prediction_id: int, event: str) -> None:
    """Owe the webhook of an event, where the caller asked for it. Call it inside the change's transaction."""
    row = (
        # Nothing is sent for a banned user.
        Prediction.objects.filter(pk=prediction_id, user__is_active=True)
        .exclude(webhook="")
        .values_list("webhook_events", "account_id")
    )
    found = row.first()
    if found is None or event not in found[0]:
        return
    account_id = found[1]
    if event in LASTING:
        if event == "completed":
            _drop(prediction_id, NEWER, event__in=["output", "logs"])
        Delivery.objects.create(account_id=account_id, prediction_id=prediction_id, event=event)
        wakeups.send_on_commit(wakeups.DELIVERIES)
    else:
        _owe_throttled(account_id, prediction_id, event)


def _owe_throttled(account_id: int, prediction_id: int, event: str) -> None:
    """At most one of a kind every half second: the pending one will contain this change too."""
    rows = Delivery.objects.filter(prediction_id=prediction_id, event=event)
    # One with a body was resent by hand: its body stays as it was.
    if rows.filter(state=Delivery.State.OWED, claim="", body="").exists():
        return
    _drop(prediction_id, NEWER, event=event)
    last: datetime | None = rows.aggregate(at=Max("created_at"))["at"]
    due = timezone.now() if last is None else max(timezone.now(), last + THROTTLE)
    Delivery.objects.create(account_id=account_id, prediction_id=prediction_id, event=event, due_at=due)
    wakeups.send_on_commit(wakeups.DELIVERIES)


def target_url(delivery: Delivery) -> str:
    """The URL of a delivery: its own, else its prediction's; empty where that was turned off."""
    return delivery.url or (delivery.prediction.webhook if delivery.prediction else "")


def drop_owed(prediction_id: int) -> None:
    """Drop pending deliveries of a prediction. Call it inside the transaction that turns its webhook off."""
    _drop(prediction_id, GONE)


def is_barred(delivery: Delivery) -> bool:
    """Whether it must not be sent: its account is suspended, or the prediction's user is banned."""
    user = delivery.prediction.user if delivery.prediction is not None else None
    return delivery.account.status == Account.Status.SUSPENDED or (user is not None and not user.is_active)


def owed_to(user: User) -> QuerySet[Delivery]:
    """Pending deliveries of a member's predictions, and of their own account."""
    condition = Q(prediction__user=user)
    account = personal_account(user)
    if account is not None:
        condition |= Q(account=account)
    return Delivery.objects.filter(condition, state=Delivery.State.OWED)


def drop_of(user: User) -> int:
    """Drop pending deliveries of a banned user; returns how many."""
    owed = Delivery.objects.filter(pk__in=owed_to(user).values("pk"), state=Delivery.State.OWED)
    return owed.update(state=Delivery.State.DROPPED, answer_note=CLOSED)


def drop(delivery: Delivery, claim: str) -> None:
    """Drop a delivery that a worker has claimed."""
    Delivery.objects.filter(pk=delivery.pk, claim=claim, state=Delivery.State.OWED).update(
        claim="", state=Delivery.State.DROPPED, answer_note=CLOSED
    )


def erase_bodies(prediction_id: int) -> None:
    """Remove the bodies of a prediction's webhooks. Call it inside the transaction that removes its data."""
    Delivery.objects.filter(prediction_id=prediction_id).exclude(body="").update(body="")


def _drop(prediction_id: int, note: str, **filters: Any) -> None:
    Delivery.objects.filter(prediction_id=prediction_id, state=Delivery.State.OWED, **filters).update(
        state=Delivery.State.DROPPED, answer_note=note
    )
