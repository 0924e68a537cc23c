"""Access to collections and to the entries in them. What a viewer may not see answers 404, never 403.

Three audiences, each with its own view of the same entries:

- **members** (the owner's account and the editors) see every item that is not in the trash and, where it
  belongs to another account, not hidden by a moderator;
- **readers** of a public or unlisted collection see those of its items that are public or unlisted themselves:
  publishing a collection publishes no item. A public collection is a public list, so of unlisted items it shows
  only those that need no review before they are public;
- **guests**, who hold a share link, see every item that is neither in the trash nor hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404

from accounts.models import Account, User
from gallery.items import access
from gallery.models import Collection, CollectionEditor, CollectionItem, Item
from gallery.moderation import review

_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
OPEN = (Collection.Visibility.PUBLIC, Collection.Visibility.UNLISTED)


def valid_ids(texts: Iterable[str]) -> list[str]:
    """Well-formed ids among what a form sent, each once; anything else is dropped."""
    return [text for text in dict.fromkeys(texts) if _ID.fullmatch(text)]


def editable(user: User) -> QuerySet[Collection]:
    """The collections that a member may change: those of their account, and those where they are an editor."""
    edited = CollectionEditor.objects.filter(user=user).values("collection_id")
    return Collection.objects.filter(Q(account=user.account) | Q(pk__in=edited))


def owned(user: User, public_id: str) -> Collection:
    """A collection of the user's own account; 404 otherwise, for its editors too."""
    rows = Collection.objects.select_related("user").filter(account=user.account)
    return access.or_404(rows.filter(public_id=public_id).first())


def edited(user: User, public_id: str) -> Collection:
    """A collection that the user may change, as owner or as editor; 404 otherwise."""
    return access.or_404(editable(user).select_related("user").filter(public_id=public_id).first())


def is_owner(user: User, collection: Collection) -> bool:
    """Whether it belongs to the user's account."""
    return user.account_id is not None and collection.account_id == user.account_id


def published(public_id: str) -> Collection:
    """A public or unlisted collection that is not hidden; 404 otherwise, for its owner too."""
    rows = Collection.objects.select_related("user").filter(visibility__in=OPEN, hidden_at__isnull=True)
    return access.or_404(rows.filter(public_id=public_id).first())


def public_collections() -> QuerySet[Collection]:
    """Public collections with at least one visible item, newest first."""
    entries = for_readers(CollectionItem.objects.filter(collection=OuterRef("pk")))
    rows = Collection.objects.select_related("user").filter(
        visibility=Collection.Visibility.PUBLIC, hidden_at__isnull=True
    )
    return rows.filter(Exists(entries)).order_by("-published_at", "-id")


def for_members(entries: QuerySet[CollectionItem], account: Account | None) -> QuerySet[CollectionItem]:
    """The entries that owner and editors see; `account` is the viewer's."""
    visible = Q(item__hidden_at__isnull=True)
    if account is not None:
        visible |= Q(item__account=account)
    return entries.filter(visible, item__trashed_at__isnull=True)


def for_readers(entries: QuerySet[CollectionItem]) -> QuerySet[CollectionItem]:
    """The entries that everybody sees of a public or unlisted collection, without what moderators refused to
    publish.

    Whoever has an unlisted collection's URL was given it, as with an unlisted item. A public collection is
    found by strangers, so unlisted items that would need a review are left out of it (`moderation.review`).
    """
    unlisted = Q(collection__visibility=Collection.Visibility.UNLISTED)
    public = Q(item__visibility=Item.Visibility.PUBLIC)
    return entries.exclude(item__review=Item.Review.REFUSED).filter(
        public | unlisted | review.needs_no_review("item__"),
        item__visibility__in=(Item.Visibility.PUBLIC, Item.Visibility.UNLISTED),
        item__hidden_at__isnull=True,
        item__trashed_at__isnull=True,
    )


def has_items_under_review(collection: Collection) -> bool:
    """Whether a public collection has unlisted items that stay out of it until a moderator reviews them."""
    if collection.visibility != Collection.Visibility.PUBLIC:
        return False
    rows = collection.entries.filter(
        item__visibility=Item.Visibility.UNLISTED, item__hidden_at__isnull=True, item__trashed_at__isnull=True
    )
    return rows.exclude(review.needs_no_review("item__")).exists()


def for_guests(entries: QuerySet[CollectionItem]) -> QuerySet[CollectionItem]:
    """The entries that the holder of a share link sees."""
    return entries.filter(item__hidden_at__isnull=True, item__trashed_at__isnull=True)


def entry(entries: QuerySet[CollectionItem], public_id: str) -> CollectionItem:
    """The entry of one item, with its files; 404 where these entries don't hold it."""
    found = with_items(entries).filter(item__public_id=public_id).first() if valid_ids([public_id]) else None
    if found is None:
        raise Http404
    return found


def cover(collection: Collection, entries: QuerySet[CollectionItem]) -> Item | None:
    """The item that represents a collection in link previews: its cover, else the first entry; never a
    sensitive one."""
    safe = with_items(entries.filter(item__sensitive=False))
    own_cover = safe.filter(item=collection.cover_id).first() if collection.cover_id is not None else None
    found = own_cover or safe.order_by("place", "id").first()
    return found.item if found is not None else None


def with_items(entries: QuerySet[CollectionItem]) -> QuerySet[CollectionItem]:
    """Entries with all that a page of pictures needs, in one query."""
    return entries.select_related(
        "item__output__file", "item__output__small", "item__output__medium", "item__model", "item__user"
    )
