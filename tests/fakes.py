"""A fake provider whose responses a test sets, and rounds of workers that a test calls by hand."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from predictions import lifecycle, tasks
from predictions.dispatch import provider_lookup
from predictions.execution import watcher
from predictions.execution.provider_calls import calls
from predictions.models import Prediction
from predictions.providers.base import Job, Order, OutputRef, ProviderError, Update
from predictions.providers.provider_names import is_upstream
from predictions.providers.registry import Registry
from tests import factories

PICTURE = OutputRef(name="out-0.png", content_type="image/png", address="0")


@dataclass
class FakeProvider:
    """Answers each start with a Job, or with what `starts` holds; each check with the next of `updates`."""

    name: str = "fake"
    limit: int = 4
    start_is_idempotent: bool = True
    models: set[str] | None = None
    starts: list[Any] = field(default_factory=list)
    updates: list[Any] = field(default_factory=list)
    files: dict[str, bytes | Exception] = field(default_factory=lambda: {"0": factories.picture()})
    orders: list[Order] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    cancel_answer: bool | Exception = True
    only_words: bool = False
    repeats_exactly: bool = True
    job_id_is_key: bool = True
    fetches_inputs: bool = False
    reports_run_time: bool = True
    keeps_its_models: bool = False
    group: str = ""
    group_limit: int = 0
    priority: int = 0
    weight: int = 1
    requests_per_second: float = math.inf

    def __post_init__(self) -> None:
        """By its name it is an engine or an upstream, as everywhere."""
        self.is_remote = is_upstream(self.name)
        if self.is_remote:
            self.repeats_exactly, self.job_id_is_key = False, False
            self.fetches_inputs, self.reports_run_time = True, False

    def start_limit_s(self, order: Order) -> float:
        return math.inf

    def serves(self, model: str) -> bool:
        return self.models is None or model in self.models

    def takes_pictures(self, model: str) -> bool:
        return self.serves(model) and not self.only_words

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        yield

    async def start(self, order: Order) -> Job | Update:
        self.orders.append(order)
        return _answer(self.starts.pop(0) if self.starts else Job(id=order.key, instance="boot"))

    async def check(self, job: Job) -> Update:
        return _answer(self.updates.pop(0) if self.updates else done())

    async def cancel(self, job: Job) -> bool:
        self.canceled.append(job.id)
        return _answer(self.cancel_answer)

    async def fetch(self, job: Job, ref: OutputRef) -> AsyncIterator[bytes]:
        content = self.files.get(ref.address, ProviderError("gone", permanent=True))
        yield _answer(content)

    async def release(self, job: Job) -> None:
        self.released.append(job.id)


def done(count: int = 1, **fields: Any) -> Update:
    """A success with so many pictures."""
    refs = [OutputRef(name=f"out-{n}.png", content_type="image/png", address="0") for n in range(count)]
    values: dict[str, Any] = {
        "output": refs,
        "logs": "Using seed: 7\n",
        "metrics": {"predict_time": 0.5},
        **fields,
    }
    return Update("succeeded", **values)


def _answer(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def use(monkeypatch: pytest.MonkeyPatch, *fakes: FakeProvider) -> None:
    """Configure these providers and no others."""
    registry = Registry(fakes)
    monkeypatch.setattr(provider_lookup, "registry", lambda: registry)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """The only configured provider: serves every model, four at a time."""
    fake = FakeProvider()
    use(monkeypatch, fake)
    yield fake


def start_once(*, straight: bool = False) -> None:
    """One round of starts; unless `straight`, by a worker that leaves results to others."""
    with calls() as mine:
        tasks._start_round(mine, until=float("inf") if straight else 0.0)


def watch_once() -> None:
    """One poll by the watcher of everything that is due."""
    for poll in lifecycle.claim_polls():
        row = lifecycle.polled_rows([poll]).get(poll.pk)
        if row is None:
            continue
        try:
            update = asyncio.run(watcher.check(provider_lookup.provider(poll.provider), poll))
        except ProviderError:
            lifecycle.poll_later(row, 0, seen=False)
            continue
        watcher.report(row, update)


def running() -> Prediction:
    """The only prediction that is due for a poll, as a watcher that has just claimed the poll reads it."""
    polls = lifecycle.claim_polls()
    return next(iter(lifecycle.polled_rows(polls).values()))


def work_off() -> None:
    """What the workers and the watcher would do: start, poll, fetch, once each."""
    tasks.start()
    watch_once()
    tasks.collect()
    tasks.cancel()
