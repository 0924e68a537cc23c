"""Signs of life: one row for each kind and instance, written over and over, in one statement and no transaction."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from accounts.clock import Now
from predictions.models import Beat

EVERY_S = 5.0
"""How often a part gives its sign: `/health` takes one of half a minute for fresh."""


def beat(kind: str, detail: dict[str, Any] | None = None, *, instance: str = "") -> None:
    """Note that a part of that kind lives now. `detail` is kept where none is given.

    Without `instance` the one that the supervisor named in the environment counts.
    """
    beat_all({kind: detail}, instance=instance)


def beat_all(details: Mapping[str, dict[str, Any] | None], *, instance: str = "") -> None:
    """The same for several parts of one instance; one statement, two where some have a detail and others none."""
    connection = connections[DEFAULT_DB_ALIAS]
    instance = instance or os.environ.get("DARKROOM_INSTANCE", "local")
    field = Beat._meta.get_field("detail")
    for has_detail in (False, True):
        found = {kind: detail for kind, detail in details.items() if (detail is not None) is has_detail}
        if not found:
            continue
        values: list[Any] = []
        for kind, detail in found.items():
            values += [kind, instance, field.get_db_prep_save(detail or {}, connection)]
        with connection.cursor() as cursor:
            cursor.execute(_statement(connection.vendor, len(found), has_detail), values)


@lru_cache(maxsize=32)
def _statement(vendor: str, rows: int, has_detail: bool) -> str:
    connection = connections[DEFAULT_DB_ALIAS]
    now, _ = Beat.objects.all().query.get_compiler(DEFAULT_DB_ALIAS).compile(Now())
    table = connection.ops.quote_name(Beat._meta.db_table)
    new = ", ".join([f"(%s, %s, {now}, %s)"] * rows)
    said = "at = excluded.at, detail = excluded.detail" if has_detail else "at = excluded.at"
    return (
        f"INSERT INTO {table} (kind, instance, at, detail) VALUES {new} "  # noqa: S608
        f"ON CONFLICT (kind, instance) DO UPDATE SET {said}"
    )


class Signs:
    """Signs of life of several loops of one process, written together by whichever comes when they are due.

    Only a loop that has come within the time gives one: each comes at least once a second while it lives.
    """

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._written = -EVERY_S
        self._lock = threading.Lock()

    def give(self, kind: str) -> None:
        """This loop lives. Raises what the database raises, and is then due again at the next call."""
        now = time.monotonic()
        with self._lock:
            is_new = kind not in self._seen
            self._seen[kind] = now
            if now - self._written < EVERY_S and not is_new:
                return
            written, self._written = self._written, now
            alive = [kind for kind, seen in self._seen.items() if now - seen < EVERY_S]
        try:
            beat_all(dict.fromkeys(alive))
        except Exception:
            with self._lock:
                self._written = written
            raise

    def is_due(self, kind: str) -> bool:
        """Whether `give` would write now; else it only notes that the loop lives, and may be called anywhere."""
        with self._lock:
            return time.monotonic() - self._written >= EVERY_S or kind not in self._seen
