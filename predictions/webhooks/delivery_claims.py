"""Claiming webhook deliveries and recording attempts.

A claim is a lease: when its worker dies, the delivery is due again.
"""

from __future__ import annotations

import random
import re
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Q, TextField, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.site import feature_flags
from core.clock import Now, after
from core.db.pipeline import PreparedInsert, batch
from core.db.prepared import Prepared
from core.db.prepared_writes import PreparedWrite
from core.http import request_ids
from predictions import queries
from predictions.models import Delivery, DeliveryAttempt
from predictions.webhooks import bodies, outbox, signatures, signing_secrets

log = structlog.get_logger(__name__)

RETRY_DELAYS_S = (0, 5, 30, 120, 600, 1800, 7200, 21600)
"""Seconds before each attempt of `start` and `completed`; other events are attempted once."""
JITTER = 0.2
MAX_RETRY_AFTER_S = 21600.0
LEASE_S = 30.0
PER_ACCOUNT = 8
PER_HOST = 16
PER_ACCOUNT_AND_HOST = 4
OUTCOME_UNKNOWN = gettext_noop("The worker that sent it was stopped, so nobody knows whether it arrived")
_PASSES = 12
_CLAIM = PreparedWrite(
    lambda pk, before, token: (
        Delivery.objects.filter(pk=pk, claim=before, state=Delivery.State.OWED, due_at__lte=Now()),
        {"claim": token, "due_at": after(LEASE_S), "attempts": F("attempts") + 1},
    )
)
_STORE_BODY = PreparedWrite(
    lambda pk, claim, body: (Delivery.objects.filter(pk=pk, claim=claim, body=""), {"body": body})
)
_DELIVERED = PreparedWrite(
    lambda pk, claim, code: (
        Delivery.objects.filter(pk=pk, claim=claim),
        {
            "claim": "",
            "state": Delivery.State.DELIVERED,
            "answer_code": code,
            "answer_note": "",
            "delivered_at": Now(),
        },
    )
)
_LAST_ATTEMPT = Prepared(
    lambda delivery: DeliveryAttempt.objects.filter(delivery_id=delivery).order_by("-number")[:1]
)
_INSERT_ATTEMPT = PreparedInsert(DeliveryAttempt)
_ORIGIN = re.compile(r"(?:[^:/?#]*://[^/?#]*)?")


@dataclass(frozen=True)
class Claimed:
    """A delivery claimed by this worker, with all that its attempt needs."""

    delivery: Delivery
    claim: str
    url: str
    body: str
    headers: dict[str, str] = field(repr=False)

    @property
    def began_at(self) -> datetime:
        """When it was claimed, by the database's clock."""
        return self.delivery.due_at - timedelta(seconds=LEASE_S)


class _Slots:
    """What is under way, by account and by receiver, whichever process posts it.

    Of one prediction only one event is posted at a time: else its `completed` might overtake a `logs`.
    """

    def __init__(self, in_progress: Iterable[tuple[int, str, int | None]]) -> None:
        self.accounts: Counter[int] = Counter()
        self.hosts: Counter[str] = Counter()
        self.pairs: Counter[tuple[int, str]] = Counter()
        self.predictions: set[int | None] = set()
        for account_id, url, prediction_id in in_progress:
            self.acquire(account_id, origin(url), prediction_id)

    def acquire(self, account_id: int, host: str, prediction_id: int | None) -> None:
        self.accounts[account_id] += 1
        self.hosts[host] += 1
        self.pairs[account_id, host] += 1
        if prediction_id is not None:
            self.predictions.add(prediction_id)

    def has(self, account_id: int, host: str, prediction_id: int | None) -> bool:
        return (
            prediction_id not in self.predictions
            and self.accounts[account_id] < PER_ACCOUNT
            and self.hosts[host] < PER_HOST
            and self.pairs[account_id, host] < PER_ACCOUNT_AND_HOST
        )

    def full(self) -> Q:
        """What cannot be taken, as a condition, so that a backlog of it does not hide deliveries queued behind it."""
        blocked = Q(
            account_id__in=[
                account_id for account_id, number in self.accounts.items() if number >= PER_ACCOUNT
            ]
        )
        blocked |= Q(prediction_id__in=self.predictions)
        for host, number in self.hosts.items():
            if number >= PER_HOST:
                blocked |= _at(host)
        for (account_id, host), number in self.pairs.items():
            if number >= PER_ACCOUNT_AND_HOST:
                blocked |= Q(account_id=account_id) & _at(host)
        return blocked


