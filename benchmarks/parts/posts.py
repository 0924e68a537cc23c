"""Posts what is owed to many receivers, and measures: `python -m benchmarks.parts.posts SCHEME ROUNDS PORT …`.

Fills an empty database, then each round owes one event to each receiver, four times over, and has a real poster work
them off beside a clock that notes how late its loop is. The control posts the very same bodies over bare streams.
Prints JSON: by round the processor seconds of a post and the longest lag of the loop in seconds, of both.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import redirect_stdout
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.parts.settings")
EACH = 4
ACCOUNTS = 16
TICK_S = 0.002


def main() -> None:
    """Fill, then measure as often as was asked for."""
    import django

    scheme, rounds, ports = sys.argv[1], int(sys.argv[2]), [int(port) for port in sys.argv[3:]]
    urls = [f"{scheme}://127.0.0.1:{port}/hook" for port in ports]
    with redirect_stdout(sys.stderr):
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        predictions = fill(urls)
    # In the first one caches are filled and modules imported.
    measured(predictions, urls)
    # As the poster's process does when it starts.
    gc.collect()
    gc.freeze()
    json.dump([measured(predictions, urls) for _ in range(rounds)], sys.stdout)


def fill(urls: list[str]) -> list[Any]:
    """Ended predictions of several accounts, each with a receiver of its own; so many for each receiver."""
    from django.utils import timezone

    from accounts.models import MICRO, User
    from benchmarks.parts.fill import INPUT, MODEL
    from predictions.catalogue import loader, lookup
    from predictions.models import Phase, Prediction, Price, Status

    loader.load()
    version, now = lookup.find_version(MODEL), timezone.now()
    price = Price.objects.filter(model=version.model).latest("number")
    users = [
        User.objects.create_user(f"bench{number}", f"{number}@example.org", "not used")
        for number in range(ACCOUNTS)
    ]
    wanted = [(users[index % ACCOUNTS], url) for _ in range(EACH) for index, url in enumerate(urls)]
    return Prediction.objects.bulk_create(
        Prediction(
            account=user.account, user=user, model=version.model, version=version, input=INPUT, price=price,
            status=Status.SUCCEEDED, phase=Phase.ENDED, output=["/f/x/out-0.png"], logs="Using seed: 1\n" * 20,
            metrics={"predict_time": 1.5}, created_at=now, started_at=now, completed_at=now, must_end_by=now,
            ceiling=MICRO, charge=MICRO, webhook=url, webhook_events=["completed"], origin="http://127.0.0.1",
        )
        for user, url in wanted
    )  # fmt: skip


def measured(predictions: list[Any], urls: list[str]) -> dict[str, float]:
    """One round of both."""
    from predictions.models import Delivery
    from predictions.webhooks.delivery_loop import _Poster

    Delivery.objects.all().delete()
    Delivery.objects.bulk_create(
        Delivery(account_id=one.account_id, prediction=one, event="completed") for one in predictions
    )
    cpu, lag = asyncio.run(watched(lambda: _Poster(None).run()))
    bodies = list(Delivery.objects.filter(state="delivered").values_list("body", flat=True))
    if len(bodies) != len(predictions):
        raise SystemExit(f"{len(bodies)} of {len(predictions)} were delivered.")
    context = ssl.create_default_context() if urls[0].startswith("https") else None
    posts = [(one.webhook, body) for one, body in zip(predictions, bodies, strict=True)]
    bare_cpu, bare_lag = asyncio.run(watched(lambda: bare(posts, context, len(urls))))
    each = len(predictions)
    return {"cpu": cpu / each, "lag": lag, "control_cpu": bare_cpu / each, "control_lag": bare_lag}


async def watched(work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Processor seconds that it took, and by how much the loop was late at most."""
    late: list[float] = [0.0]

    async def clock() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK_S)
            late.append(time.monotonic() - before - TICK_S)

    watching = asyncio.create_task(clock())
    began = time.process_time()
    await work()
    spent = time.process_time() - began
    watching.cancel()
    return spent, max(late)


async def bare(posts: list[tuple[str, str]], context: ssl.SSLContext | None, at_once: int) -> None:
    """The same posts over streams, as many side by side."""
    room = asyncio.Semaphore(at_once)

    async def post(url: str, body: str) -> None:
        port, data = int(url.split(":")[2].split("/")[0]), body.encode()
        async with room:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.write(
                b"POST /hook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(data) + data
            )
            await reader.read()
            writer.close()

    await asyncio.gather(*(post(*one) for one in posts))


if __name__ == "__main__":
    main()
