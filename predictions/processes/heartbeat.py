"""Heartbeats: one row for each kind and instance, upserted in one statement without a transaction."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from core.clock import Now, after
from core.processes import programs
from predictions.models import Beat

EVERY_S = 10.0
"""Seconds between heartbeats of a part; `/health` takes one of the last half minute for fresh."""


def beat(kind: str, detail: dict[str, Any] | None = None, *, instance: str = "") -> None:
    """Record that a part of that kind is alive. Without `detail`, the stored one is kept.

    `instance` defaults to the one that the supervisor put in the environment.
    """
    beat_all({kind: detail}, instance=instance)


def beat_all(details: Mapping[str, dict[str, Any] | None], *, instance: str = "") -> None:
    """The same for several parts of one instance: one statement, or two where only some have a detail."""
    connection = connections[DEFAULT_DB_ALIAS]
    instance = instance or os.environ.get("DARKROOM_INSTANCE", "local")
    field = Beat._meta.get_field("detail")
    for has_detail in (False, True):
        batch = {kind: detail for kind, detail in details.items() if (detail is not None) is has_detail}
        if not batch:
            continue
        values: list[Any] = []
        for kind, detail in batch.items():
            values += [kind, instance, field.get_db_prep_save(detail or {}, connection)]
        with connection.cursor() as cursor:
            cursor.execute(_statement(connection.vendor, len(batch), has_detail), values)


def other_machines_alive() -> bool:
    """Whether the sweep of another machine was alive within the last half minute."""
    instance = os.environ.get("DARKROOM_INSTANCE", "local")
    alive = Beat.objects.filter(kind="sweep", at__gte=after(-30.0), at__lte=Now())
    return alive.exclude(instance=instance).exists()


@lru_cache(maxsize=32)
def _statement(vendor: str, rows: int, has_detail: bool) -> str:
    connection = connections[DEFAULT_DB_ALIAS]
    now, _ = Beat.objects.all().query.get_compiler(DEFAULT_DB_ALIAS).compile(Now())
    table = connection.ops.quote_name(Beat._meta.db_table)
    new = ", ".join([f"(%s, %s, {now}, %s)"] * rows)
    assignments = "at = excluded.at, detail = excluded.detail" if has_detail else "at = excluded.at"
    return (
        f"INSERT INTO {table} (kind, instance, at, detail) VALUES {new} "  # noqa: S608
        f"ON CONFLICT (kind, instance) DO UPDATE SET {assignments}"
    )


class Heartbeats:
    """Heartbeats of the loops of one process: the byte to the supervisor, and rows written in one statement for all.

    Each living loop calls `note` at least once a second; one that has not done so lately is taken for dead. While any
    is, the process sends no byte, and the supervisor restarts it.
    """

    def __init__(self, *kinds: str) -> None:
        self._seen = dict.fromkeys(kinds, time.monotonic())
        self._written: dict[str, float] = {}
        """By kind, of those that were noted at all."""
        self._lock = threading.Lock()

    def note(self, kind: str) -> bool:
        """Record that this loop is alive. Whether it is time for `write`."""
        now = time.monotonic()
        with self._lock:
            self._seen[kind] = now
            self._written.setdefault(kind, now - EVERY_S)
            if len(self._alive(now)) == len(self._seen):
                programs.report_alive()
            return self._is_due(now)

    def write(self) -> None:
        """Write the rows that are due. Raises what the database raises; they are then due again."""
        now = time.monotonic()
        with self._lock:
            if not self._is_due(now):
                return
            before = dict(self._written)
            alive = [kind for kind in self._alive(now) if kind in self._written]
            self._written.update(dict.fromkeys(alive, now))
        try:
            beat_all(dict.fromkeys(alive))
        except Exception:
            with self._lock:
                self._written |= {kind: before[kind] for kind in alive}
            raise

    def _alive(self, now: float) -> list[str]:
        return [kind for kind, seen in self._seen.items() if now - seen < EVERY_S]

    def _is_due(self, now: float) -> bool:
        return any(now - self._written[kind] >= EVERY_S for kind in self._alive(now) if kind in self._written)
