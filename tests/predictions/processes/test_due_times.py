"""The alarm of the watcher and of the webhook poster: when it rings, and what it says of why."""

from __future__ import annotations

import asyncio

import pytest

from core.jobs import wakeups
from predictions.processes.due_times import Alarm


@pytest.mark.parametrize("kind", [wakeups.POLLS, wakeups.DELIVERIES])
def test_a_wakeup_is_reported_once_and_the_next_ring_is_one_of_the_clock(kind: str) -> None:
    async def rings() -> list[bool]:
        alarm = Alarm(kind)
        try:
            alarm.set(soonest=0.0)
            wakeups.send(kind)
            first = await alarm.wait()
            alarm.set(soonest=0.0)
            alarm.sooner(0.01)
            return [first, await alarm.wait()]
        finally:
            alarm.close()

    assert asyncio.run(rings()) == [True, False]
