"""The house rules as they are now: the one row of `Site`, with what it leaves open filled from the environment.

Read by nearly every request, so a process keeps it for a second; a change is seen everywhere within that time, and at
once by the process that made it.
"""

from __future__ import annotations

import time
import zoneinfo
from datetime import tzinfo

from django.conf import settings
from django.db import transaction

from accounts.models import MICRO, Site
from core.clock import Now

KEPT_S = 1.0
_kept: tuple[float, Site] | None = None


def current() -> Site:
    """The house rules of at most a second ago. Not to be saved: `change` does."""
    global _kept
    now = time.monotonic()
    if _kept is None or now - _kept[0] > KEPT_S:
        _kept = (now, Site.objects.filter(pk=1).first() or Site(pk=1))
    return _kept[1]


def keep(known: Site) -> None:
    """Take these for the rules as they are now, without asking the database."""
    global _kept
    _kept = (time.monotonic(), known)


def forget() -> None:
    """Read them anew next time: after a change, and between tests."""
    global _kept
    _kept = None


def change(**values: object) -> Site:
    """Set some of them. The caller writes the record (`accounts.staff.audit_log`)."""
    with transaction.atomic():
        Site.objects.get_or_create(pk=1)
        Site.objects.filter(pk=1).update(**values, changed_at=Now())
        transaction.on_commit(forget)
    forget()
    return Site.objects.get(pk=1)


def registration() -> str:
    """`open`, `invite` or `closed`."""
    return current().registration or settings.REGISTRATION


def welcome_credits() -> int:
    """What a new member gets, in micro-credits."""
    own = current().welcome_credits
    return settings.WELCOME_CREDITS * MICRO if own is None else own


def billing_zone() -> tzinfo:
    """Where days and months of allowances and charts begin; UTC where the name is none."""
    try:
        return zoneinfo.ZoneInfo(current().billing_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")
