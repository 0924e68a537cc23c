"""Access through share links: which link a token opens, and what it shows.

Checked at each request, also of pictures.
"""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse

from accounts.models import User
from core.db.prepared import Prepared
from gallery.collections import querysets
from gallery.items import access
from gallery.items.access import Viewer
from gallery.models import Collection, CollectionItem, Item, ShareLink


def open_link(token: str) -> ShareLink:
    """The open share link of that token, with its target loaded.

    404 where it is withdrawn or expired, or its target is hidden, in the trash or deleted.
    """
    return access.or_404(_BY_TOKEN.first(token=token))


def _by_token(token: str) -> QuerySet[ShareLink]:
    links = ShareLink.objects.open().select_related(
        "item__output__file", "item__output__small", "item__output__medium", "item__model", "item__user",
        "collection__user", "created_by",
    )  # fmt: skip
    return links.filter(token=token)[:1]


_BY_TOKEN = Prepared[ShareLink](_by_token)


def ended_link(token: str) -> ShareLink | None:
    """An expired link, so that its page can say so; None for withdrawn and unknown ones."""
    link = ShareLink.objects.filter(
        token=token,
        withdrawn_at__isnull=True,
        item__hidden_at__isnull=True,
        collection__hidden_at__isnull=True,
    ).first()
    return link if link is not None and not link.is_open else None


def target_of(link: ShareLink) -> Item | Collection:
    """The link's item or collection."""
    target = link.item or link.collection
    assert target is not None
    return target


def is_own(viewer: Viewer, link: ShareLink) -> bool:
    """Whether the viewer acts for the account that owns the target."""
    account = access.account_of(viewer) if isinstance(viewer, User) else None
    return account is not None and account.pk == target_of(link).account_id


def entries_of(link: ShareLink) -> QuerySet[CollectionItem]:
    """The entries that a collection's link shows; none for an item's."""
    return querysets.for_guests(CollectionItem.objects.filter(collection=link.collection_id))


def allows(link: ShareLink, item: Item, size: str) -> bool:
    """Whether the link gives access to this size: thumbnails always, the whole file only where downloading is
    allowed.

    Then a missing thumbnail is not replaced by the whole file.
    """
    if link.allow_download:
        return True
    output = item.output
    return {"small": output.small or output.medium, "medium": output.medium}.get(size) is not None


def picture_path(link: ShareLink, item: Item, size: str) -> str:
    """The URL of a picture through the link, which ends with it."""
    if link.item_id is not None:
        return reverse("share_picture", args=[link.token, size])
    return reverse("share_item_picture", args=[link.token, item.public_id, size])


def shows_prompt(link: ShareLink, item: Item) -> bool:
    """Whether the link shows the item's prompt.

    An editor's item in somebody else's collection shows its prompt only where its own public page does.
    """
    if not link.show_prompt:
        return False
    return item.account_id == target_of(link).account_id or (item.is_open and item.show_prompt)
