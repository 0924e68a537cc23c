"""Open provider sessions of one event loop, kept for as long as it runs."""

from __future__ import annotations

import asyncio
import contextlib

from predictions.providers.base import Provider

LATE_S = 120.0
"""Seconds after which no call uses the connections of a provider's former settings any more."""


class Sessions:
    """The open sessions of one loop, by provider."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Provider, contextlib.AsyncExitStack]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def keep(self, provider: Provider) -> None:
        """Open a session to this provider; one with other settings under the same name is closed later."""
        known = self._open.get(provider.name)
        if known is not None and known[0] is provider:
            return
        stack = contextlib.AsyncExitStack()
        await stack.enter_async_context(provider.session())
        self._open[provider.name] = provider, stack
        if known is not None:
            # Not at once: calls that are under way use them.
            task = asyncio.create_task(_close_late(known[1]))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all sessions."""
        for task in self._closing:
            task.cancel()
        for _provider, stack in self._open.values():
            await stack.aclose()
        self._open.clear()


async def _close_late(stack: contextlib.AsyncExitStack) -> None:
    try:
        await asyncio.sleep(LATE_S)
    finally:
        await stack.aclose()
