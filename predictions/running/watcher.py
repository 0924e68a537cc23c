"""One asyncio loop over everything in flight: looks, notes what changed, ends what ended. No worker waits for a job."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from django.db import close_old_connections

from predictions import lifecycle
from predictions.models import Prediction
from predictions.providers.base import Job, Provider, ProviderError, Update
from predictions.providers.registry import UnknownProvider
from predictions.running import providers, tasks
from predictions.running.beats import beat

log = structlog.get_logger(__name__)
T = TypeVar("T")

TICK_S = 0.1
LOOK_S = 0.25
# Words that somebody reads while they come.
STREAM_S = 0.1
TROUBLED_S = 0.5
AT_ONCE = 64
BEAT_S = 5.0


def run(stop: threading.Event) -> None:
    """Watch until `stop` is set. A tick that breaks is logged and the next one tries again."""
    asyncio.run(_run(stop))


async def _run(stop: threading.Event) -> None:
    # One thread with one connection for everything that asks the database.
    with ThreadPoolExecutor(1, thread_name_prefix="watcher-db") as database:
        loop = asyncio.get_running_loop()

        def ask(function: Callable[[], T]) -> asyncio.Future[T]:
            return loop.run_in_executor(database, function)

        gate, flying, beaten = asyncio.Semaphore(AT_ONCE), set[asyncio.Task[None]](), -BEAT_S
        while not stop.is_set():
            try:
                if loop.time() - beaten >= BEAT_S:
                    await ask(_beat)
                    beaten = loop.time()
                for prediction in await ask(lifecycle.claim_looks):
                    task = asyncio.create_task(_look(prediction, gate, ask))
                    flying.add(task)
                    task.add_done_callback(flying.discard)
            except Exception:
                log.exception("watch_broke")
                await ask(close_old_connections)
                await asyncio.sleep(1.0)
            await asyncio.sleep(TICK_S)
        await asyncio.gather(*flying, return_exceptions=True)


async def _look(
    prediction: Prediction,
    gate: asyncio.Semaphore,
    ask: Callable[[Callable[[], object]], asyncio.Future[object]],
) -> None:
    async with gate:
        try:
            update = await _check(prediction)
        except ProviderError as error:
            log.info("check_failed", prediction=prediction.public_id, reason=str(error))
            pause = error.retry_after or TROUBLED_S
            await ask(lambda: lifecycle.look_again(prediction, pause, seen=False))
            return
        except Exception:
            # The row was pushed ahead when it was claimed: one that breaks its look stops no other.
            log.exception("look_broke", prediction=prediction.public_id)
            return
        try:
            await ask(lambda: _report(prediction, update))
        except Exception:
            log.exception("report_broke", prediction=prediction.public_id)


async def _check(prediction: Prediction) -> Update:
    try:
        provider: Provider = providers.provider(prediction.provider)
    except UnknownProvider as error:
        raise ProviderError(str(error), permanent=False) from None
    return await provider.check(Job(id=prediction.job_id, instance=prediction.job_instance))


def _report(prediction: Prediction, update: Update) -> None:
    if update.is_final:
        tasks.finish(prediction, update)
    else:
        lifecycle.note(prediction, update, STREAM_S if prediction.version.streams_text else LOOK_S)


def _beat() -> None:
    beat("watcher")
