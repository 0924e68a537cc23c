"""Cells of the admin's lists: badges, links, times, JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

_LONGEST_VALUE = 400


class Badge(tuple[str, str]):
    """The key of a colour, and a text. A list shows the text as a coloured label; a row's page shows the text alone."""

    def __new__(cls, key: str, text: str) -> Badge:
        return super().__new__(cls, (key, text))

    def __str__(self) -> str:
        return str(self[1])


def change_url(row: Model) -> str:
    """The URL of a row's admin page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def text_link(url: str, text: str) -> str:
    """A link in the colour of the admin."""
    return format_html('<a class="text-primary-600 dark:text-primary-400" href="{}">{}</a>', url, text)


def link(row: Model | None, text: str = "") -> str:
    """A link to a row's admin page; a dash for none."""
    return "–" if row is None else text_link(change_url(row), text or str(row))


def moment(at: datetime | None) -> str:
    """A time in the reader's zone on one line, to the minute; a dash for none."""
    if at is None:
        return "–"
    local = timezone.localtime(at)
    text = f"{local:%Y-%m-%d %H:%M}"
    return format_html('<time class="whitespace-nowrap" datetime="{}">{}</time>', local.isoformat(), text)


def pretty(value: Any) -> str:
    """Indented JSON; long strings without spaces, such as data URIs, are truncated."""
    text = json.dumps(_truncate(value), indent=2, ensure_ascii=False)
    return format_html('<pre style="white-space:pre-wrap;overflow-wrap:anywhere">{}</pre>', text)


def _truncate(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _truncate(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_truncate(inner) for inner in value[:100]]
    if isinstance(value, str) and len(value) > _LONGEST_VALUE and " " not in value[:_LONGEST_VALUE]:
        return f"{value[:60]}… ({len(value)} characters)"
    return value
