"""Finds lost work and wakes or ends it, every second; removes what nobody owns. Two sweeps do no harm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.db import close_old_connections, connections
from django.db.models import Q, QuerySet

from accounts.clock import Now
from accounts.due_rows import PART_S
from predictions import availability, lifecycle, repeats
from predictions.delivery import log as deliveries
from predictions.files import removal, uploads
from predictions.lifecycle import strays
from predictions.models import Beat, IdempotencyKey, Phase, Prediction
from predictions.running import chores, life, pulse, queue
from predictions.running.auditing import HourlyAudit
from predictions.running.beats import beat
from predictions.upstreams.hook_secrets import Fetcher
from predictions.upstreams.probing import Prober

log = structlog.get_logger(__name__)

ROUND_S = 1.0
AT_ONCE_S = 0.05
"""The pause instead where a step left rows over."""
SLOW_ROUND_S = 60.0
JUMP_S = 30.0
BEATS_KEPT = timedelta(days=1)
KEYS_KEPT = timedelta(hours=24)
PRUNED_AT_ONCE = deliveries.PRUNED_AT_ONCE
PRUNE_S = 5.0


def run(stop: threading.Event) -> None:
    """Sweep until `stop` is set."""
    offset = time.time() - time.monotonic()
    slow_at, audit, prober, fetcher = 0.0, HourlyAudit(), Prober(), Fetcher()
    # Threads of their own for what waits for disks or has much to do: it holds back no lease, limit or wake-up.
    helpers = [
        threading.Thread(target=work, args=[stop], name=name, daemon=True)
        for name, work in (("chores", chores.run), ("removal", _remove_until), ("pulse", pulse.run))
    ]
    for helper in helpers:
        helper.start()
    more = False
    while not stop.wait(AT_ONCE_S if more else ROUND_S):
        life.sign()
        drift = time.time() - time.monotonic() - offset
        if abs(drift) > JUMP_S:
            # Leases and limits compare with the clock: after a jump one round is left out.
            log.error("clock_jumped", seconds=round(drift))
            offset += drift
            continue
        more = once()
        _step(prober.step)
        _step(audit.step)
        if time.monotonic() >= slow_at:
            slow_at = time.monotonic() + SLOW_ROUND_S
            _step(fetcher.step)
    # A chore ends its turn within about a second; what it leaves undone is still owed.
    for helper in helpers:
        helper.join(5.0)


def once() -> bool:
    """One round: each step on its own and for a bounded time, so that none that breaks or has much to do stops another.

    Whether a step used up its time, so that there may be more of it.
    """
    left = [
        _step(step)
        for step in (
            _beat,
            wake_due,
            lifecycle.take_back,
            lifecycle.give_up,
            lifecycle.expire,
            availability.end_capped,
            strays.close_forgotten,
        )
    ]
    close_old_connections()
    return any(left)


def _step(step: Callable[[], object]) -> bool:
    """Whether it dealt with rows until its time was over."""
    began = time.monotonic()
    try:
        dealt = step()
    except Exception:
        log.exception("sweep_step_broke", step=step.__name__)
        close_old_connections()
        return False
    return bool(dealt) and time.monotonic() - began >= PART_S


def _remove_until(stop: threading.Event) -> None:
    """Remove files and rows that nobody needs any more, until `stop` is set."""
    slow_at = 0.0
    while not stop.wait(ROUND_S):
        _step(removal.remove_unowned)
        if time.monotonic() >= slow_at:
            slow_at = time.monotonic() + SLOW_ROUND_S
            for step in (removal.remove_old_temporary, uploads.remove_unneeded, prune):
                _step(step)
        close_old_connections()
    connections.close_all()


def wake_due() -> None:
    """Wake the workers for what is due and unclaimed; at most one wake-up of a kind a round."""
    if queue.depth() > 50:
        return
    due = Prediction.objects.filter(phase=Phase.WAITING).filter(
        Q(not_before__isnull=True) | Q(not_before__lte=Now())
    )
    if due.exists():
        queue.wake("start")
    results = Prediction.objects.filter(phase=Phase.RESULT)
    if results.filter(Q(not_before__isnull=True) | Q(not_before__lte=Now())).exists():
        queue.wake("collect")
    strays = Prediction.objects.ended().filter(upstream_open=True)
    if strays.filter(Q(lease_until__isnull=True) | Q(lease_until__lte=Now())).exists():
        queue.wake("cancel")


def _beat() -> None:
    beat("sweep")


def prune() -> None:
    """Forget old rows of every kind that grows, some at a time and each kind for a bounded time."""
    for some in (
        partial(_forget_some, Beat.objects.filter(at__lt=Now() - BEATS_KEPT)),
        partial(_forget_some, IdempotencyKey.objects.filter(created_at__lt=Now() - KEYS_KEPT)),
        partial(_forget_some, repeats.forgotten()),
        deliveries.prune,
    ):
        until = time.monotonic() + PRUNE_S
        while some() >= PRUNED_AT_ONCE and time.monotonic() < until:
            pass


def _forget_some(rows: QuerySet[Any]) -> int:
    """Delete the oldest of these in a short transaction, so that nobody waits long for one."""
    # By key, since a DELETE has no limit.
    return rows.filter(pk__in=rows.order_by("pk").values("pk")[:PRUNED_AT_ONCE]).delete()[0]
