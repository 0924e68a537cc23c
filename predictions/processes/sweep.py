"""The sweep: every second finds lost or overdue work and wakes, ends or removes it. Two sweeps do no harm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.db.models import Q, QuerySet

from core.clock import Now
from core.db.due_rows import PART_S
from core.jobs import postgres_listener, scheduler, wakeups
from core.jobs.runner import DuePoller, PeriodicJob, Runner
from core.processes import programs
from predictions import availability, lifecycle
from predictions.execution import task_queue
from predictions.files import removal, uploads
from predictions.lifecycle import completion, strays
from predictions.models import Beat, IdempotencyKey, Phase, Prediction
from predictions.processes import due_times, heartbeat, service_status
from predictions.processes.hourly_audit import HourlyAudit
from predictions.submit import replays
from predictions.upstreams import circuits, webhook_secrets
from predictions.upstreams.health_check import Prober
from predictions.upstreams.webhook_secrets import Fetcher
from predictions.webhooks import delivery_log as deliveries

log = structlog.get_logger(__name__)

REPEAT_PAUSE_S = 0.05
"""Pause in seconds where a step left rows over."""
ROUND_S = 1.0
SLOW_ROUND_S = 60.0
SLOWEST_ROUND_S = 600.0
JUMP_S = 30.0
STOPPING_S = 5.0
BEATS_KEPT = timedelta(days=1)
KEYS_KEPT = timedelta(hours=24)
PRUNED_AT_ONCE = deliveries.PRUNED_AT_ONCE
PRUNE_S = 5.0
PRUNE_EVERY_S = 300.0


def run(stop: threading.Event) -> None:
    """Sweep until `stop` is set, in threads; one query a second tells which steps have something to do."""
    # Threads of their own for what waits for disks or has much to do, so that it delays no lease, limit or
    # wake-up.
    runners = {
        "sweep": Runner(
            [*recovery_steps(), *reminder_steps(), *background_steps()],
            pause_s=REPEAT_PAUSE_S,
            skips=_Clock().has_jumped,
        ),
        "chores": Runner(scheduler.jobs(), pause_s=scheduler.PAUSE_S),
        "removal": Runner(removal_steps(), pause_s=ROUND_S),
    }
    poller = DuePoller(step for runner in runners.values() for step in runner.jobs)
    helpers = [
        threading.Thread(target=poller.run, args=[stop], name="questions", daemon=True),
        *(
            threading.Thread(target=runner.run, args=[stop, poller], name=name, daemon=True)
            for name, runner in runners.items()
        ),
        threading.Thread(target=service_status.run, args=[stop], name="pulse", daemon=True),
        threading.Thread(
            target=postgres_listener.run,
            args=[stop, heartbeat.other_machines_alive],
            name="listener",
            daemon=True,
        ),
    ]
    for helper in helpers:
        helper.start()
    stop.wait()
    poller.close()
    # A step ends within about a second; what it leaves undone is still due.
    until = time.monotonic() + STOPPING_S
    for helper in helpers:
        helper.join(max(0.0, until - time.monotonic()))


def run_once() -> bool:
    """One round of every step that finds lost work, whether anything is due or not; for tests and by hand.

    Steps are independent and bounded in time, so that one that raises or has much to do stops no other. Whether any
    used up its time, so that more may be left.
    """
    return Runner(recovery_steps(), pause_s=0.0).round(None)


class _Clock:
    """Detects jumps of this machine's clock. Leases and limits depend on it, so one round is skipped after a jump."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def has_jumped(self) -> bool:
        drift = time.time() - time.monotonic() - self._offset
        if abs(drift) <= JUMP_S:
            return False
        log.error("clock_jumped", seconds=round(drift))
        self._offset += drift
        return True


def recovery_steps() -> list[PeriodicJob]:
    """Steps that find lost work, each with the query that shows whether there is any."""
    return [
        PeriodicJob("life", programs.report_alive),
        PeriodicJob("beat", _beat, every_s=heartbeat.EVERY_S),
        PeriodicJob("wake", _bounded(wake_due), _to_wake),
        PeriodicJob("leases", _bounded(lifecycle.take_back), lifecycle.leases_over),
        PeriodicJob("overdue starts", _bounded(lifecycle.give_up), lifecycle.overdue_starts),
        PeriodicJob("limits", _bounded(lifecycle.expire), completion.late),
        PeriodicJob("caps", _bounded(availability.fail_capped), availability.waiting_while_capped),
        PeriodicJob("forgotten starts", _bounded(strays.close_forgotten), strays.forgotten),
    ]


