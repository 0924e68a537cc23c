"""Maintenance: no new work is taken for a while. What the operator says of it, and until when.

Everything else goes on: what is under way ends, webhooks are sent, everybody reads. Staff may still try.
"""

from __future__ import annotations

import math

from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from accounts import site
from accounts.models import User

RETRY_AFTER_S = 120
"""Where the operator names no time, or the time has passed."""
LONGEST_S = 24 * 3600
_STOPS = (".", "!", "?", "…", "。", "！", "？", ":", "：")


def is_on() -> bool:
    """Whether the house is in maintenance."""
    return bool(site.rules().maintenance)


def keeps_out(user: User | None) -> bool:
    """Whether this member's new work is refused for it. Staff may try."""
    return is_on() and not (user is not None and user.is_staff)


def words(language: str | None = None) -> str:
    """What is told while it lasts, one or two sentences in a language, or the active one: the operator's where there
    are some.
    """
    rules = site.rules()
    with translation.override(language or translation.get_language() or "en"):
        chinese = (translation.get_language() or "").startswith("zh")
        own = (rules.maintenance_zh if chinese else rules.maintenance_en).strip()
        said = own or _("This server is being looked after and takes nothing new for now.")
        if not said.endswith(_STOPS):
            # Sentences of ours follow it.
            said += "。" if chinese else "."
        until = rules.maintenance_until
        if until is not None and until > timezone.now():
            at = formats.date_format(timezone.localtime(until), "H:i")
            zone = timezone.localtime(until).tzname() or "UTC"
            said = _("%(words)s Until about %(time)s (%(zone)s).") % {"words": said, "time": at, "zone": zone}
        return said


def retry_after_s() -> int:
    """Seconds after which it is worth trying again."""
    until = site.rules().maintenance_until
    left = math.ceil((until - timezone.now()).total_seconds()) if until is not None else 0
    return min(left, LONGEST_S) if left > 0 else RETRY_AFTER_S
