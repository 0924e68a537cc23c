"""Template tag for the provenance of an item's file."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from gallery.models import Item
from gallery.provenance import file_response, xmp_packet

register = template.Library()


@register.inclusion_tag("items/_provenance.html", takes_context=True)
def item_provenance(context: Context) -> dict[str, Any]:
    """Whether the file is signed, and whether a neural network made it."""
    item: Item = context["item"]
    show_prompt = item.show_prompt
    return {
        "item": item,
        "signed": item.is_open
        and file_response.current_signed_copy(item, show_prompt=show_prompt) is not None,
        "without_network": xmp_packet.source_of(item.output.prediction).startswith("algorithmic"),
    }
