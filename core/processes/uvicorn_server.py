"""uvicorn's server without its ten wake-ups a second: it sleeps until a signal or a connection wakes it. No Django."""

from __future__ import annotations

import asyncio
from types import FrameType

import uvicorn


class Server(uvicorn.Server):
    """Calls `on_tick` at its start and its end, and every `tick_s` seconds where that is given.

    Without ticks a `Date` header would be that of the start: leave it out (`date_header=False`).
    """

    tick_s: float | None = None

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Event | None = None

    async def main_loop(self) -> None:
        """Run until a signal arrives."""
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # With 0 it does at each tick what it otherwise does at every tenth, once a second.
        while not await self.on_tick(0):
            try:
                await asyncio.wait_for(self._woken.wait(), self.tick_s)
            except TimeoutError:
                continue

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Record the signal, and end the sleep. Before the loop runs, its first check finds the record."""
        super().handle_exit(sig, frame)
        if self._loop is not None and self._woken is not None:
            self._loop.call_soon_threadsafe(self._woken.set)
