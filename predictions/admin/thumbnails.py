"""Thumbnails of outputs on admin pages."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html


def thumbnail(output_id: int, words: str, side: int = 72) -> str:
    """A thumbnail by the admin's own URL, so that moderators also see hidden outputs."""
    address = reverse("admin:predictions_output_picture", args=[output_id])
    return format_html(
        '<a href="{0}?large=1" target="_blank" rel="noopener"><img src="{0}" alt="{1}" loading="lazy"'
        ' height="{2}" style="height:{2}px;max-width:{3}px;object-fit:cover;border-radius:4px"></a>',
        address,
        words[:120],
        side,
        side * 2,
    )
