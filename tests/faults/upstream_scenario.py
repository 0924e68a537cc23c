"""Real rows, the real provider and workers called by hand, against an upstream with configured faults.

Time does not pass by itself: whatever is scheduled for later is made due between two rounds of work.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import F

from accounts.models import MICRO, LedgerEntry, User
from core.clock import Now
from predictions import lifecycle
from predictions.models import (
    Phase,
    Prediction,
    UpstreamKey,
    UpstreamRoute,
    UpstreamRun,
    Version,
)
from predictions.models import Upstream as UpstreamRow
from predictions.models.prediction import ENDED, LIVE
from predictions.providers.http import rate_limiter
from predictions.submit import acceptance, work_request
from predictions.upstreams import configuration
from tests import factories, fakes
from tests.loopback_upstream import Upstream, sample_outputs
from tests.predictions.upstreams.upstream_rows import make_upstream
from tests.support import database_flush

REF = "stability-ai/stable-diffusion"
PLANTED = "planted-key-that-nobody-may-ever-read-4711"
"""The upstream's key in every case; it looks like no known kind of key."""
ROUNDS = 12
LONG_AGO = timedelta(hours=1)
INPUT_SCHEMA: dict[str, Any] = {
    **factories.INPUT_SCHEMA,
    "properties": {
        **factories.INPUT_SCHEMA["properties"],
        "num_outputs": {"type": "integer", "title": "Outputs", "default": 1, "minimum": 1, "maximum": 4},
    },
}


def make_version(ref: str = REF) -> Version:
    """The model of the catalogue with its version's real id, at one credit an output."""
    owner, name = ref.split("/")
    schema = sample_outputs.models()[ref].output_schema
    return factories.make_version(
        factories.make_model(owner, name),
        id=sample_outputs.models()[ref].version,
        input_schema=INPUT_SCHEMA,
        output_schema=schema,
    )


