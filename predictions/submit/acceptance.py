"""Accepts new predictions: checks, holds credit and inserts (T1). Every API dialect and every page goes through it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import NoReturn

from django.conf import settings
from django.db import transaction

from accounts import credits
from accounts.credits import allowances
from accounts.models import Account
from accounts.organizations import visible_funds
from core.clock import Now, after
from core.db import pipeline
from core.db.pipeline import PreparedInsert
from core.http import request_ids
from predictions.catalogue import output_size
from predictions.execution import result_files, task_queue
from predictions.files import uploads
from predictions.inputs import precheck
from predictions.models import Prediction, RuleHit
from predictions.models.prediction import new_public_id
from predictions.policy import rule_hits
from predictions.submit import idempotency, quotas
from predictions.submit.checks import check
from predictions.submit.refusals import (
    AccountLimit,
    AccountSuspended,
    InsufficientCredit,
    InvalidInput,
    ServerFull,
    TokenLimit,
    TooManyWaiting,
)
from predictions.submit.validation import Fault
from predictions.submit.work_request import Offer, Request


def accept(request: Request) -> Prediction:
    """Check, then hold and insert in one transaction (T1), with the wake-up beside it. Raises Refused.

    If a concurrent create takes the idempotency key first, its prediction is returned unchanged (`was_replayed`).
    Keys known from earlier are not looked up here: see `idempotency.earlier_prediction`.
    """
    return accept_all([request])[0]


def accept_all(requests: Sequence[Request]) -> list[Prediction]:
    """Accept several predictions of one create and one account, all or none. Raises Refused.

    Each has its own idempotency key, if any; if the first is taken, all predictions of those keys are returned.
    """
    offers = [check(request) for request in requests]
    rows = [_row(offer, new_public_id()) for offer in offers]
    try:
        _insert_or_renew(offers, rows)
    except (idempotency.KeyTaken, quotas.QuotaExceeded, uploads.UploadGone) as reason:
        # The same create sent twice at once: the other was first, or may have used up the quota.
        return _concurrent_create(requests) or _refuse(reason, offers, rows)
    except credits.TokenLimitReached as reached:
        raise TokenLimit(reached) from None
    except credits.AccountLimitReached as reached:
        request = requests[0]
        sees_money = visible_funds.sees_money(request.user, request.account)
        raise AccountLimit(reached, sees_money=sees_money) from None
    except credits.InsufficientCredits:
        raise InsufficientCredit from None
    except credits.AccountClosed:
        raise AccountSuspended from None
    for request, row in zip(requests, rows, strict=True):
        if request.deadline_s is not None:
            row.refresh_from_db(fields=["deadline"])
    return rows


def _concurrent_create(requests: Sequence[Request]) -> list[Prediction]:
    """The predictions of a concurrent create with the same keys; empty where there was none."""
    first = requests[0]
    retry_identities = [request.retry_identity for request in requests]
    return idempotency.predictions_of_keys(retry_identities, first.account, first.user)


def _refuse(reason: Exception, offers: list[Offer], rows: list[Prediction]) -> NoReturn:
    """Translate the reason why nothing was inserted into a `Refused`."""
    account = offers[0].request.account
    if isinstance(reason, idempotency.KeyTaken):
        raise ServerFull(
            "The first request with this Idempotency-Key is still under way; try again."
        ) from None
    if isinstance(reason, uploads.UploadGone):
        raise InvalidInput(_missing_file_faults(offers)) from None
    raise quotas.refusal(account, [_work(row) for row in rows]) or _momentary_refusal(account) from None


_PREDICTION = PreparedInsert(Prediction, must_end_by=lambda: after(settings.QUEUE_LIMIT))


def _insert_or_renew(offers: list[Offer], rows: list[Prediction]) -> None:
    """T1; if credit is short, retried once after granting any allowance that is due."""
    try:
        _insert(offers, rows)
    except (credits.TokenLimitReached, credits.AccountLimitReached):
        raise
    except credits.InsufficientCredits:
        if not allowances.renew(offers[0].request.account.pk):
            raise
        _insert(offers, rows)


def _insert(offers: list[Offer], rows: list[Prediction]) -> None:
    """T1: quota, rows, idempotency keys, wake-up and holds, in one transaction."""
    for row in rows:
        # The primary key from a rolled-back attempt may belong to another row by now.
        row.pk = None
    # Prepared before the transaction begins: on SQLite nobody else can write while it lasts.
    requests = [offer.request for offer in offers]
    # Quota first, so that nothing else is written where it is exceeded.
    statements = [
        quotas.admission(requests[0].account, [_work(row) for row in rows]),
        *(_PREDICTION.statement(row) for row in rows if row.deadline is None),
        task_queue.wake_up("start"),
    ]
    holds = [_hold(offer, row) for offer, row in zip(offers, rows, strict=True)]
    found = [hit for offer, row in zip(offers, rows, strict=True) for hit in _flagged(offer, row)]
    with transaction.atomic():
        # Holds last, as everywhere: the account's row is the contended one, so it is locked for the shortest
        # time. They join the same batch where nothing comes in between.
        dated = [row for row in rows if row.deadline is not None]
        noted = any(request.retry_identity.leaves_a_row for request in requests)
        between = bool(found or dated or noted) or any(offer.files.uploads for offer in offers)
        with pipeline.batch() as batch:
            for statement in statements:
                batch.send(statement)
            if not between:
                for hold in holds:
                    hold.send(batch)
        for row in dated:
            row.save(force_insert=True)
        if between:
            RuleHit.objects.bulk_create(found)
            uploads.note_uses(
                requests[0].account,
                {row.pk: offer.files.uploads for offer, row in zip(offers, rows, strict=True)},
            )
            idempotency.remember(requests, rows)
            with pipeline.batch() as batch:
                for hold in holds:
                    hold.send(batch)
        for hold in holds:
            hold.check()
        task_queue.hint()


def _momentary_refusal(account: Account) -> TooManyWaiting:
    """The refusal for an account whose blocking predictions have ended since: the next try should pass."""
    return TooManyWaiting("predictions", quotas.limits_of(account).predictions)


def _missing_file_faults(offers: list[Offer]) -> list[Fault]:
    """Faults for uploads that were removed between the check and the insert."""
    faults = [
        fault for offer in offers for fault in precheck.address_objections(offer.files, offer.request.account)
    ]
    return faults or [Fault("format", "input", "Names a file that this account no longer has")]


def _work(row: Prediction) -> quotas.Work:
    return quotas.Work(row.input_bytes, row.output_bytes)


def _flagged(offer: Offer, row: Prediction) -> list[RuleHit]:
    """Rule hits of this prediction that need a moderator's case."""
    if not offer.flagged:
        return []
    return rule_hits.flagged_hits(offer.flagged, offer.request.account, offer.request.user, row.public_id)


