"""The thumbnail of an output for a list or a page of the admin."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html


def thumbnail(output_id: int, words: str, side: int = 72) -> str:
    """A small picture of an output, through the panel's own address: hidden ones are seen by moderators only."""
    address = reverse("admin:predictions_output_picture", args=[output_id])
    return format_html(
        '<a href="{0}?large=1" target="_blank" rel="noopener"><img src="{0}" alt="{1}" loading="lazy"'
        ' height="{2}" style="height:{2}px;max-width:{3}px;object-fit:cover;border-radius:4px"></a>',
        address,
        words[:120],
        side,
        side * 2,
    )
