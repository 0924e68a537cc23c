"""The collections of an item."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

register = template.Library()


@register.inclusion_tag("gallery/item/_collecting.html", takes_context=True)
def item_collections(context: Context) -> dict[str, Any]:
    """The collections of an item."""
    return {
        "item": context["item"],
        "own": context["own"],
        "user": context["user"],
        "request": context["request"],
    }
