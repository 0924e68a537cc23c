"""Password hashing with bounded concurrency: each hash takes half a second of a core and holds a web thread.

All hashing passes through `ROOM`, in the hasher at the latest: sign-ins, sign-ups, password changes, share links. A
quarter of the web threads may hash and as many may wait, which leaves half of them for other pages under any load.
Code that counts attempts enters before counting, so that no waiting attempt is counted.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

MAX_CONCURRENT = 4
"""Concurrent hashes in one process, whatever its threads: fewer than the wrong passwords that one user and network may
send, so that concurrent right ones, each counted until compared, never reach that limit."""
WAIT_S = 5.0


class Busy(Exception):
    """No free place to hash; nothing was examined or counted. `wait`: seconds to wait before retrying."""

    wait = 5
    detail: Promise = _(
        "The server is busy checking other passwords and didn't get to yours. Try again in a few seconds."
    )


class HashingSlots:
    """A bounded number of threads, and a bounded number waiting for a place; reentrant within a thread."""

    def __init__(self, places: int, waiting: int) -> None:
        self._places = threading.Semaphore(places)
        self._waiting = threading.Semaphore(waiting)
        self._own = threading.local()

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a place. Raises Busy where none is free within `WAIT_S`, or too many wait already."""
        if getattr(self._own, "is_in", False):
            yield
            return
        if not (self._places.acquire(blocking=False) or self._wait()):
            raise Busy
        self._own.is_in = True
        try:
            yield
        finally:
            self._own.is_in = False
            self._places.release()

    def _wait(self) -> bool:
        if not self._waiting.acquire(blocking=False):
            return False
        try:
            return self._places.acquire(timeout=WAIT_S)
        finally:
            self._waiting.release()


_QUARTER = settings.WEB_THREADS // 4
HASHING_SLOTS = HashingSlots(min(MAX_CONCURRENT, max(1, _QUARTER)), min(MAX_CONCURRENT, _QUARTER))
"""The process-wide instance."""


class Hasher(PBKDF2PasswordHasher):
    """Django's PBKDF2 hasher, with the same hashes, run inside `ROOM`."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        with HASHING_SLOTS.enter():
            return super().encode(password, salt, iterations)


class TranslatedMinimumLength(MinimumLengthValidator):
    """Django's validator with a message of our own, because Django's Chinese catalogue lacks it."""

    def get_error_message(self) -> str:
        return gettext("This password is shorter than %(least)d characters.") % {"least": self.min_length}
