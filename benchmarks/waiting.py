"""`script/benchmark waiting`: many creates held at once (`Prefer: wait`), their memory, and how soon each is answered.

All predictions are ended by one UPDATE; measured is the time from its commit to each answer. Idle workers: none runs.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sqlite3
import time
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import harness, load
from benchmarks.harness import Process
from benchmarks.serving import filled_house

END = """
    UPDATE predictions_prediction SET status = 'failed', phase = 'ended', error = 'benchmark', charge = 0,
    completed_at = created_at, revision = revision + 1 WHERE status = 'starting'
"""


class _Held(asyncio.Protocol):
    """One caller that waits."""

    def __init__(self, request: bytes, answered: asyncio.Queue[tuple[float, bytes]]) -> None:
        self.request = request
        self.answered = answered
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if b"\r\n\r\n" in self.buffer and self.buffer.endswith(b"}"):
            self.answered.put_nowait((time.time(), self.buffer[:12]))
            self.buffer = b""


async def hold(process: Process, request: bytes, count: int, end: Any) -> tuple[float, list[float]]:
    """KiB of the process for each held request, and seconds from the UPDATE to each answer."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    before = process.memory()
    opened = []
    for start in range(0, count, 50):
        for _ in range(min(50, count - start)):
            made = await loop.create_connection(lambda: _Held(request, answered), "127.0.0.1", process.port)
            opened.append(made[0])
        await asyncio.sleep(0.1)
    while await asyncio.to_thread(end, False) < count:
        await asyncio.sleep(0.5)
    await asyncio.sleep(2)
    each = (process.memory() - before) * 1024 / count
    if answered.qsize():
        raise RuntimeError(f"{answered.qsize()} were answered before their predictions ended")
    await asyncio.to_thread(end, True)
    ended = time.time()
    answers = [await asyncio.wait_for(answered.get(), 60) for _ in range(count)]
    wrong = [head for _, head in answers if b" 20" not in head]
    if wrong:
        raise RuntimeError(f"{len(wrong)} errors, the first: {wrong[0]!r}")
    for transport in opened:
        transport.close()
    return each, sorted(moment - ended for moment, _ in answers)


def ender(address: str, folder: Path) -> Any:
    """A function that says how many wait, or ends them all."""

    def run(really: bool) -> int:
        sql = END if really else "SELECT count(*) FROM predictions_prediction WHERE status = 'starting'"
        if address:
            import psycopg

            with psycopg.connect(address) as connection:
                cursor = connection.execute(sql)
                return cursor.rowcount if really else int(cursor.fetchone()[0])  # type: ignore[index]
        connection = sqlite3.connect(folder / "darkroom.sqlite3", timeout=20)
        try:
            cursor = connection.execute(sql)
            connection.commit()
            return cursor.rowcount if really else int(cursor.fetchone()[0])
        finally:
            connection.close()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held", default="1000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--databases", default="sqlite,postgres")
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 20_000)), hard))
    print(harness.machine())
    rows = []
    with harness.scratch() as folder:
        for database in given.databases.split(","):
            with filled_house(folder / database, database) as (web, seen, address):
                create = seen["requests"]["create"]
                request = load.request(
                    "POST",
                    create["path"],
                    token=seen["token"],
                    body=create["body"].encode(),
                    headers={"Prefer": "wait=60"},
                )
                end = ender(address, folder / database)
                end(True)
                for count in map(int, given.held.split(",")):
                    rows += [_row(database, count, web, request, end, given.rounds)]
    head = ["database", "held", "KiB each", "answered after the UPDATE: p50, ms", "p99, ms"]
    print(harness.table(head, rows))


def _row(database: str, count: int, web: Process, request: bytes, end: Any, rounds: int) -> list[str]:
    sizes, half, most = harness.Series("KiB"), harness.Series("p50"), harness.Series("p99")
    for _ in range(rounds):
        each, times = uvloop.run(hold(web, request, count, end))
        sizes.values.append(max(each, 0.0))
        half.values.append(times[len(times) // 2] * 1000)
        most.values.append(times[int(len(times) * 0.99)] * 1000)
    return [database, str(count), f"{harness.number(max(sizes.values))}", str(half), str(most)]


if __name__ == "__main__":
    main()
