"""Publish and unpublish an item, at once. Share links are made in `gallery.shares.making`."""

from __future__ import annotations

from django.db.models import F
from django.db.models.functions import Coalesce

from accounts.clock import Now
from accounts.models import Account
from gallery.models import Item


class Hidden(Exception):
    """A moderator hid the item: it is neither published nor shared until it is shown again."""


class Suspended(Exception):
    """The account is closed to new things: its pictures stay as they are."""


def publish(item: Item, *, title: str = "", show_prompt: bool = True) -> None:
    """Put the item into the public gallery. Publishing again changes title and prompt, and keeps its place."""
    _needs_open_account(item)
    changed = Item.objects.filter(pk=item.pk, hidden_at__isnull=True).update(
        visibility=Item.Visibility.PUBLIC,
        # The first time counts: an edit must not push it to the top again.
        published_at=Coalesce(F("published_at"), Now()),
        title=title.strip()[:120],
        show_prompt=show_prompt,
    )
    if not changed:
        raise Hidden


def describe(item: Item, *, title: str | None = None, show_prompt: bool | None = None) -> None:
    """Change what an item is called, or whether its public page shows the prompt; None leaves one as it is."""
    _needs_open_account(item)
    words = {"title": None if title is None else title.strip()[:120], "show_prompt": show_prompt}
    changes = {name: value for name, value in words.items() if value is not None}
    if changes:
        Item.objects.filter(pk=item.pk).update(**changes)


def unpublish(item: Item) -> None:
    """Take the item out of the public gallery: page and pictures answer 404 to others from now on."""
    Item.objects.filter(pk=item.pk).update(visibility=Item.Visibility.PRIVATE, published_at=None)


def _needs_open_account(item: Item) -> None:
    if not Account.objects.filter(pk=item.account_id, status=Account.Status.ACTIVE).exists():
        raise Suspended
