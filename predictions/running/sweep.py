"""Finds lost work and wakes or ends it; removes what nobody owns. Every second; two sweeps do no harm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import structlog
from django.db import close_old_connections
from django.db.models import Q

from accounts.clock import Now
from predictions import availability, lifecycle, repeats
from predictions.delivery import log as deliveries
from predictions.files import media, uploads
from predictions.lifecycle import strays
from predictions.models import Beat, IdempotencyKey, Phase, Prediction
from predictions.running import chores, queue
from predictions.running.auditing import HourlyAudit
from predictions.running.beats import beat
from predictions.upstreams.hook_secrets import Fetcher
from predictions.upstreams.probing import Prober

log = structlog.get_logger(__name__)

ROUND_S = 1.0
SLOW_ROUND_S = 60.0
JUMP_S = 30.0
BEATS_KEPT = timedelta(days=1)
KEYS_KEPT = timedelta(hours=24)


def run(stop: threading.Event) -> None:
    """Sweep until `stop` is set."""
    slow_at, offset = 0.0, time.time() - time.monotonic()
    audit, prober, fetcher = HourlyAudit(), Prober(), Fetcher()
    helper = threading.Thread(target=chores.run, args=[stop], name="chores", daemon=True)
    helper.start()
    while not stop.wait(ROUND_S):
        drift = time.time() - time.monotonic() - offset
        if abs(drift) > JUMP_S:
            # Leases and limits compare with the clock: after a jump one round is left out.
            log.error("clock_jumped", seconds=round(drift))
            offset += drift
            continue
        once()
        _step(prober.step)
        _step(audit.step)
        if time.monotonic() >= slow_at:
            slow_at = time.monotonic() + SLOW_ROUND_S
            _step(fetcher.step)
            _step(media.remove_old_temporary)
            _step(uploads.remove_unneeded)
            _step(_prune)
            _step(repeats.prune)
    # A chore ends its turn within about a second; what it leaves undone is still owed.
    helper.join(5.0)


def once() -> None:
    """One round: each step on its own, so that one that breaks stops no other."""
    for step in (
        _beat,
        lifecycle.take_back,
        lifecycle.give_up,
        lifecycle.expire,
        availability.end_capped,
        strays.close_forgotten,
        wake_due,
        media.remove_unowned,
    ):
        _step(step)
    close_old_connections()


def _step(step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:
        log.exception("sweep_step_broke", step=step.__name__)
        close_old_connections()


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


def _prune() -> None:
    Beat.objects.filter(at__lt=Now() - BEATS_KEPT).delete()
    IdempotencyKey.objects.filter(created_at__lt=Now() - KEYS_KEPT).delete()
    deliveries.prune()
