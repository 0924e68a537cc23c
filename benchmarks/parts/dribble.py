"""Clients without a token that dribble what they send, over and over: `python -m benchmarks.parts.dribble PORT COUNT`.

Prints a line once all are connected, and goes on until it is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys

KINDS = (
    b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n",
    b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n",
    b"POST /openai/v1/images/edits HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /studio/make/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000000\r\n\r\n",
    b"GET /v1/predictions HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
)
PART, PAUSE_S = 1000, 0.05


async def dribble(port: int, head: bytes) -> None:
    """Send one request a little at a time, until the server has had enough; then the next."""
    part = b"x" * PART
    if b"chunked" in head:
        part = b"%x\r\n%b\r\n" % (PART, part)
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            while not reader.at_eof():
                writer.write(part if b"X-Long" not in head else b"x")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(65536), PAUSE_S)
        await asyncio.sleep(PAUSE_S)


async def main(port: int, count: int) -> None:
    """So many of them at once, every kind in its turn."""
    kinds = itertools.islice(itertools.cycle(KINDS), count)
    async with asyncio.TaskGroup() as group:
        for head in kinds:
            group.create_task(dribble(port, head))
        await asyncio.sleep(1)
        print("dribbling", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
