"""Runs the same moment in several threads, each with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection


def together(calls: Sequence[Callable[[], Any]], within_s: float = 120) -> list[Any]:
    """Start all calls at once and answer their results in order; what a call raised is its result.

    For tests marked `django_db(transaction=True)`. Connections are closed, so that the database can go after.
    """
    results: list[Any] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(number: int, call: Callable[[], Any]) -> None:
        try:
            gate.wait(30)
            results[number] = call()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n, call), daemon=True) for n, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(within_s)
    assert not any(thread.is_alive() for thread in threads), "a racing call never came back"
    return results


LIMIT_S = 60.0


class Beside(threading.Thread):
    """Something that happens meanwhile, on a connection of its own; what it raised is raised by `end`."""

    def __init__(self, call: object, *given: object, **named: object) -> None:
        super().__init__(daemon=True)
        self._call, self._given, self._named = call, given, named
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._call(*self._given, **self._named)  # type: ignore[operator]
        except BaseException as error:
            self._error = error
        finally:
            connection.close()

    def waits(self) -> None:
        """Return once it waits for a lock that is held here."""
        ended = threading.Event()
        for _turn in range(int(LIMIT_S / 0.05)):
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                (waiting,) = cursor.fetchone()
            if waiting:
                return
            ended.wait(0.05)
        raise AssertionError("it waits for nothing")

    def end(self) -> None:
        self.join(LIMIT_S)
        assert not self.is_alive()
        if self._error is not None:
            raise self._error
