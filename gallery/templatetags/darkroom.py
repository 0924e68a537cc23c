"""Template tags used on all pages: icons, amounts, times, picture URLs."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import ordinal
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from accounts.credits import amounts
from core import timezones
from core.http import pages
from gallery.items import access, tiles
from gallery.models import Item

register = template.Library()
register.filter("credits", amounts.with_unit)
register.filter("credits_exact", amounts.exact)
register.filter("credits_short", amounts.short)
register.filter("credits_unit", amounts.unit)
register.filter("credits_statement", amounts.display)


@register.simple_tag
def icon(name: str, size: int = 18) -> SafeString:
    """An icon of the sprite; decorative, so it is hidden from screen readers."""
    return _icon(name, size)


@lru_cache(maxsize=256)
def _icon(name: str, size: int) -> SafeString:
    """Cached: a page has dozens of icons, and the sprite's URL does not change."""
    return format_html(
        '<svg class="icon" width="{}" height="{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        size,
        size,
        static("icons/sprite.svg"),
        name,
    )


@register.simple_tag
def picture_url(item: Any, size: str) -> str:
    """The access-checked URL of an item's picture."""
    return tiles.picture_url(item, size)


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """`dark` or `light` as the reader chose; empty where the system decides."""
    request = context.get("request")
    return pages.theme_of(request) if isinstance(request, HttpRequest) else ""


@register.simple_tag(takes_context=True)
def here(context: dict[str, Any], *prefixes: str) -> SafeString | str:
    """Marks the link to the current section."""
    request = context.get("request")
    path = request.path if isinstance(request, HttpRequest) else ""
    return SafeString(' aria-current="page"') if any(path.startswith(prefix) for prefix in prefixes) else ""


@register.filter
def ago(moment: datetime | None) -> str:
    """How long ago, in one unit: `2 minutes ago`."""
    if moment is None:
        return ""
    text = timesince(moment, depth=1)
    return _("just now") if text.startswith("0") else _("%(time)s ago") % {"time": text}


@register.filter
def day_name(day: date) -> str:
    """A day as a heading: weekday, day and month."""
    return date_format(day, pgettext("format of a day's heading", "l, j F"))


@register.filter
def month_name(day: date) -> str:
    """The month of a day: `November 2026`."""
    return date_format(day, "YEAR_MONTH_FORMAT")


@register.filter
def moment(at: datetime) -> str:
    """Day and time, short: `20 Nov 2026, 09:14`."""
    return timezones.moment(at)


@register.filter
def moment_there(at: datetime) -> str:
    """A moment that the browser displays in its own time zone: for pages rendered before that is known, or
    without it."""
    return format_html('<time datetime="{}" data-local="datetime">{}</time>', at.isoformat(), moment(at))


@register.filter
def moment_exact(at: datetime) -> str:
    """Day and time to the second: `20 Nov 2026, 09:14:07`."""
    return date_format(
        timezone.localtime(at), pgettext("format of day and time to the second", "j M Y, H:i:s")
    )


@register.filter
def full_day(at: datetime) -> str:
    """A day in words: `4 December 2026`."""
    return date_format(timezone.localtime(at), pgettext("format of a day", "j F Y"))


@register.filter
def initial(name: str) -> str:
    """The first letter of a name, for an avatar."""
    return name[:1].upper()


@register.filter
def hue(name: str) -> int:
    """A hue in degrees that is always the same for a name."""
    return sum((index + 1) * ord(letter) for index, letter in enumerate(name)) * 47 % 360


@register.simple_tag
def placeholder(item: Any) -> str:
    """The CSS custom properties of a picture's placeholder."""
    return tiles.placeholder(item)


@register.simple_tag
def srcset(item: Any) -> str:
    """The thumbnails with their widths."""
    return tiles.srcset(item)


@register.simple_tag
def alt(item: Any, own: bool = False) -> str:
    """A picture's alternative text, as far as the reader may see it."""
    return tiles.alt_text(item, own=own)


@register.filter
def ordinal_place(number: int) -> str:
    """`1st`, `2nd`, `3rd`, or the plain number in other languages than English."""
    return str(ordinal(number)) if (get_language() or "en").startswith("en") else str(number)


@register.simple_tag
def gallery_wall() -> Any:
    """The newest public item that is not sensitive, shown beside the sign-in form; None without one."""
    return (
        access.with_files(Item.objects.public().filter(sensitive=False))
        .order_by("-published_at", "-id")
        .first()
    )
