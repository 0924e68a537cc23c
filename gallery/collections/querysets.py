"""Who sees which collections, and what in them. What one may not see does not exist: 404, never 403.

Three ways in, each with its own view of the same entries:

- **members** (the owner's account and the editors) see every picture that is neither in the trash nor, where it is of
  another account, hidden by a moderator;
- **readers** of a public or unlisted collection see those of its pictures that are open by themselves: to publish a
  collection publishes no picture. A public one is a public list: of unlisted pictures it shows those alone that would
  be public without a moderator's look;
- **guests**, who hold a share link, see every picture that is neither in the trash nor hidden.
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


def valid_ids(given: Iterable[str]) -> list[str]:
    """What could be ids of items among what a form sent, each once; the rest is nobody's."""
    return [one for one in dict.fromkeys(given) if _ID.fullmatch(one)]


def editable(user: User) -> QuerySet[Collection]:
    """The collections that a member may change: those of the own account, and those where they are an editor."""
    edited = CollectionEditor.objects.filter(user=user).values("collection_id")
    return Collection.objects.filter(Q(account=user.account) | Q(pk__in=edited))


def owned(user: User, public_id: str) -> Collection:
    """A collection of the user's own account; 404 otherwise, for its editors too."""
    rows = Collection.objects.select_related("user").filter(account=user.account)
    return access.found(rows.filter(public_id=public_id).first())


def edited(user: User, public_id: str) -> Collection:
    """A collection that the user may change, as owner or as editor; 404 otherwise."""
    return access.found(editable(user).select_related("user").filter(public_id=public_id).first())


def is_owner(user: User, collection: Collection) -> bool:
    """Whether it belongs to the user's account."""
    return user.account_id is not None and collection.account_id == user.account_id


def published(public_id: str) -> Collection:
    """A collection that everybody sees who has its address; 404 otherwise, for its owner too."""
    rows = Collection.objects.select_related("user").filter(visibility__in=OPEN, hidden_at__isnull=True)
    return access.found(rows.filter(public_id=public_id).first())


def listed() -> QuerySet[Collection]:
    """Public collections in which there is something to see, newest first."""
    entries = for_readers(CollectionItem.objects.filter(collection=OuterRef("pk")))
    rows = Collection.objects.select_related("user").filter(
        visibility=Collection.Visibility.PUBLIC, hidden_at__isnull=True
    )
    return rows.filter(Exists(entries)).order_by("-published_at", "-id")


def for_members(entries: QuerySet[CollectionItem], account: Account | None) -> QuerySet[CollectionItem]:
    """What owner and editors see; `account` is the viewer's."""
    shown = Q(item__hidden_at__isnull=True)
    if account is not None:
        shown |= Q(item__account=account)
    return entries.filter(shown, item__trashed_at__isnull=True)


def for_readers(entries: QuerySet[CollectionItem]) -> QuerySet[CollectionItem]:
    """What everybody sees of a public or unlisted collection; nothing that a moderator did not let be published.

    Whoever has an unlisted collection's address was given it, as an unlisted picture's; in a public one strangers find
    what nobody gave them, so what a moderator is to look at first is not there (`moderation.review`).
    """
    given = Q(collection__visibility=Collection.Visibility.UNLISTED)
    public = Q(item__visibility=Item.Visibility.PUBLIC)
    return entries.exclude(item__review=Item.Review.REFUSED).filter(
        public | given | review.needs_none("item__"),
        item__visibility__in=(Item.Visibility.PUBLIC, Item.Visibility.UNLISTED),
        item__hidden_at__isnull=True,
        item__trashed_at__isnull=True,
    )


def looked_at_first(collection: Collection) -> bool:
    """Whether something in a public collection is unlisted, and not shown there before a moderator looked at it."""
    if collection.visibility != Collection.Visibility.PUBLIC:
        return False
    rows = collection.entries.filter(
        item__visibility=Item.Visibility.UNLISTED, item__hidden_at__isnull=True, item__trashed_at__isnull=True
    )
    return rows.exclude(review.needs_none("item__")).exists()


def for_guests(entries: QuerySet[CollectionItem]) -> QuerySet[CollectionItem]:
    """What whoever has a share link of the collection sees."""
    return entries.filter(item__hidden_at__isnull=True, item__trashed_at__isnull=True)


def entry(entries: QuerySet[CollectionItem], public_id: str) -> CollectionItem:
    """The entry of one item, with its files; 404 where these entries do not have it."""
    found = with_items(entries).filter(item__public_id=public_id).first() if valid_ids([public_id]) else None
    if found is None:
        raise Http404
    return found


def cover(collection: Collection, entries: QuerySet[CollectionItem]) -> Item | None:
    """What stands for a collection where it is pasted: its cover, else the first of these entries, none sensitive."""
    safe = with_items(entries.filter(item__sensitive=False))
    chosen = safe.filter(item=collection.cover_id).first() if collection.cover_id is not None else None
    found = chosen or safe.order_by("place", "id").first()
    return found.item if found is not None else None


def with_items(entries: QuerySet[CollectionItem]) -> QuerySet[CollectionItem]:
    """Entries with what a page of pictures needs, in one query."""
    return entries.select_related(
        "item__output__file", "item__output__small", "item__output__medium", "item__model", "item__user"
    )
