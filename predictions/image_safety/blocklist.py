"""Pictures that were removed, by their hash: the same one is refused, sent or made, mirrored too.

A process keeps all hashes as numbers and asks every other second whether there are new ones. A look over 100,000 of
them takes about a millisecond.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Max
from django.db.models.signals import post_save

from accounts.models import User
from core.clock import Now
from predictions.models import BlockedPicture

if TYPE_CHECKING:
    import numpy as np

KEPT_S = 2.0
NEAR = 64
"""Bits of 256 in which two pictures may differ and still be the same one; measured in docs/image-safety.md."""
_HASH = re.compile(r"[0-9a-f]{64}")
_MIRROR = bytes([0b10101010]) * 32
"""The bits of odd frequencies from left to right: in a mirrored picture exactly these are the other way round."""


class NoHash(ValueError):
    """What was given is no hash of a picture."""


def block(phash: str, *, reason: str = "", case: int | None = None, by: User | None = None) -> bool:
    """Refuse this picture from now on. False where it is blocked already. Raises NoHash, also for an empty one:
    a picture of one colour has none, or every other of one colour would be refused with it.
    """
    if not _HASH.fullmatch(phash):
        raise NoHash("This picture has no hash by which it could be known again.")
    try:
        with transaction.atomic():
            BlockedPicture.objects.create(phash=phash, reason=reason[:200], case=case, created_by=by)
    except IntegrityError:
        return False
    _changed()
    return True


def unblock(phash: str) -> bool:
    """Let this picture be sent and made again. False where it is not blocked."""
    with transaction.atomic():
        lifted = BlockedPicture.objects.filter(phash=phash, lifted_at__isnull=True).update(lifted_at=Now())
    _changed()
    return bool(lifted)


def is_blocked(phash: str) -> bool:
    """Whether this very picture, or one that looks the same, is blocked."""
    return current().find([phash]) is not None


@dataclass(frozen=True)
class Found:
    """A blocked picture that another one is the same as."""

    pk: int
    distance: int
    """Bits in which they differ."""


class Blocked:
    """All blocked pictures, as they were a moment ago. May be asked from any thread."""

    def __init__(self, keys: Sequence[int] = (), packed: bytes = b"") -> None:
        """`packed`: their hashes one after the other, 32 bytes each."""
        self.keys = tuple(keys)
        self._packed = packed
        self._hashes = _numbers(packed) if packed else None

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, phashes: Iterable[str]) -> Found | None:
        """The blocked picture that one of these is most like, if it is near enough to be the same."""
        best: Found | None = None
        for phash in phashes:
            if self._hashes is None or not _HASH.fullmatch(phash):
                continue
            for looked in _both_ways(phash):
                apart = _apart(self._hashes, looked)
                place = int(apart.argmin())
                if apart[place] <= NEAR and (best is None or apart[place] < best.distance):
                    best = Found(self.keys[place], int(apart[place]))
        return best

    def with_more(self, more: Blocked) -> Blocked:
        """These and others."""
        return Blocked(self.keys + more.keys, self._packed + more._packed)


def distance(first: str, second: str) -> int:
    """Bits in which two hashes differ, the nearer way round."""
    one = _numbers(bytes.fromhex(first))
    return min(int(_apart(one, way)[0]) for way in _both_ways(second))


# NumPy is imported where it is needed: a house that has blocked nothing never pays for it.


def _numbers(packed: bytes) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.frombuffer(packed, dtype=np.uint64).reshape(-1, 4)


def _both_ways(phash: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    one = _numbers(bytes.fromhex(phash))[0]
    return one, one ^ _numbers(_MIRROR)[0]


def _apart(hashes: np.ndarray[Any, Any], one: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.bitwise_count(hashes ^ one).sum(axis=1, dtype=np.int64)


@dataclass(frozen=True)
class _Kept:
    at: float
    newest: int | None
    lifted: tuple[int, datetime | None]
    """How many were lifted, and the last of it."""
    blocked: Blocked
    rows: int = 0
    """How many there were, lifted ones too: of two written at once the one with the larger key may be seen first."""


_lock = threading.Lock()
_kept: _Kept | None = None


def current() -> Blocked:
    """All that are blocked, as of at most two seconds ago."""
    global _kept
    now = time.monotonic()
    kept = _kept
    if kept is not None and now - kept.at <= KEPT_S:
        return kept.blocked
    with _lock:
        now_is = BlockedPicture.objects.order_by().aggregate(
            newest=Max("pk"), rows=Count("pk"), lifts=Count("lifted_at"), last=Max("lifted_at")
        )
        newest, rows, lifted = now_is["newest"], now_is["rows"], (now_is["lifts"], now_is["last"])
        if kept is not None and (kept.newest, kept.rows, kept.lifted) == (newest, rows, lifted):
            blocked = kept.blocked
        elif kept is not None and kept.lifted == lifted and (kept.newest or 0) < (newest or 0):
            # Only new ones: what is known already is not read again, unless one came late among it.
            blocked = kept.blocked.with_more(_read(after=kept.newest or 0))
            if len(blocked) != rows - lifted[0]:
                blocked = _read()
        else:
            blocked = _read()
        _kept = _Kept(now, newest, lifted, blocked, rows)
        return blocked


def keep(blocked: Blocked) -> None:
    """Take these for all that are blocked, without asking the database."""
    global _kept
    _kept = _Kept(time.monotonic(), None, (0, None), blocked)


def forget(**_kwargs: Any) -> None:
    """Ask anew next time."""
    global _kept
    _kept = None


def connect_signals() -> None:
    """Have this process see its own changes at once; called once when the app is ready."""
    post_save.connect(forget, sender=BlockedPicture, dispatch_uid="judging-blocked")


def _changed() -> None:
    """This process sees it at once, whether or not it is asked before the transaction ends."""
    forget()
    transaction.on_commit(forget)


def _read(after: int = 0) -> Blocked:
    rows = BlockedPicture.objects.filter(pk__gt=after, lifted_at__isnull=True).order_by("pk")
    found = [(pk, phash) for pk, phash in rows.values_list("pk", "phash") if _HASH.fullmatch(phash)]
    return Blocked([pk for pk, _phash in found], b"".join(bytes.fromhex(phash) for _pk, phash in found))
