"""Maintenance mode: no new work is accepted for a while; the operator's message and end time.

Everything else goes on: running work ends, webhooks are sent, everything stays readable. Staff may still create work.
"""

from __future__ import annotations

import math

from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.site import site_rules

RETRY_AFTER_S = 120
"""Default where the operator names no end, or it has passed."""
MAX_RETRY_AFTER_S = 24 * 3600
_STOPS = (".", "!", "?", "…", "。", "！", "？", ":", "：")


def is_on() -> bool:
    """Whether maintenance mode is on."""
    return bool(site_rules.current().maintenance)


def refuses(user: User | None) -> bool:
    """Whether this user's new work is refused. Staff's is not."""
    return is_on() and not (user is not None and user.is_staff)


def operator_message() -> str:
    """The operator's message in the active language, else a default; ends with a full stop."""
    rules = site_rules.current()
    chinese = (translation.get_language() or "").startswith("zh")
    own = (rules.maintenance_zh if chinese else rules.maintenance_en).strip()
    words = own or _("This server is being looked after and takes nothing new for now.")
    if words.endswith(_STOPS):
        return words
    # Sentences of ours may follow.
    return words + ("。" if chinese else ".")


def message(language: str | None = None) -> str:
    """The maintenance message with its end, in a language or the active one."""
    with translation.override(language or translation.get_language() or "en"):
        text = operator_message()
        until = site_rules.current().maintenance_until
        if until is not None and until > timezone.now():
            at = formats.date_format(timezone.localtime(until), "H:i")
            zone = timezone.localtime(until).tzname() or "UTC"
            text = _("%(words)s Until about %(time)s (%(zone)s).") % {"words": text, "time": at, "zone": zone}
        return text


def retry_after_s() -> int:
    """Seconds after which it is worth trying again."""
    until = site_rules.current().maintenance_until
    left = math.ceil((until - timezone.now()).total_seconds()) if until is not None else 0
    return min(left, MAX_RETRY_AFTER_S) if left > 0 else RETRY_AFTER_S
