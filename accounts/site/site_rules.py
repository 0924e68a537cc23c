"""Site rules: the single `Site` row, with empty values filled from the environment.

Nearly every request reads them, so a process caches them for a second: a change is visible everywhere within that
time, and at once in the process that made it.
"""

from __future__ import annotations

import time
import zoneinfo
from datetime import tzinfo

from django.conf import settings
from django.db import transaction

from accounts.models import MICRO, Site
from core.clock import Now

CACHE_S = 1.0
_kept: tuple[float, Site] | None = None


def current() -> Site:
    """The rules, at most a second old. Do not save the row: use `change`."""
    global _kept
    now = time.monotonic()
    if _kept is None or now - _kept[0] > CACHE_S:
        _kept = (now, Site.objects.filter(pk=1).first() or Site(pk=1))
    return _kept[1]


def fill_cache(site: Site) -> None:
    """Fill the cache, without a query."""
    global _kept
    _kept = (time.monotonic(), site)


def clear_cache() -> None:
    """Clear the cache: after a change, and between tests."""
    global _kept
    _kept = None


def change(**values: object) -> Site:
    """Set some of the rules. The caller writes the audit log (`accounts.staff.audit_log`)."""
    with transaction.atomic():
        Site.objects.get_or_create(pk=1)
        Site.objects.filter(pk=1).update(**values, changed_at=Now())
        transaction.on_commit(clear_cache)
    clear_cache()
    return Site.objects.get(pk=1)


def registration() -> str:
    """Registration mode: `open`, `invite` or `closed`."""
    return current().registration or settings.REGISTRATION


def welcome_credits() -> int:
    """Micro-credits a new user gets."""
    of_site = current().welcome_credits
    return settings.WELCOME_CREDITS * MICRO if of_site is None else of_site


def billing_zone() -> tzinfo:
    """Time zone of the days and months of allowances and charts; UTC where the setting is invalid."""
    try:
        return zoneinfo.ZoneInfo(current().billing_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")
