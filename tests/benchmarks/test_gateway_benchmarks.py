"""The benchmarks of upstreams: lags are seconds beyond the pause, goals are judged by the rival of the same round."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest
from PIL import Image

from benchmarks import gateway, inflight, load
from benchmarks.cases import Case
from benchmarks.harness import Process, Series
from benchmarks.parts import rivals, upstream
from benchmarks.parts.upstream import Lags, Service
from script.pins import pins


def asked(service: Service, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    """Status and body of one request."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(body).encode() if body is not None else b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    path, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode()}
    asyncio.run(service(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


def test_the_upstream_answers_both_dialects_with_a_picture_that_lies_there() -> None:
    service = Service("http://there")

    status, made = asked(service, "POST", "/v1/predictions", {"input": {}})
    _, images = asked(service, "POST", "/v1/images/generations", {"prompt": "a"})
    _, inline = asked(service, "POST", "/v1/images/generations", {"response_format": "b64_json"})
    address = json.loads(made)["output"][0].removeprefix("http://there")
    _, picture = asked(service, "GET", address)

    assert (status, json.loads(made)["status"]) == (201, "succeeded")
    assert json.loads(images)["data"][0]["url"] != json.loads(made)["output"][0]
    assert json.loads(inline)["data"][0]["b64_json"]
    assert Image.open(io.BytesIO(picture)).size == (upstream.SIDE, upstream.SIDE)


def test_a_job_never_ends_and_is_counted_when_it_is_looked_at() -> None:
    service = Service("http://there")
    for _ in range(3):
        _, seen = asked(service, "GET", "/v1/predictions/abc")
        assert json.loads(seen)["status"] == "processing"

    report = json.loads(asked(service, "GET", "/_lags?cap=10")[1])

    assert (report["looks"], report["jobs"]) == (2, 1)


def test_a_lag_is_what_two_looks_at_one_job_are_apart_beyond_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 10.5, 14.0])
    monkeypatch.setattr(upstream.time, "monotonic", lambda: next(now))
    lags = Lags()
    for job in ("a", "b", "a", "b"):
        lags.note(job)

    report = lags.report(10.0)

    assert (report["looks"], report["p50"], report["most"]) == (2, 0.5, 3.0)
    assert lags.report(10.0)["looks"] == 0


def test_a_watcher_that_is_late_or_large_misses_its_goals() -> None:
    seen = inflight.Figures(idle_memory=60, memory=91)
    seen.cores.values, seen.looks.values, seen.idle_cores.values = [0.9], [1000.0], [0.02]
    seen.database_cores.values = [0.0]
    for series, value in zip(seen.lags.values(), (0.1, 1.9, 2.5), strict=True):
        series.values = [value]
    assert (seen.broken, seen.row("sqlite", 10_000)[-1]) == ([], "met")

    seen.memory, seen.lags["p99"].values = 93, [2.1]

    assert seen.broken == ["memory", "lag"]


def case(rate: float, milliseconds: float) -> Case:
    """A case with one round."""
    seen = load.Load(10, 0, 10 / rate, [milliseconds / 1000] * 10)
    return Case(Process(0, None), b"", rates=[rate], cpu=[0.001], loads=[seen])


@pytest.mark.parametrize(
    ("rate", "milliseconds", "goals"),
    [
        (400, 4, "added met, answers met"),
        (399, 4, "added met, answers missed"),
        (400, 6, "added missed, answers met"),
    ],
)
def test_goals_are_judged_against_the_rival(rate: float, milliseconds: float, goals: str) -> None:
    cases = {
        gateway.DIRECT: case(1000, 1),
        gateway.LITELLM: case(200, 5),
        gateway.DARKROOM: case(rate, milliseconds),
    }

    assert gateway.row(gateway.DARKROOM, 1, cases)[-1] == goals
    assert gateway.row(gateway.LITELLM, 1, cases)[-1] == ""


def test_what_is_more_than_the_control_is_taken_round_by_round() -> None:
    assert Series("mine", [5.0, 7.0]).minus(Series("control", [1.0, 6.0])).values == [4.0, 1.0]


def test_the_rival_is_pinned_without_what_is_not_free() -> None:
    pinned = pins(rivals.REQUIREMENTS)

    assert "litellm" in pinned
    assert "litellm-enterprise" not in pinned
