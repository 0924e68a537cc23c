"""What is owed to whom. Rows are written inside the transaction of the change; the rest is done by who can crash.

A body is rendered once, at the first try, so that every try of one event sends and signs the same bytes.
"""

from __future__ import annotations

import json
import random
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from accounts.clock import Now
from accounts.models import Account
from predictions.clock import after
from predictions.delivery import signing
from predictions.dialects.replicate.addresses import Addresses
from predictions.dialects.replicate.serializers import prediction_json
from predictions.models import Delivery, Prediction
from predictions.running import queue

EVENTS = ("start", "output", "logs", "completed")
WAITS_S = (0, 5, 30, 120, 600, 1800, 7200, 21600)
"""Before each try of `start` and `completed`; others are tried once."""
THROTTLE = timedelta(milliseconds=500)
LEASE_S = 30.0
JITTER = 0.2
MAX_RETRY_AFTER_S = 21600


@dataclass(frozen=True)
class Claimed:
    """A delivery in this worker's hands, with all that its try needs."""

    delivery: Delivery
    claim: str
    url: str
    body: str
    headers: dict[str, str]


def owe(prediction_id: int, event: str) -> None:
    """Note that an event is to be told, where the caller asked for it. Call it inside the change's transaction."""
    row = (
        Prediction.objects.filter(pk=prediction_id)
        .exclude(webhook="")
        .values_list("webhook_events", "account_id")
    )
    found = row.first()
    if found is None or event not in found[0]:
        return
    account_id = found[1]
    if event in {"start", "completed"}:
        if event == "completed":
            Delivery.objects.filter(
                prediction_id=prediction_id, event__in=["output", "logs"], state=Delivery.State.OWED
            ).update(state=Delivery.State.DROPPED)
        Delivery.objects.create(account_id=account_id, prediction_id=prediction_id, event=event)
    else:
        _owe_throttled(account_id, prediction_id, event)
    queue.wake("deliver")


def _owe_throttled(account_id: int, prediction_id: int, event: str) -> None:
    """At most one of a kind every half second: the one that is owed already will tell of this change too."""
    rows = Delivery.objects.filter(prediction_id=prediction_id, event=event)
    if rows.filter(state=Delivery.State.OWED, claim="").exists():
        return
    rows.filter(state=Delivery.State.OWED).update(state=Delivery.State.DROPPED)
    last: datetime | None = rows.aggregate(at=Max("created_at"))["at"]
    due = timezone.now() if last is None else max(timezone.now(), last + THROTTLE)
    Delivery.objects.create(account_id=account_id, prediction_id=prediction_id, event=event, due_at=due)


def claim_due(most: int = 16) -> list[Claimed]:
    """Claim what is due, oldest first, at most four for one receiver and eight for one account."""
    with transaction.atomic():
        due = list(
            Delivery.objects.filter(state=Delivery.State.OWED, due_at__lte=Now())
            .order_by("due_at")
            .values_list("pk", "claim", "prediction__webhook", "prediction__account_id")[: most * 8]
        )
        taken: dict[int, str] = {}
        hosts: dict[str, int] = {}
        accounts: dict[int, int] = {}
        for pk, claim, url, account_id in due:
            host = url.split("/")[2] if "//" in url else url
            if len(taken) == most or hosts.get(host, 0) >= 4 or accounts.get(account_id, 0) >= 8:
                continue
            token = secrets.token_hex(16)
            # Moving the time forward is the lease: who dies with it leaves it due again.
            changed = Delivery.objects.filter(
                pk=pk, claim=claim, state=Delivery.State.OWED, due_at__lte=Now()
            )
            if changed.update(claim=token, due_at=after(LEASE_S), attempts=F("attempts") + 1):
                taken[pk] = token
                hosts[host] = hosts.get(host, 0) + 1
                accounts[account_id] = accounts.get(account_id, 0) + 1
    rows = Delivery.objects.filter(pk__in=taken).select_related(
        "prediction__account", "prediction__model", "prediction__version"
    )
    return [_ready(row, taken[row.pk]) for row in rows if row.claim == taken[row.pk]]


def _ready(row: Delivery, claim: str) -> Claimed:
    if not row.body:
        body = render(row.prediction)
        with transaction.atomic():
            Delivery.objects.filter(pk=row.pk, claim=claim, body="").update(body=body)
        row.body = body
    secret = secret_of(row.prediction.account)
    headers = signing.headers(secret, row.message_id, row.body, timezone.now())
    headers["Content-Type"] = "application/json"
    return Claimed(row, claim, row.prediction.webhook, row.body, headers)


def render(prediction: Prediction) -> str:
    """The prediction object as GET would give it now, as text."""
    addresses = Addresses(prediction.origin, prediction.mount or "/v1")
    return json.dumps(prediction_json(prediction, addresses), ensure_ascii=False)


def delivered(one: Claimed, code: int) -> None:
    """The receiver has it."""
    _write(one, state=Delivery.State.DELIVERED, answer_code=code, answer_note="", delivered_at=Now())


def failed(one: Claimed, *, code: int | None, note: str, retry: bool, wait_s: float | None = None) -> None:
    """It did not arrive: tried again where that may help and tries are left, else given up, and kept to be seen."""
    attempts = one.delivery.attempts
    lasting = one.delivery.event in {"start", "completed"}
    values: dict[str, Any] = {"answer_code": code, "answer_note": note[:300]}
    if retry and lasting and attempts < len(WAITS_S):
        wait = wait_s if wait_s is not None else WAITS_S[attempts] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
        values |= {"due_at": after(min(wait, MAX_RETRY_AFTER_S))}
    else:
        values |= {"state": Delivery.State.GIVEN_UP}
    _write(one, **values)


def drop_owed(prediction_id: int) -> None:
    """Nothing more is told of this prediction. Call it inside the transaction that turns its webhook off."""
    Delivery.objects.filter(prediction_id=prediction_id, state=Delivery.State.OWED).update(
        state=Delivery.State.DROPPED
    )


def secret_of(account: Account) -> str:
    """The account's signing secret, made when it is first asked for and stable from then on."""
    if not account.webhook_secret:
        with transaction.atomic():
            Account.objects.filter(pk=account.pk, webhook_secret="").update(
                webhook_secret=signing.new_secret()
            )
        account.refresh_from_db(fields=["webhook_secret"])
    return account.webhook_secret


def is_due() -> bool:
    """Whether anything waits to be delivered now."""
    return Delivery.objects.filter(state=Delivery.State.OWED, due_at__lte=Now()).exists()


def _write(one: Claimed, **values: Any) -> None:
    with transaction.atomic():
        Delivery.objects.filter(pk=one.delivery.pk, claim=one.claim, state=Delivery.State.OWED).update(
            claim="", **values
        )
