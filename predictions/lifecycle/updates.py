"""Prepared UPDATE statements of the hot path, compiled once. Their meaning is documented where they are used."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.db.models.functions import Coalesce

from core.clock import Now, after
from core.db.prepared_writes import PreparedWrite
from predictions.lifecycle.leases import COLLECT_LEASE, COLLECT_LIMIT, FIRST_FETCH, START_LEASE
from predictions.models import Phase, Prediction, Preview, Status
from predictions.models.prediction import LIVE

CLAIM_START = PreparedWrite(
    lambda pk, claim, provider: (
        Prediction.objects.filter(pk=pk, phase=Phase.WAITING),
        {
            "phase": Phase.CLAIMED,
            "claim": claim,
            "lease_until": after(START_LEASE),
            "start_attempts": F("start_attempts") + 1,
            "provider": provider,
            "upstream_open": True,
            "not_before": None,
        },
    )
)
CLAIM_RESULT = PreparedWrite(
    lambda pk, claim: (
        Prediction.objects.filter(pk=pk, phase=Phase.RESULT, status__in=LIVE),
        {
            "phase": Phase.COLLECTING,
            "claim": claim,
            "lease_until": after(COLLECT_LEASE + FIRST_FETCH),
            "collect_attempts": F("collect_attempts") + 1,
            "not_before": None,
        },
    )
)


def _begun(**where: Any) -> PreparedWrite:
    return PreparedWrite(
        lambda pk, claim, job, instance, result, logs: (
            Prediction.objects.filter(pk=pk, phase=Phase.CLAIMED, claim=claim, status__in=LIVE),
            {
                "status": Status.PROCESSING,
                "started_at": Coalesce(F("started_at"), Now()),
                "must_end_by": after(COLLECT_LIMIT),
                "job_id": job,
                "job_instance": instance,
                "job_seen_at": Now(),
                "look_at": None,
                "result": result,
                "logs": logs,
                "progress": 1.0,
                "upstream_open": False,
                "revision": F("revision") + 2,
                **where,
            },
        )
    )


BEGIN_FINISHED = _begun(
    phase=Phase.COLLECTING,
    lease_until=after(COLLECT_LEASE + FIRST_FETCH),
    collect_attempts=F("collect_attempts") + 1,
)
"""Begin with the result from the start's response, under the same claim: the same worker fetches it."""
BEGIN_LEFT = _begun(phase=Phase.RESULT, claim="", lease_until=None)
"""The same, but left for other workers to fetch."""
SUCCEED = PreparedWrite(
    lambda pk, claim, output, metrics, charge, delivered, filtered, logs: (
        Prediction.objects.filter(pk=pk, phase=Phase.COLLECTING, claim=claim, status__in=LIVE),
        {
            "status": Status.SUCCEEDED,
            "phase": Phase.ENDED,
            "completed_at": Now(),
            "claim": "",
            "lease_until": None,
            "look_at": None,
            "not_before": None,
            "result": None,
            "revision": F("revision") + 1,
            "output": output,
            "metrics": metrics,
            "charge": charge,
            "delivered": delivered,
            "filtered": filtered,
            "progress": 1.0,
            "logs": logs,
        },
    )
)
FORGET_PREVIEW = PreparedWrite(lambda pk: (Preview.objects.filter(prediction_id=pk), {}))
