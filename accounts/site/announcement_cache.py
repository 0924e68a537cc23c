"""Announcements in force, cached in the process for some seconds because every page reads them."""

from __future__ import annotations

import time
from itertools import chain

from django.db.models import Q

from accounts.models import Announcement, User
from core.clock import Now

CACHE_S = 5.0
MAX_DISPLAYED = 3
"""Announcements displayed at once."""
_PER_AUDIENCE = 20
_kept: tuple[float, list[Announcement]] | None = None


def current() -> list[Announcement]:
    """All announcements in force, newest first, for whichever audience; at most `KEPT_S` old."""
    global _kept
    now = time.monotonic()
    if _kept is None or now - _kept[0] > CACHE_S:
        _kept = (now, list(_query()))
    return _kept[1]


def _query() -> list[Announcement]:
    rows = Announcement.objects.filter(withdrawn_at__isnull=True, starts_at__lte=Now())
    rows = rows.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=Now())).order_by("-id")
    # A limit per audience: announcements to staff must not push out those to everybody.
    newest = [
        list(rows.filter(audience=audience)[:_PER_AUDIENCE]) for audience in Announcement.Audience.values
    ]
    return sorted(chain(*newest), key=lambda audience: -audience.pk)


def fill_cache(announcements: list[Announcement]) -> None:
    """Fill the cache, without a query."""
    global _kept
    _kept = (time.monotonic(), announcements)


def clear_cache() -> None:
    """Clear the cache: after a change, and between tests."""
    global _kept
    _kept = None


def visible_to(user: User | None) -> list[Announcement]:
    """Announcements for this user, dismissed ones included; None: a visitor."""
    audiences = {Announcement.Audience.ALL}
    if user is not None:
        audiences.add(Announcement.Audience.MEMBERS)
        if user.is_staff:
            audiences.add(Announcement.Audience.STAFF)
    return [announcement for announcement in current() if announcement.audience in audiences]


def text_of(announcement: Announcement, language: str) -> str:
    """Its text in a language: Chinese for every variant of Chinese, else English."""
    return announcement.text_zh if language.startswith("zh") else announcement.text_en
