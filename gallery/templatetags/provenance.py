"""What the file itself says about how it was made, on the page of an item."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from gallery.models import Item
from gallery.provenance import packet, serving

register = template.Library()


@register.inclusion_tag("gallery/item/_provenance.html", takes_context=True)
def item_provenance(context: Context) -> dict[str, Any]:
    """Whether the file is signed, and who or what made it."""
    item: Item = context["item"]
    words = item.show_prompt
    return {
        "item": item,
        "signed": item.is_open and serving.signed(item, words=words) is not None,
        "without_network": packet.source_of(item.output.prediction).startswith("algorithmic"),
    }
