"""`script/benchmark gateway`: a picture through Darkroom, through LiteLLM's proxy, and straight from the upstream.

One upstream on this machine answers every create at once. LiteLLM hands its answer on; Darkroom holds credits, queues,
stores what was asked, sends it, fetches the picture, checks and stores it with thumbnails, charges, and answers with an
address of its own. Both are asked in OpenAI's dialect. The control is the same request sent to the upstream itself.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import harness, load
from benchmarks.cases import Case, Options, compare
from benchmarks.harness import Series
from benchmarks.parts import rivals
from benchmarks.parts.behind import MODEL

DIRECT, LITELLM, DARKROOM = "direct", "LiteLLM", "Darkroom"
FASTER_GOAL = 2.0
HEAD = [
    "who",
    "connections",
    "answers/s",
    "of LiteLLM's",
    "p50, ms",
    "added, ms",
    "p99, ms",
    "ms of processor",
    "goals",
]


@dataclass(frozen=True)
class Shop:
    """All three, running, and the request for each."""

    cases: Mapping[str, Case]
    env: dict[str, str]
    """Of Darkroom."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--connections", default="1,16,64")
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument(
        "--form", choices=("url", "b64_json"), default="url", help="how pictures are answered"
    )
    parser.add_argument("--litellm-workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--cache", type=Path, default=harness.ROOT / "var" / "benchmarks", help="where LiteLLM is put"
    )
    parser.add_argument("--json", type=Path, help="Keep the raw figures here.")
    given = parser.parse_args()
    options = Options(given.rounds, given.seconds, tuple(int(part) for part in given.connections.split(",")))
    print(harness.machine())
    kept: dict[str, Any] = {}
    for database in given.databases.split(","):
        with harness.scratch() as folder, shop(folder, database, given) as built:
            kept[database] = measure(database, built, options)
    harness.save(given.json, kept)


@contextlib.contextmanager
def shop(folder: Path, database: str, given: argparse.Namespace) -> Iterator[Shop]:
    """Upstream, LiteLLM and Darkroom, warm."""
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(harness.postgres(folder)) if database == "postgres" else ""
        command = ["-m", "benchmarks.parts.upstream", "--port", "{port}"]
        upstream = stack.enter_context(harness.running(command, {}))
        theirs = stack.enter_context(
            rivals.litellm(folder / "litellm", given.cache, upstream.port, given.litellm_workers)
        )
        env = {"DARKROOM_DATA": str(folder / "darkroom")}
        if address:
            env["DARKROOM_DATABASE_URL"] = address
        ours, token = stack.enter_context(rivals.darkroom(folder / "darkroom", upstream.port, address, {}))
        cases = {
            DIRECT: Case(upstream, request("/v1", "none", given.form)),
            LITELLM: Case(theirs, request("/v1", rivals.LITELLM_KEY, given.form)),
            DARKROOM: Case(ours, request("/openai/v1", token, given.form)),
        }
        for name, case in cases.items():
            # LiteLLM's first answers take seconds, while it imports.
            seen = load.measure(case.process.port, case.request, connections=8, seconds=3, expected=200)
            if seen.errors:
                raise RuntimeError(f"{name}: {seen.errors} of {seen.answers} answers were errors.")
        yield Shop(cases, env)


def request(mount: str, token: str, form: str) -> bytes:
    """A picture of 512 × 512 in OpenAI's dialect."""
    words = {"model": MODEL, "prompt": "a red lighthouse", "n": 1, "size": "512x512", "response_format": form}
    return load.request("POST", f"{mount}/images/generations", token=token, body=json.dumps(words).encode())


def measure(database: str, built: Shop, options: Options) -> dict[str, Any]:
    """Every number of connections; prints the tables and gives the raw figures."""
    rows, lost, kept = [], [], {}
    for connections in options.connections:
        for case in built.cases.values():
            case.forget()
        before = int(stages(built.env)["last"])
        compare(built.cases, connections, options)
        rows += [row(name, connections, built.cases) for name in built.cases]
        times = stages(built.env, before)
        lost.append(
            [
                str(connections),
                *(harness.number(times.get(name, math.nan)) for name in ("queued", "upstream", "stored")),
            ]
        )
        kept[str(connections)] = {
            name: {"rates": case.rates, "cpu": case.cpu, "p50": [one.percentile(0.5) for one in case.loads]}
            for name, case in built.cases.items()
        }
    print(f"\n{database}\n\n" + harness.table(HEAD, rows))
    head = ["connections", "until it was sent, ms", "the upstream's answer", "from then until stored"]
    print("\nOf Darkroom's time:\n\n" + harness.table(head, lost))
    sizes = ", ".join(f"{name} {case.process.memory():.0f}" for name, case in built.cases.items())
    print(f"\nResident memory, MiB: {sizes}\n{harness.machine()}")
    return kept


def row(name: str, connections: int, cases: Mapping[str, Case]) -> list[str]:
    """The cells of `HEAD`. Goals are Darkroom's alone, against LiteLLM in the same rounds."""
    case, rates = cases[name], {who: Series(who, one.rates) for who, one in cases.items()}
    swings = " swings" if name == DIRECT and rates[DIRECT].swing > harness.SWING else ""
    p50 = _p50(case)
    added = p50.minus(_p50(cases[DIRECT]))
    ratio = rates[name].ratio_to(rates[LITELLM])
    goals = ""
    if name == DARKROOM:
        faster = added.median < _p50(cases[LITELLM]).minus(_p50(cases[DIRECT])).median
        more = ratio.median >= FASTER_GOAL
        goals = f"added {'met' if faster else 'missed'}, answers {'met' if more else 'missed'}"
    cpu = harness.number(statistics.median(case.cpu) * 1000)
    return [
        name, str(connections), str(rates[name]) + swings, str(ratio), str(p50), str(added), case.milliseconds(0.99),
        cpu, goals,
    ]  # fmt: skip


def _p50(case: Case) -> Series:
    return Series("p50", [one.percentile(0.5) * 1000 for one in case.loads])


def stages(env: dict[str, str], after: int = 0) -> dict[str, float]:
    """What `benchmarks.parts.stages` says of Darkroom's newest predictions."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.parts.stages", "--after", str(after)]
    done = subprocess.run(
        command, cwd=harness.ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, check=True
    )
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    main()
