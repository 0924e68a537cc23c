"""Bounds how many passwords are hashed at once: each is half a second of a core and holds a web thread.

Whoever hashes enters the room, the hasher itself at the latest: sign-ins, sign-ups, new passwords, share links. A
quarter of the web threads may hash and as many more wait, so that whatever is sent, half of them are left for pages.
Whoever counts tries enters before the count: no try that waits here is counted.
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

MOST = 4
"""At once in one process, of however many threads: fewer than the wrong passwords of one member and network, so that
right ones at once, each counted until it was compared, never pass for guesses."""
WAIT_S = 5.0


class Busy(Exception):
    """As many are hashed as may be; nothing was looked at or counted. `wait`: seconds until it is worth a try."""

    wait = 5
    detail: Promise = _(
        "The server is busy checking other passwords and didn't get to yours. Try again in a few seconds."
    )


class Room:
    """So many threads at once, and so many more that wait for a place; a thread that is in may enter again."""

    def __init__(self, places: int, waiting: int) -> None:
        self._places = threading.Semaphore(places)
        self._waiting = threading.Semaphore(waiting)
        self._own = threading.local()

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Raises Busy where there is no place, nor one to wait at."""
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
ROOM = Room(min(MOST, max(1, _QUARTER)), min(MOST, _QUARTER))
"""The one of this process."""


class Hasher(PBKDF2PasswordHasher):
    """Django's own, its hashes too, in the room."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        with ROOM.enter():
            return super().encode(password, salt, iterations)


class TranslatedMinimumLength(MinimumLengthValidator):
    """Django's own, whose sentence its Chinese lacks."""

    def get_error_message(self) -> str:
        return gettext("This password is shorter than %(least)d characters.") % {"least": self.min_length}
