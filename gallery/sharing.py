"""Publish and unpublish an item; make and withdraw share links. All take effect at once."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F
from django.db.models.functions import Coalesce

from accounts.clock import Now
from accounts.models import Account, User
from gallery.models import Item, ShareLink

MAX_OPEN_LINKS = 50
"""Open links of one item: more than anybody sends, few enough for a list."""


class Hidden(Exception):
    """A moderator hid the item: it is neither published nor shared until it is shown again."""


class Suspended(Exception):
    """The account is closed to new things: its pictures stay as they are."""


class TooManyLinks(Exception):
    """The item has as many open links as it may have."""


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


def share(
    item: Item, user: User, *, show_prompt: bool = False, expires_at: datetime | None = None
) -> ShareLink:
    """Make a new link with a fresh random address; an older or withdrawn one is never given again."""
    _needs_open_account(item)
    if Item.objects.filter(pk=item.pk, hidden_at__isnull=False).exists():
        raise Hidden
    if ShareLink.objects.open().filter(item=item)[: MAX_OPEN_LINKS + 1].count() >= MAX_OPEN_LINKS:
        raise TooManyLinks
    return ShareLink.objects.create(
        item=item, created_by=user, show_prompt=show_prompt, expires_at=expires_at
    )


def _needs_open_account(item: Item) -> None:
    if not Account.objects.filter(pk=item.account_id, status=Account.Status.ACTIVE).exists():
        raise Suspended


def withdraw(item: Item, link_id: int) -> bool:
    """End a link of this item for good; whether there was an open one."""
    links = ShareLink.objects.filter(pk=link_id, item=item, withdrawn_at__isnull=True)
    return bool(links.update(withdrawn_at=Now()))


def count_view(link: ShareLink) -> None:
    """One more opening of the link's page, for its owner to see."""
    ShareLink.objects.filter(pk=link.pk).update(views=F("views") + 1)