def background_steps() -> list[PeriodicJob]:
    """Steps that only start something and never wait for it."""
    prober, fetcher, audit = Prober(), Fetcher(), HourlyAudit()
    return [
        PeriodicJob("probes", prober.step, circuits.probes_due, max_interval_s=SLOWEST_ROUND_S),
        PeriodicJob(
            "hook secrets",
            fetcher.step,
            webhook_secrets.missing,
            every_s=SLOW_ROUND_S,
            max_interval_s=SLOWEST_ROUND_S,
        ),
        # It keeps its own time, without the database.
        PeriodicJob("audit", audit.step),
    ]


def reminder_steps() -> list[PeriodicJob]:
    """Wake-ups for watcher and poster about overdue items, in case the first was lost: they poll rarely.

    Workers need none: `wake_due` has just sent theirs again.
    """
    return [
        PeriodicJob(
            "overdue looks", partial(wakeups.send, wakeups.POLLS), due_times.overdue_polls, every_s=ROUND_S
        ),
        PeriodicJob(
            "overdue deliveries",
            partial(wakeups.send, wakeups.DELIVERIES),
            due_times.overdue_deliveries,
            every_s=ROUND_S,
        ),
    ]


def removal_steps() -> list[PeriodicJob]:
    """Steps that remove files and rows that nothing needs any more."""
    return [
        PeriodicJob(
            "unowned files", lambda: bool(removal.remove_unowned()), removal.unowned, every_s=ROUND_S
        ),
        PeriodicJob("temporary files", _none_left(removal.remove_old_temporary), every_s=SLOW_ROUND_S),
        PeriodicJob("uploads", _none_left(uploads.remove_unneeded), every_s=SLOW_ROUND_S),
        PeriodicJob("old rows", prune, every_s=PRUNE_EVERY_S),
    ]


def _bounded(step: Callable[[], object]) -> Callable[[], bool]:
    """The step as one that returns whether it was still finding rows when its time was over."""

    def do() -> bool:
        began = time.monotonic()
        return bool(step()) and time.monotonic() - began >= PART_S

    return do


def _none_left(step: Callable[[], object]) -> Callable[[], None]:
    """The step as one that never asks to be repeated at once, however much it did."""

    def do() -> None:
        step()

    return do


def wake_due() -> None:
    """Wake the workers for what is due and unclaimed: at most one wake-up of a kind a round."""
    if task_queue.depth() > 50:
        return
    start, collect, cancel = _to_wake()
    if start.exists():
        task_queue.wake("start")
    if collect.exists():
        task_queue.wake("collect")
    if cancel.exists():
        task_queue.wake("cancel")


def _to_wake() -> tuple[QuerySet[Prediction], QuerySet[Prediction], QuerySet[Prediction]]:
    """Predictions to start, to collect, and to cancel at their provider."""
    due = Q(not_before__isnull=True) | Q(not_before__lte=Now())
    unleased = Q(lease_until__isnull=True) | Q(lease_until__lte=Now())
    return (
        Prediction.objects.filter(due, phase=Phase.WAITING),
        Prediction.objects.filter(due, phase=Phase.RESULT),
        Prediction.objects.ended().filter(unleased, upstream_open=True),
    )


def _beat() -> None:
    heartbeat.beat("sweep")


def prune() -> bool:
    """Delete old rows of every growing table, each for a bounded time. Whether more are left."""
    more = False
    for delete_batch in (
        partial(_delete_oldest, Beat.objects.filter(at__lt=Now() - BEATS_KEPT)),
        partial(_delete_oldest, IdempotencyKey.objects.filter(created_at__lt=Now() - KEYS_KEPT)),
        partial(_delete_oldest, replays.forgotten()),
        deliveries.prune,
    ):
        until = time.monotonic() + PRUNE_S
        while is_left := delete_batch() >= PRUNED_AT_ONCE:
            if time.monotonic() >= until:
                break
        more = more or is_left
    return more


def _delete_oldest(rows: QuerySet[Any]) -> int:
    """Delete the oldest of these in one short transaction, so that no lock is held long."""
    # By a subquery, since a DELETE has no LIMIT.
    return rows.filter(pk__in=rows.order_by("pk").values("pk")[:PRUNED_AT_ONCE]).delete()[0]