def claim_due(most: int = 16) -> list[Claimed]:
    """Claim what is due, oldest first, at most `most` and within the limits per account and per receiver."""
    if most <= 0 or not is_due():
        return []
    with transaction.atomic():
        claims = _take(most)
    rows = Delivery.objects.filter(pk__in=claims).select_related(
        "account", "prediction__model", "prediction__version", "prediction__user"
    )
    rows = rows.defer(*(f"prediction__version__{name}" for name in queries.DEFERRED_VERSION_FIELDS))
    prepared = [_ready_or_none(row, claims[row.pk]) for row in rows if row.claim == claims[row.pk]]
    return [delivery for delivery in prepared if delivery is not None]


def _take(most: int) -> dict[int, str]:
    """Claim rows: their claims, by primary key."""
    owed = Delivery.objects.filter(state=Delivery.State.OWED).annotate(target=target_url())
    soon = owed.filter(due_at__gt=Now(), due_at__lte=after(LEASE_S + 1)).exclude(claim="")
    room, claims = _Slots(soon.values_list("account_id", "target", "prediction_id")), dict[int, str]()
    due = owed.filter(due_at__lte=Now()).order_by("due_at", "pk")
    for _ in range(_PASSES):
        # Claimed rows are no longer due and full receivers are excluded, so each pass reads different rows.
        seen = due.exclude(room.full()).values_list(
            "pk", "claim", "attempts", "account_id", "target", "prediction_id"
        )
        rows = list(seen[: most * 2])
        for pk, claim, tries, account_id, url, prediction_id in rows:
            if claim and tries >= len(RETRY_DELAYS_S):
                _give_up(pk, claim)
                continue
            host = origin(url)
            if len(claims) < most and room.has(account_id, host, prediction_id):
                token = _claim(pk, claim)
                if token:
                    claims[pk] = token
                    room.acquire(account_id, host, prediction_id)
        if len(claims) >= most or len(rows) < most * 2:
            break
    return claims


def _give_up(pk: int, before: str) -> None:
    """Give up a delivery whose worker died at every attempt: it must not go on for ever."""
    rows = Delivery.objects.filter(pk=pk, claim=before, state=Delivery.State.OWED, due_at__lte=Now())
    if rows.update(claim="", state=Delivery.State.GIVEN_UP, answer_note=OUTCOME_UNKNOWN):
        _record_attempt(pk, None, OUTCOME_UNKNOWN, 0)


def _claim(pk: int, before: str) -> str:
    """Claim one: its new claim, or "" where another worker was faster. Moving `due_at` forward is the lease."""
    token = secrets.token_hex(16)
    if not _CLAIM.run(pk=pk, before=before, token=token):
        return ""
    if before:
        # The previous worker died. Its attempt is recorded too: the receiver may have got it.
        _record_attempt(pk, None, OUTCOME_UNKNOWN, 0)
    return token


def _ready_or_none(row: Delivery, claim: str) -> Claimed | None:
    try:
        if outbox.is_barred(row):
            outbox.drop(row, claim)
            return None
        return _ready(row, claim)
    except Exception:
        # It stays leased, so it is out of the way for a while: one that cannot be rendered blocks no other.
        log.exception("delivery_not_ready", message=row.message_id)
        return None


