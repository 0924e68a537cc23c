"""Announcements that are shown now. Read by every page, so a process keeps them for some seconds."""

from __future__ import annotations

import time
from itertools import chain

from django.db.models import Q

from accounts.models import Announcement, User
from core.clock import Now

KEPT_S = 5.0
MOST = 3
"""More lines than these on top of every page are read by nobody."""
_OF_EACH = 20
_kept: tuple[float, list[Announcement]] | None = None


def current() -> list[Announcement]:
    """Those whose time it is, the newest first, whomever they are for; of at most some seconds ago."""
    global _kept
    now = time.monotonic()
    if _kept is None or now - _kept[0] > KEPT_S:
        _kept = (now, list(_shown()))
    return _kept[1]


def _shown() -> list[Announcement]:
    rows = Announcement.objects.filter(withdrawn_at__isnull=True, starts_at__lte=Now())
    rows = rows.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=Now())).order_by("-id")
    # So many of each: what is for staff pushes out nothing that all are told.
    newest = [list(rows.filter(audience=one)[:_OF_EACH]) for one in Announcement.Audience.values]
    return sorted(chain(*newest), key=lambda one: -one.pk)


def keep(known: list[Announcement]) -> None:
    """Take these for what is shown now, without asking the database."""
    global _kept
    _kept = (time.monotonic(), known)


def forget() -> None:
    """Read them anew next time: after a change, and between tests."""
    global _kept
    _kept = None


def visible_to(user: User | None) -> list[Announcement]:
    """What this reader sees, before what they have put away; None: a visitor."""
    audiences = {Announcement.Audience.ALL}
    if user is not None:
        audiences.add(Announcement.Audience.MEMBERS)
        if user.is_staff:
            audiences.add(Announcement.Audience.STAFF)
    return [one for one in current() if one.audience in audiences]


def text_of(one: Announcement, language: str) -> str:
    """Its text in a language: Chinese for every kind of Chinese, else English."""
    return one.text_zh if language.startswith("zh") else one.text_en