@dataclass
class UpstreamScenario:
    """One account, one model, upstreams that are all the same loopback service (distinguished by their keys)."""

    there: Upstream
    member: User
    version: Version
    rows: list[UpstreamRow] = field(default_factory=list)

    def begin_anew(self) -> None:
        """The service forgets what it was asked, and the upstreams so far get nothing more."""
        self.there.forget()
        UpstreamRow.objects.filter(pk__in=[row.pk for row in self.rows]).update(enabled=False)
        configuration.reset()

    def add(self, name: str = "", *, secret: str = PLANTED, **fields: Any) -> UpstreamKey:
        """One more upstream with one key."""
        values = {
            "url": self.there.url,
            "requests_per_second": 1000.0,
            "connect_s": 2.0,
            "read_s": 10.0,
            **fields,
        }
        self.there.settings.tokens |= {secret}
        row = make_upstream(name or f"loop{len(self.rows)}", secret=secret, **values)
        self.rows.append(row)
        return row.keys.get()

    def ask(self, prompt: str = "a cat", **given: Any) -> Prediction:
        """A member's request, accepted and held for."""
        request = work_request.Request(
            account=factories.account_of(self.member),
            user=self.member,
            version=self.version,
            input={"prompt": prompt, **given},
        )
        return acceptance.accept(request)

    def work(self, prediction: Prediction, rounds: int = ROUNDS, *, deadline: bool = True) -> Prediction:
        """Work, with all the time in between that anybody wants; at last the deadline comes, where it is to."""
        for _ in range(rounds):
            self.round()
            if self._is_over(prediction):
                return fresh(prediction)
        if deadline:
            Prediction.objects.filter(pk=prediction.pk, status__in=LIVE).update(must_end_by=Now() - LONG_AGO)
            for _ in range(3):
                self.round()
            # Who was asked to stop and never confirmed it is given up in the end.
            still_open = Prediction.objects.filter(pk=prediction.pk, upstream_open=True)
            still_open.update(completed_at=Now() - LONG_AGO)
            self.round()
        return fresh(prediction)

    def round(self) -> None:
        """What workers, watcher and sweep do, once each; then everything that waits is due."""
        fakes.work_off()
        lifecycle.take_back()
        lifecycle.expire()
        self.pass_time()

    def pass_time(self) -> None:
        """Everything that is to happen later may happen now; only what ends a prediction does not come nearer."""
        due = Now() - timedelta(seconds=30)
        live = Prediction.objects.exclude(phase=Phase.ENDED)
        live.filter(not_before__isnull=False).update(not_before=due)
        live.filter(look_at__isnull=False).update(look_at=due)
        Prediction.objects.filter(lease_until__isnull=False).update(lease_until=due)
        # A result whose files do not come grows older all the while.
        live.filter(phase=Phase.RESULT).update(job_seen_at=F("job_seen_at") - timedelta(seconds=10))
        UpstreamKey.objects.filter(open_until__isnull=False).update(open_until=due)
        UpstreamKey.objects.filter(rest_until__isnull=False).update(rest_until=due)
        UpstreamRoute.objects.filter(rest_until__isnull=False).update(rest_until=due)
        UpstreamKey.objects.filter(probe_until__isnull=False).update(probe_until=due)
        # Within a day: what was reserved counts for the day on which it was sent.
        unanswered = UpstreamRun.objects.filter(outcome__in=("sent", "lost"), cost__isnull=True, reserved=0)
        unanswered.update(sent_at=F("sent_at") - timedelta(seconds=30))
        rest_no_more()

    def _is_over(self, prediction: Prediction) -> bool:
        row = Prediction.objects.values("status", "upstream_open").get(pk=prediction.pk)
        return row["status"] in ENDED and not row["upstream_open"]

    def balance(self) -> int:
        """Micro-credits that the member has left."""
        return factories.account_of(self.member).balance

    # -- what came of it -------------------------------------------------------------------------------------
    def starts(self, prediction: Prediction) -> list[int]:
        """How often each run of a prediction was really started, all upstreams together."""
        ours = Counter(
            {
                key: number
                for key, number in self.there.starts().items()
                if key.startswith(prediction.public_id)
            }
        )
        return [number for _, number in sorted(ours.items())]

    def outcomes(self, prediction: Prediction) -> list[str]:
        """What became of each start, in the order in which they were written; equal ones in a row once."""
        rows = UpstreamRun.objects.filter(prediction=prediction).order_by("id")
        return [outcome for outcome, _ in itertools.groupby(rows.values_list("outcome", flat=True))]

    def settled(self, prediction: Prediction) -> tuple[float, float]:
        """Credits captured and released, by the only settle row."""
        row = LedgerEntry.objects.get(reference=prediction.public_id, kind=LedgerEntry.Kind.SETTLE)
        return row.captured / MICRO, row.released / MICRO

    def canceled_there(self) -> int:
        """How many predictions the service was asked to call off."""
        return len({row["id"] for row in self.there.rows("cancel")})


def fresh(prediction: Prediction) -> Prediction:
    """As the database has it now."""
    return Prediction.objects.select_related("model", "version", "price").get(pk=prediction.pk)


def rest_no_more() -> None:
    """What processes remember of being asked to wait is over, as if the time had passed."""
    for one in rate_limiter._paces.values():
        one._rest_until = one._next = 0.0


def everything_stored() -> str:
    """Every row of every table, as text; without those that only say which models there are."""
    found = []
    with connection.cursor() as cursor:
        for name in sorted(set(connection.introspection.table_names(cursor)) - database_flush.KEPT):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(name)}")
            found += [str(value) for row in cursor.fetchall() for value in row]
    return "\n".join(found)


def assert_unsaid(secret: str, **where: str) -> None:
    """None of these texts holds the secret, nor a good part of it."""
    for name, text in where.items():
        for part in (secret, secret[:24], secret[-20:]):
            assert part not in text, f"the planted key was found in {name}: {_around(text, part)}"


def _around(text: str, part: str) -> str:
    at = text.index(part)
    return re.sub(re.escape(part), "<THE KEY>", text[max(0, at - 200) : at + 200])
