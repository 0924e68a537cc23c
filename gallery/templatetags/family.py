"""Template tag for an item's lineage."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from gallery.items import relatives
from gallery.items.tiles import Tile

register = template.Library()


@register.inclusion_tag("items/_family.html", takes_context=True)
def item_family(context: Context) -> dict[str, Any]:
    """The items that this one was made from, and those made from it."""
    item = context["item"]
    return {
        "item": item,
        "tile": Tile(item, bool(context["own"])),
        "family": relatives.for_item(item, context["user"]),
    }
