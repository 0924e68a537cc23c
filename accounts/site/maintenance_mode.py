"""Maintenance: no new work is taken for a while. What the operator says of it, and until when.

Everything else goes on: what is under way ends, webhooks are sent, everybody reads. Staff may still try.
"""

from __future__ import annotations

import math

from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.site import site_rules

RETRY_AFTER_S = 120
"""Where the operator names no time, or the time has passed."""
LONGEST_S = 24 * 3600
_STOPS = (".", "!", "?", "…", "。", "！", "？", ":", "：")


def is_on() -> bool:
    """Whether the house is in maintenance."""
    return bool(site_rules.current().maintenance)


def keeps_out(user: User | None) -> bool:
    """Whether this member's new work is refused for it. Staff may try."""
    return is_on() and not (user is not None and user.is_staff)


def operator_message() -> str:
    """The operator's sentence in the active language, else one of ours; it ends as a sentence does."""
    rules = site_rules.current()
    chinese = (translation.get_language() or "").startswith("zh")
    own = (rules.maintenance_zh if chinese else rules.maintenance_en).strip()
    words = own or _("This server is being looked after and takes nothing new for now.")
    if words.endswith(_STOPS):
        return words
    # Sentences of ours follow it.
    return words + ("。" if chinese else ".")


def message(language: str | None = None) -> str:
    """What is told while it lasts, one or two sentences in a language, or the active one: the operator's where there
    are some.
    """
    with translation.override(language or translation.get_language() or "en"):
        told = operator_message()
        until = site_rules.current().maintenance_until
        if until is not None and until > timezone.now():
            at = formats.date_format(timezone.localtime(until), "H:i")
            zone = timezone.localtime(until).tzname() or "UTC"
            told = _("%(words)s Until about %(time)s (%(zone)s).") % {"words": told, "time": at, "zone": zone}
        return told


def retry_after_s() -> int:
    """Seconds after which it is worth trying again."""
    until = site_rules.current().maintenance_until
    left = math.ceil((until - timezone.now()).total_seconds()) if until is not None else 0
    return min(left, LONGEST_S) if left > 0 else RETRY_AFTER_S
