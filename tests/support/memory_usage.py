"""What is still held when something has ended, without the cycle collector's help."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Callable

MIB = 1024 * 1024


async def held_after(call: Callable[[], Awaitable[object]]) -> int:
    """Bytes that Python objects made by `call` still take once what it gave is dropped, and nothing was collected.

    How seldom the collector comes by differs from Python to Python; what waits for it may be counted on nowhere.
    """
    # What was there before is not counted: it need not be collected first, which takes half a second in a long run.
    gc.disable()
    tracemalloc.start()
    try:
        await call()
        # The loop's own steps, and a thread that is just letting go of its work, hold what they ran a little longer.
        for _ in range(10):
            await asyncio.sleep(0.01)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
