"""Template tags of the staff pages' top bar: the sections that its reader may enter, and the health of all parts."""

from __future__ import annotations

from typing import Any, NamedTuple

from django import template
from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from config.health import components

register = template.Library()
_KEPT_S = 5


class Section(NamedTuple):
    """A word of the bar: where it leads, by which permission, and under which addresses one is in it."""

    title: str | Promise
    name: str
    permission: str
    prefixes: tuple[str, ...]


SECTIONS = (
    Section(_("Moderation"), "moderation", "gallery.view_case", ("/admin/moderation/",)),
    Section(
        _("Operations"),
        "operations",
        "predictions.view_usageday",
        ("/admin/operations/", "/admin/house/", "/admin/announcements/", "/admin/upstreams/"),
    ),
    Section(_("Members"), "members", "accounts.view_user", ("/admin/members/",)),
    Section(
        _("Prices"),
        "admin:predictions_price_changelist",
        "predictions.view_price",
        ("/admin/predictions/price/",),
    ),
    Section(
        _("Models"),
        "admin:predictions_hostedmodel_changelist",
        "predictions.view_hostedmodel",
        ("/admin/predictions/hostedmodel/",),
    ),
    Section(
        _("Audit log"),
        "admin:accounts_auditentry_changelist",
        "accounts.view_auditentry",
        ("/admin/accounts/auditentry/",),
    ),
)


@register.simple_tag(takes_context=True)
def staff_sections(context: dict[str, Any]) -> list[dict[str, Any]]:
    """The sections that the reader may enter, with the one marked that the page belongs to."""
    request = context.get("request")
    if not isinstance(request, HttpRequest):
        return []
    found = []
    for section in SECTIONS:
        if not request.user.has_perm(section.permission):
            continue
        try:
            address = reverse(section.name)
        except NoReverseMatch:
            continue
        found.append(
            {"title": section.title, "url": address, "here": request.path.startswith(section.prefixes)}
        )
    return found


@register.simple_tag
def staff_health() -> dict[str, Any]:
    """Health of the server's processes, in words; cached for five seconds."""
    down = cache.get_or_set("desk-health", _down, _KEPT_S) or []
    silent = [one for one in down if one != "audit"]
    if silent:
        words = ngettext("%(n)d part is silent", "%(n)d parts are silent", len(silent)) % {"n": len(silent)}
    else:
        words = str(_("The audit found something") if down else _("All parts healthy"))
    return {
        "ok": not down,
        "words": words,
        "parts": ", ".join(down),
    }


def _down() -> list[str]:
    try:
        return components.silent()
    except DatabaseError:
        return ["database"]
