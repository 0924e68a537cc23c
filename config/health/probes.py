"""Middleware that answers `/livez`, `/readyz` and `/health` before everything else.

For any host name and any caller, without session and without the rules of the site. Responses are cached for a
moment, so that nobody makes them expensive.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils.cache import add_never_cache_headers
from django.utils.deprecation import MiddlewareMixin

from config.health import components, readiness

log = structlog.get_logger(__name__)
KEPT_S = 1.0
"""Seconds for which a response is cached."""
HUNG_S = 3.0
"""Longest wait for a report that is being made, in seconds."""
STORAGE_KEPT_S = 10.0
"""Seconds for which the result of a storage check is cached."""
PATHS = ("/livez", "/readyz", "/health")


@dataclass(frozen=True)
class Report:
    """Body of a probe's response: the overall state, and that of each part."""

    ok: bool
    body: dict[str, Any]

    def answer(self) -> HttpResponse:
        """200, or 503."""
        return JsonResponse(self.body, status=200 if self.ok else 503)


class Kept:
    """A cached report, made anew once it has expired. Of several concurrent callers one waits for it."""

    def __init__(self, make: Callable[[], Report]) -> None:
        self._make = make
        self._making = threading.Lock()
        self._report: Report | None = None
        self._until = float("-inf")

    def get(self) -> Report:
        """The report, at most a moment old; other callers get the last one while a new one is made.

        Unavailable where that takes `HUNG_S`: a database or a disk hangs.
        """
        last, age = self._report, time.monotonic() - self._until
        if last is not None and (age < 0 or (age < HUNG_S and self._making.locked())):
            return last
        if not self._making.acquire(timeout=HUNG_S):
            return Report(False, {"status": "unavailable"})
        try:
            if self._report is None or time.monotonic() >= self._until:
                self._report = self._make()
                self._until = time.monotonic() + KEPT_S
            return self._report
        finally:
            self._making.release()

    def forget(self) -> None:
        """Make it anew at the next call (for tests)."""
        self._report, self._until = None, float("-inf")


class _Storage:
    """Check of the storage by writing and reading a file, cached so that a probe costs nothing."""

    def __init__(self) -> None:
        self._words, self._until = "", float("-inf")

    def __call__(self) -> str:
        if time.monotonic() >= self._until:
            self._words = readiness.storage()
            self._until = time.monotonic() + (STORAGE_KEPT_S if not self._words else KEPT_S)
        return self._words


_storage = _Storage()


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


PARTS: dict[str, tuple[Callable[[], str], ...]] = {
    "database": (_database,),
    "migrations": (readiness.later_migrations, readiness.missing_migrations),
    "secrets": (readiness.foreign_secrets,),
    "clock": (readiness.clock_difference,),
    "storage": (_storage,),
    "static": (readiness.static_files,),
}
ASKS_DATABASE = ("database", "migrations", "secrets", "clock")
"""Checks that need the database; where the first finds it away the others are skipped, since each would wait."""
AWAY = "The database cannot be reached."
BROKE = "It could not be found out; see the log."
_said: dict[str, str] = {}


def _ready() -> Report:
    found: dict[str, str] = {}
    for name in PARTS:
        away = name in ASKS_DATABASE and found.get("database") == AWAY
        found[name] = AWAY if away else _fault(name)
    _log_changes(found)
    ok = not any(found.values())
    # The sentences go to the operator's log: they name settings, and anybody may call this.
    parts = {name: {"ok": not words, "state": "down" if words else "ok"} for name, words in found.items()}
    first = next((name for name, words in found.items() if words), "")
    status = {"status": "ok"} if ok else {"status": "unavailable", "part": first}
    return Report(ok, {**status, **parts})


def _fault(name: str) -> str:
    try:
        return next((words for ask in PARTS[name] if (words := ask())), "")
    except (DatabaseError, InterfaceError):
        return AWAY
    except Exception as error:
        if _said.get(name) != BROKE:
            log.error("readiness_broke", part=name, exc_info=error)
        return BROKE


def _log_changes(found: dict[str, str]) -> None:
    for name, words in found.items():
        if words and _said.get(name) != words:
            log.error("not_ready", part=name, why=words)
        elif not words and _said.get(name):
            log.info("ready_again", part=name)
        _said[name] = words


ready = Kept(_ready)
healthy = Kept(lambda: Report(*components.report()))


class ProbesMiddleware(MiddlewareMixin):
    """Responds to probes, by GET and HEAD."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """The response to a probe; None for every other path."""
        if request.path_info not in PATHS:
            return None
        if request.method not in {"GET", "HEAD"}:
            answer: HttpResponse = HttpResponseNotAllowed(["GET", "HEAD"])
        elif request.path_info == "/livez":
            answer = JsonResponse({"status": "ok"})
        else:
            answer = (ready if request.path_info == "/readyz" else healthy).get().answer()
        add_never_cache_headers(answer)
        # A probe that asks every few seconds must not fill the log with its own responses.
        answer._has_been_logged = True  # type: ignore[attr-defined]
        return answer