def _ready(row: Delivery, claim: str) -> Claimed:
    if not row.body and row.prediction is not None:
        body = bodies.render(row.prediction)
        with transaction.atomic():
            _STORE_BODY.run(pk=row.pk, claim=claim, body=body)
        row.body = body
    secret = signing_secrets.get_or_create(row.account)
    now = timezone.now()
    headers = signatures.headers(
        secret, row.message_id, row.body, now, *signing_secrets.previous_secrets(row.account)
    )
    headers["Content-Type"] = "application/json"
    if row.prediction is not None and row.prediction.request_id:
        headers[request_ids.HEADER] = row.prediction.request_id
    return Claimed(row, claim, outbox.target_url(row), row.body, headers)


def record_success(one: Claimed, code: int, *, took_ms: int = 0) -> None:
    """Record a successful attempt."""
    with transaction.atomic():
        # Also where it was dropped meanwhile: it did arrive.
        if _DELIVERED.run(pk=one.delivery.pk, claim=one.claim, code=code):
            _record_attempt(one.delivery.pk, code, "", took_ms, one.began_at)


def record_failure(
    one: Claimed,
    *,
    code: int | None,
    note: str,
    retry: bool,
    wait_s: float | None = None,
    took_ms: int = 0,
) -> None:
    """Record a failed attempt: retried where that may help and attempts are left, else given up. The row is kept."""
    row, note = one.delivery, note[:300]
    values: dict[str, Any] = {"answer_code": code, "answer_note": note}
    if retry and row.event in outbox.LASTING and row.attempts < len(RETRY_DELAYS_S):
        values |= {"due_at": after(_wait(row.attempts, wait_s))}
    else:
        values |= {"state": Delivery.State.GIVEN_UP}
    with transaction.atomic():
        if not Delivery.objects.filter(pk=row.pk, claim=one.claim).update(claim=""):
            return
        _record_attempt(row.pk, code, note, took_ms, one.began_at)
        Delivery.objects.filter(pk=row.pk, state=Delivery.State.OWED).update(**values)
        if code == 410 and row.prediction_id is not None:
            # Answer 410 makes the prediction forget its webhook; the log still shows the URL.
            Delivery.objects.filter(prediction_id=row.prediction_id, url="").update(url=one.url)


def _wait(attempts: int, asked_s: float | None) -> float:
    """Seconds until the next attempt: as the receiver asked, else by `WAITS_S` with jitter."""
    if asked_s is not None:
        return min(max(asked_s, 1.0), MAX_RETRY_AFTER_S)
    return RETRY_DELAYS_S[attempts] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311


def _record_attempt(
    delivery_id: int, code: int | None, note: str, took_ms: int, at: datetime | None = None
) -> None:
    """Record an attempt, which began `at`, or now where that is unknown. Inside a transaction."""
    last = _LAST_ATTEMPT.first(delivery=delivery_id)
    attempt = DeliveryAttempt(
        delivery_id=delivery_id,
        number=(last.number if last else 0) + 1,
        answer_code=code,
        note=note,
        took_ms=took_ms,
        **({} if at is None else {"at": at}),
    )
    with batch() as pipeline:
        pipeline.send(_INSERT_ATTEMPT.statement(attempt))


def is_due() -> bool:
    """Whether any delivery is due now. While webhooks are switched off, all of them stay owed."""
    if not feature_flags.is_on("webhooks"):
        return False
    return Delivery.objects.filter(state=Delivery.State.OWED, due_at__lte=Now()).exists()


def target_url() -> Any:
    """Query expression for a delivery's URL: its own, else that of its prediction."""
    empty = Value("", output_field=TextField())
    return Coalesce(NullIf(F("url"), empty), F("prediction__webhook"), empty)


def origin(url: str) -> str:
    """Scheme and authority of a URL as written: this identifies one receiver."""
    return _ORIGIN.match(url).group()  # type: ignore[union-attr]  # it matches nothing at least


def _at(host: str) -> Q:
    """Condition for the URLs of one receiver."""
    return Q(target=host) | Q(target__startswith=f"{host}/") | Q(target__startswith=f"{host}?")
