"""Model of the search index: one narrow row per item."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from gallery.models.items import Item


class SearchRow(models.Model):
    """An item's row in the search index, written by `gallery.search` alone.

    The searchable text is outside of the ORM (migration 0002): on PostgreSQL in two more columns of this
    table, on SQLite in two full-text tables of their own that follow it.
    """

    item = models.OneToOneField(
        Item, on_delete=models.PROTECT, primary_key=True, related_name="search_row", verbose_name=_("item")
    )
    place = models.BigIntegerField(
        _("place"),
        null=True,
        blank=True,
        help_text=_("Orders public search by the time of publishing; empty while the item is not published."),
    )

    class Meta:
        verbose_name = _("row of the search index")
        verbose_name_plural = _("rows of the search index")
        ordering: ClassVar = ["-item"]
        constraints: ClassVar = [models.UniqueConstraint(name="search_row_place", fields=["place"])]

    def __str__(self) -> str:
        return str(self.item_id)
