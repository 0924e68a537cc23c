"""Removing uploads in a process of its own: `python -m benchmarks.parts.uploads` prints its milliseconds as JSON.

One account has predictions waiting, each of which names an upload; of its other uploads some are deleted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from typing import Any

import psutil

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.parts.settings")
os.environ["DARKROOM_PROCESS_ROLE"] = "work"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--waiting", type=int, default=300)
    parser.add_argument("--kilobytes", type=int, default=20)
    parser.add_argument("--server", type=int, default=0, help="process id of the database's server")
    given = parser.parse_args()
    import django

    with redirect_stdout(sys.stderr):
        django.setup()
        from django.core.management import call_command

        from predictions.files import removal, uploads

        call_command("migrate", verbosity=0)
        fill(given.uploads, given.waiting, given.kilobytes)
        parts = {
            f"remove {given.uploads} uploads beside {given.waiting} waiting": uploads.remove_unneeded,
            "remove their files": removal.remove_unowned,
        }
        found = {what: measured(do, given.uploads, given.server) for what, do in parts.items()}
    json.dump({"parts": found, "control": control()}, sys.stdout)


def fill(count: int, waiting: int, kilobytes: int) -> None:
    """Make the rows: waiting predictions of one account, the upload that they name, and deleted ones."""
    from django.db import connection
    from django.utils import timezone

    from accounts.models import MICRO, User
    from accounts.personal_accounts import ensure_account
    from predictions.catalogue import loader
    from predictions.files import uploads
    from predictions.models import Prediction, Upload, UploadUse, Version
    from predictions.submit import quotas

    loader.load()
    user = User.objects.create_user("waiting")
    account = ensure_account(user)
    version = Version.objects.select_related("model").order_by("pk")[0]
    price = version.model.prices.latest("number")

    def send(number: int) -> Upload:
        return uploads.keep(user, account, uploads.Sent("a.bin", "", {}), [b"%d" % number])

    needed, far = send(0), timezone.now() + timedelta(days=1)
    rows = Prediction.objects.bulk_create(
        Prediction(
            account=account, user=user, model=version.model, version=version, price=price, ceiling=MICRO,
            must_end_by=far, input={"prompt": "a" * 1024 * kilobytes},
        )
        for _number in range(waiting)
    )  # fmt: skip
    UploadUse.objects.bulk_create(UploadUse(upload=needed, prediction=row) for row in rows)
    for number in range(count):
        uploads.take_away(send(number + 1).pk)
    quotas.recount(account.pk)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def measured(do: Callable[[], int], expected: int, server: int) -> dict[str, float]:
    """Milliseconds of processor that it takes in all; of its longest transaction, as they pass and of processor."""
    with transactions() as lasted:
        began = _processor(server)
        removed = do()
        cpu = (_processor(server) - began) * 1000
    if removed != expected:
        raise SystemExit(f"{removed} were removed.")
    passed, worked = zip(*lasted, strict=True)
    return {"cpu": cpu, "longest": max(passed), "longest_cpu": max(worked)}


@contextmanager
def transactions() -> Iterator[list[tuple[float, float]]]:
    """Milliseconds of each outermost transaction, its commit included: as they pass, and of this process's processor,
    which neighbours do not disturb.
    """
    from django.db.transaction import Atomic

    lasted: list[tuple[float, float]] = []
    begun: list[tuple[float, float]] = []
    enter, leave = Atomic.__enter__, Atomic.__exit__

    def entering(self: Any) -> None:
        begun.append((time.perf_counter(), time.process_time()))
        enter(self)

    def leaving(self: Any, *error: Any) -> None:
        leave(self, *error)
        at, used = begun.pop()
        if not begun:
            lasted.append(((time.perf_counter() - at) * 1000, (time.process_time() - used) * 1000))

    Atomic.__enter__, Atomic.__exit__ = entering, leaving  # type: ignore[method-assign]
    try:
        yield lasted
    finally:
        Atomic.__enter__, Atomic.__exit__ = enter, leave  # type: ignore[method-assign]


def _processor(server: int) -> float:
    """Seconds of processor so far: this process's, and those of the database's server with its children."""
    seconds = time.process_time()
    if server:
        parent = psutil.Process(server)
        seconds += sum(sum(one.cpu_times()[:2]) for one in [parent, *parent.children()])
    return seconds


def control(rounds: int = 50) -> float:
    """Milliseconds of one row changed by its key and committed, in the median."""
    from django.db import connection

    from predictions.models import Prediction

    times = []
    for public_id in Prediction.objects.values_list("public_id", flat=True)[:rounds]:
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE predictions_prediction SET claim = claim || '' WHERE public_id = %s", [public_id]
            )
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    main()
