"""`script/benchmark waiting`: many creates held at once (`Prefer: wait`) and many open streams, on one web process.

Measured are their memory and the time from the commit of a change to the last byte of what tells of it: when all
predictions change in one statement, the worst that can be, and when they change one by one over some seconds.
Nobody works: the rows are changed from outside.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvloop

from benchmarks import harness, load
from benchmarks.harness import Process, Series
from benchmarks.parts.callers import Held, Seen, Stream, open_all, until
from benchmarks.parts.rows import Rows
from benchmarks.serving import filled_server

# Seconds over which predictions change one by one.
SPREAD = 5.0
PATIENCE = 60.0
HEAD = [
    "database", "what", "KiB each", "spread over 5 s: p50, ms", "p99, ms", "all at once: p50, ms", "p99, ms",
]  # fmt: skip


@dataclass
class Site:
    """A server with data, and how to call it."""

    web: Process
    rows: Rows
    token: str
    create: dict[str, Any]

    def request(self, prefer: str) -> bytes:
        """A create with that preference."""
        body, headers = self.create["body"].encode(), {"Prefer": prefer}
        return load.request("POST", self.create["path"], token=self.token, body=body, headers=headers)


class Figures:
    """What the rounds gave, for one row of the table."""

    def __init__(self, database: str, what: str) -> None:
        self.names = [database, what]
        self.sizes = Series("KiB")
        self.times = {mode: (Series("p50"), Series("p99")) for mode in ("spread", "once")}

    def note(self, mode: str, size: float | None, times: list[float]) -> None:
        """Add the seconds that one round took for each caller, and the KiB that each took, where that was measured."""
        if size is not None:
            self.sizes.values.append(max(0.0, size))
        ordered = sorted(times)
        for series, share in zip(self.times[mode], (0.5, 0.99), strict=True):
            series.values.append(ordered[int((len(ordered) - 1) * share)] * 1000)

    def row(self) -> list[str]:
        """The largest memory, for later rounds use again what earlier ones took; medians of the times."""
        times = [str(series) for mode in ("spread", "once") for series in self.times[mode]]
        return [*self.names, harness.number(max(self.sizes.values)), *times]


async def changed(rows: Rows, change: str, mode: str, seen: Seen, names: list[str]) -> list[float]:
    """Seconds from the commit to the answer, of each prediction, when all change in that way."""
    if mode == "once":
        moment = await asyncio.to_thread(rows.change_all, change)
        moments = dict.fromkeys(names, moment)
    else:
        shuffled = random.sample(names, len(names))
        moments = await asyncio.to_thread(rows.change_one_by_one, change, shuffled, SPREAD)
    await until(seen, len(names), PATIENCE)
    return [seen.moments[name] - moments[name] for name in names]


async def hold(site: Site, count: int, mode: str, figures: Figures) -> None:
    """One round of held creates."""
    seen, before = Seen(), site.web.memory()
    request = site.request("wait=60")
    opened = await open_all(site.web.port, [Held(request, seen) for _ in range(count)])
    while len(names := await asyncio.to_thread(site.rows.waiting)) < count:
        await asyncio.sleep(0.5)
    await asyncio.sleep(2)
    if seen.count:
        raise RuntimeError(f"{seen.count} were answered before their predictions ended: {seen.errors[:1]}")
    size = (site.web.memory() - before) * 1024 / count
    figures.note(mode, size, await changed(site.rows, "end", mode, seen, [name for name, _ in names]))
    for transport in opened:
        transport.close()
    await asyncio.sleep(0.5)


async def stream(site: Site, count: int, mode: str, figures: Figures) -> None:
    """One round of open streams: their logs grow, then their predictions end."""
    made = Seen()
    request = site.request("respond-async")
    creators = await open_all(site.web.port, [_Created(request, made) for _ in range(count)])
    await until(made, count, PATIENCE)
    for transport in creators:
        transport.close()
    before, opened, heard = site.web.memory(), Seen(), Seen()
    protocols = [
        Stream(load.request("GET", f"/v1/files/stream-{token}"), name, opened, heard)
        for name, token in await asyncio.to_thread(site.rows.waiting)
    ]
    transports = await open_all(site.web.port, protocols)
    await until(opened, count, PATIENCE)
    await asyncio.sleep(2)
    size = (site.web.memory() - before) * 1024 / count
    names = [protocol.public_id for protocol in protocols]
    figures.note(mode, size, await changed(site.rows, "log", mode, heard, names))
    last = Seen()
    for protocol in protocols:
        protocol.listen(last, b"event: done")
    figures.note(mode, None, await changed(site.rows, "end", mode, last, names))
    for transport in transports:
        transport.close()
    await asyncio.sleep(0.5)


class _Created(Held):
    """A create that is not held: 202."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data.replace(b" 202 ", b" 201 ", 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held", default="1000,5000", help="numbers of held creates")
    parser.add_argument("--streams", default="1000", help="numbers of open streams")
    parser.add_argument("--rounds", type=int, default=5, help="of each way to change the rows")
    parser.add_argument("--databases", default="sqlite,postgres")
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 20_000)), hard))
    print(harness.machine())
    wanted = [(int(count), "held", hold) for count in given.held.split(",") if count]
    wanted += [(int(count), "streams", stream) for count in given.streams.split(",") if count]
    print(harness.table(HEAD, []))
    for database in given.databases.split(","):
        for count, name, run in wanted:
            # Row by row: it takes long, and what was measured stays seen if a later one fails.
            print(f"| {' | '.join(_measured(database, count, name, run, given.rounds))} |", flush=True)


def _measured(database: str, count: int, name: str, run: Callable[..., Any], rounds: int) -> list[str]:
    """A fresh process for each, since later ones would use again the memory that earlier ones took."""
    figures = Figures(database, f"{count:,} {name}")
    with harness.scratch() as folder, filled_server(folder / database, database) as (web, seen, address):
        rows = Rows(address, folder / database)
        rows.change_all("end")
        site = Site(web, rows, seen["token"], seen["requests"]["create"])
        # Caches fill and threads start.
        load.measure(web.port, site.request("respond-async"), connections=4, seconds=1, expected=202)
        # Those whose caller left are made all the same.
        time.sleep(1)
        rows.change_all("end")
        for _ in range(rounds):
            for mode in ("spread", "once"):
                uvloop.run(run(site, count, mode, figures))
        rows.close()
    return figures.row()


if __name__ == "__main__":
    main()