def _hold(offer: Offer, row: Prediction) -> credits.Hold:
    request = offer.request
    return credits.Hold(request.account.pk, offer.quote.ceiling, row.public_id, request.token, request.user)


def _row(offer: Offer, public_id: str) -> Prediction:
    request = offer.request
    prediction = Prediction(
        public_id=public_id,
        account=request.account,
        user=request.user,
        token=request.token,
        model=request.version.model,
        version=request.version,
        source=request.source,
        input=offer.input,
        webhook=request.webhook,
        webhook_events=list(request.webhook_events),
        origin=request.origin,
        mount=request.mount,
        deployment=request.deployment,
        batch=request.batch,
        made_from=request.made_from,
        made_how=request.made_how,
        price=offer.quote.price,
        price_percent=offer.quote.percent,
        ceiling=offer.quote.ceiling,
        input_bytes=len(json.dumps(offer.input)),
        output_bytes=_output_bytes(offer),
        request_id=request_ids.current()[: request_ids.MAX_LENGTH],
        must_end_by=after(settings.QUEUE_LIMIT),
    )
    if request.deadline_s is not None:
        prediction.deadline = Now() + timedelta(seconds=request.deadline_s)
    return prediction


def _output_bytes(offer: Offer) -> int:
    """Estimated bytes of its output files; 0 for text outputs."""
    version = offer.request.version
    if not version.gives_files:
        return 0
    count = min(max(1, offer.quote.outputs), result_files.MAX_FILES)
    return count * output_size.expected_bytes(offer.input, version.properties)
