"""Demo predictions: accepted, started and ended by the functions that the API and the workers call.

The demo stands for the provider alone: which one takes a prediction, how long it works and what comes of it. All end
within the transaction that makes them, and the upstreams serve no model, so nothing is ever sent to anybody.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from config.demo import stock_pictures
from config.demo.activity_times import Sample
from config.demo.stock_pictures import Picture
from predictions import availability, lifecycle
from predictions.catalogue import shipped_models
from predictions.lifecycle import Claimed
from predictions.models import (
    HostedModel,
    Prediction,
    QueueLook,
    Status,
    Upstream,
    UpstreamKey,
    UpstreamRun,
    Version,
)
from predictions.providers.base import Job, OutputRef, ProviderError, Update
from predictions.upstreams import circuits, run_records, setup
from predictions.upstreams.costs import MICRO_OF_DOLLAR

_EMBEDDED = "embedded"
_LIMIT_S = 3600.0
_DOWN = ProviderError("503 Service Unavailable", permanent=False, retry_after=60)


@dataclass
class Work:
    """A prediction to be, and what its provider makes of it."""

    prediction: Prediction
    key: UpstreamKey | None
    """Of the upstream that works on it; None: the embedded engine."""
    status: str
    seconds: float
    """From its start to its end."""
    error: str = ""
    cost: int = 0
    """What the upstream takes for it, in micro-credits."""
    pictures: list[Picture] = field(default_factory=list)
    claimed: Claimed | None = None
    run: UpstreamRun | None = None

    @property
    def logs(self) -> str:
        """The log of the provider."""
        return f"Using seed: {self.prediction.input.get('seed', 1)}\n"


def start(work: Work) -> None:
    """Claim a waiting prediction for its provider, which takes it."""
    claimed = lifecycle.claim(work.prediction.pk, work.key.provider_name if work.key else _EMBEDDED)
    assert claimed is not None, "It waits, and nobody else sees it."
    work.claimed, work.prediction = claimed, claimed.prediction
    job = Job(id=claimed.prediction.public_id[:20])
    if work.key is not None:
        work.run = run_records.reserve(claimed.prediction, work.key.provider_name, anew=True)
    if work.status == Status.SUCCEEDED:
        refs = [
            OutputRef(name=f"out-{index}", content_type=picture.files[0].content_type, address="")
            for index, picture in enumerate(work.pictures)
        ]
        update = Update(
            kind="succeeded", output=refs, logs=work.logs, metrics={"predict_time": round(work.seconds, 3)}
        )
        lifecycle.begin_finished(claimed.prediction, claimed.claim, job, update, to_be_fetched=False)
    else:
        lifecycle.begin(claimed.prediction, claimed.claim, job, _LIMIT_S)


def end(work: Work) -> None:
    """End it as its provider does."""
    prediction = work.prediction
    assert work.claimed is not None
    if work.run is not None:
        metrics = {"upstream_cost": work.cost / MICRO_OF_DOLLAR}
        answered_ms = 180 + _spread(prediction.public_id[:20]) % 700
        run_records.ended(work.run, work.status, metrics=metrics, answered_ms=answered_ms)
    if work.status == Status.SUCCEEDED:
        outputs = stock_pictures.store(work.pictures, prediction.account)
        lifecycle.succeed(prediction, work.claimed.claim, outputs, None, expected=len(outputs))
    elif work.status == Status.FAILED:
        lifecycle.fail_running(prediction, work.error, logs=work.logs, verbatim=True)
    else:
        lifecycle.cancel(prediction.public_id)
        lifecycle.stray_closed(prediction)


def _spread(text: str) -> int:
    """A number that is always the same for a text."""
    return sum((place + 1) * ord(letter) for place, letter in enumerate(text))


def upstream(name: str, *, priority: int, rng: random.Random) -> UpstreamKey:
    """An upstream that serves no model, with one key."""
    row = Upstream.objects.create(
        name=name, url=f"https://{name}.demo.invalid", serves_all=False, priority=priority
    )
    key = UpstreamKey(upstream=row, label="key")
    setup.seal(key, f"made-{rng.getrandbits(64):016x}")
    key.save()
    return key


def pause(key: UpstreamKey) -> None:
    """Pause the upstream of that key."""
    Upstream.objects.filter(pk=key.upstream_id).update(paused=True)


def fail(key: UpstreamKey) -> None:
    """The upstream of that key fails until its circuit opens."""
    for _ in range(circuits.IN_A_ROW):
        circuits.count_failure(key.provider_name, _DOWN)


def sample_queue(samples: Iterable[Sample]) -> None:
    """Samples of the queue, as the sweep takes them."""
    QueueLook.objects.bulk_create(
        (
            QueueLook(at=at, waiting=waiting, running=running, oldest_s=p95 // 900, start_p95_ms=p95)
            for at, waiting, running, p95 in samples
        ),
        batch_size=2000,
    )


def served_versions() -> dict[str, Version]:
    """The newest version of every shipped model with demo figures that a provider serves and that has a price."""
    found = {}
    for model in HostedModel.objects.filter(enabled=True):
        version = model.versions.filter(enabled=True).order_by("-created_at", "id").first()
        if version is not None and model.prices.exists() and availability.can_serve(model):
            version.model = model
            found[model.ref] = version
    return {ref: found[ref] for ref in demo_uses() if ref in found}


def demo_uses() -> dict[str, shipped_models.DemoUse]:
    """How often, how long and how dearly each shipped model works in the demo, by `owner/name`."""
    return {model.ref: model.demo for model in shipped_models.all_models() if model.demo is not None}
