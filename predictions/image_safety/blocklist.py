"""Blocklist of removed pictures by perceptual hash: a similar one is refused, uploaded or generated, mirrored too.

Each process keeps all hashes as numbers in memory and checks for changes every two seconds. A search among 100,000 of
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

CACHE_S = 2.0
"""Seconds for which the hashes in memory are used without asking the database."""
MAX_DISTANCE = 64
"""Bits of 256 in which two pictures may differ and still count as the same; measured in docs/image-safety.md."""
_HASH = re.compile(r"[0-9a-f]{64}")
_MIRROR = bytes([0b10101010]) * 32
"""Bits of odd horizontal frequencies: mirroring a picture flips exactly these."""


class NoHash(ValueError):
    """Not a perceptual hash."""


def block(phash: str, *, reason: str = "", case: int | None = None, by: User | None = None) -> bool:
    """Block this picture from now on. False where it is blocked already.

    Raises NoHash, also for an empty hash: a picture of a single colour has none, or every other one would be blocked
    with it.
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
    """Allow this picture again. False where it is not blocked."""
    with transaction.atomic():
        lifted = BlockedPicture.objects.filter(phash=phash, lifted_at__isnull=True).update(lifted_at=Now())
    _changed()
    return bool(lifted)


def is_blocked(phash: str) -> bool:
    """Whether this picture, or one that looks the same, is blocked."""
    return current().find([phash]) is not None


@dataclass(frozen=True)
class BlocklistMatch:
    """A blocked picture that another one matches."""

    pk: int
    distance: int
    """Number of bits in which they differ."""


class BlocklistSnapshot:
    """A snapshot of all blocked pictures. Thread-safe."""

    def __init__(self, keys: Sequence[int] = (), packed: bytes = b"") -> None:
        """`packed`: their hashes concatenated, 32 bytes each."""
        self.keys = tuple(keys)
        self._packed = packed
        self._hashes = _numbers(packed) if packed else None

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, phashes: Iterable[str]) -> BlocklistMatch | None:
        """The blocked picture that is nearest to one of these, if it is near enough to be the same."""
        best: BlocklistMatch | None = None
        for phash in phashes:
            if self._hashes is None or not _HASH.fullmatch(phash):
                continue
            for variant in _with_mirrored(phash):
                distances = _distances(self._hashes, variant)
                index = int(distances.argmin())
                if distances[index] <= MAX_DISTANCE and (best is None or distances[index] < best.distance):
                    best = BlocklistMatch(self.keys[index], int(distances[index]))
        return best

    def merged(self, others: BlocklistSnapshot) -> BlocklistSnapshot:
        """A snapshot of these and others."""
        return BlocklistSnapshot(self.keys + others.keys, self._packed + others._packed)


def distance(first: str, second: str) -> int:
    """Bits in which two hashes differ, the second also taken as mirrored: the smaller of both."""
    first_ = _numbers(bytes.fromhex(first))
    return min(int(_distances(first_, variant)[0]) for variant in _with_mirrored(second))


# NumPy is imported inside functions: a server that has blocked nothing never loads it.


def _numbers(packed: bytes) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.frombuffer(packed, dtype=np.uint64).reshape(-1, 4)


def _with_mirrored(phash: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    own = _numbers(bytes.fromhex(phash))[0]
    return own, own ^ _numbers(_MIRROR)[0]


def _distances(hashes: np.ndarray[Any, Any], own: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.bitwise_count(hashes ^ own).sum(axis=1, dtype=np.int64)


@dataclass(frozen=True)
class _Cached:
    at: float
    newest: int | None
    lifted: tuple[int, datetime | None]
    """How many were unblocked, and when last."""
    blocked: BlocklistSnapshot
    rows: int = 0
    """All rows, unblocked ones too: of two inserted at once the larger key may become visible first."""


_lock = threading.Lock()
_cached: _Cached | None = None


def current() -> BlocklistSnapshot:
    """The snapshot, at most `CACHE_S` old."""
    global _cached
    now = time.monotonic()
    cached = _cached
    if cached is not None and now - cached.at <= CACHE_S:
        return cached.blocked
    with _lock:
        state = BlockedPicture.objects.order_by().aggregate(
            newest=Max("pk"), rows=Count("pk"), lifts=Count("lifted_at"), last=Max("lifted_at")
        )
        newest, rows, lifted = state["newest"], state["rows"], (state["lifts"], state["last"])
        if cached is not None and (cached.newest, cached.rows, cached.lifted) == (newest, rows, lifted):
            blocked = cached.blocked
        elif cached is not None and cached.lifted == lifted and (cached.newest or 0) < (newest or 0):
            # Only new ones are read, unless a row with a smaller key became visible late.
            blocked = cached.blocked.merged(_read(after=cached.newest or 0))
            if len(blocked) != rows - lifted[0]:
                blocked = _read()
        else:
            blocked = _read()
        _cached = _Cached(now, newest, lifted, blocked, rows)
        return blocked


def use_snapshot(blocked: BlocklistSnapshot) -> None:
    """Use this snapshot without asking the database."""
    global _cached
    _cached = _Cached(time.monotonic(), None, (0, None), blocked)


def drop_cache(**_kwargs: Any) -> None:
    """Drop the cached snapshot."""
    global _cached
    _cached = None


def connect_signals() -> None:
    """Make this process see its own changes at once; called when the app is ready."""
    post_save.connect(drop_cache, sender=BlockedPicture, dispatch_uid="judging-blocked")


def _changed() -> None:
    """Drop the snapshot now, and again when the transaction commits."""
    drop_cache()
    transaction.on_commit(drop_cache)


def _read(after: int = 0) -> BlocklistSnapshot:
    rows = BlockedPicture.objects.filter(pk__gt=after, lifted_at__isnull=True).order_by("pk")
    rows_ = [(pk, phash) for pk, phash in rows.values_list("pk", "phash") if _HASH.fullmatch(phash)]
    return BlocklistSnapshot(
        [pk for pk, _phash in rows_], b"".join(bytes.fromhex(phash) for _pk, phash in rows_)
    )
