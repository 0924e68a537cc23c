"""What the file itself says about how it was made."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

register = template.Library()


@register.inclusion_tag("gallery/item/_provenance.html", takes_context=True)
def item_provenance(context: Context) -> dict[str, Any]:
    """What the file itself says about how it was made."""
    return {
        "item": context["item"],
        "own": context["own"],
        "user": context["user"],
        "request": context["request"],
    }
