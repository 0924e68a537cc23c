"""How long pictures are kept: as long as their owner wants. After the days that they chose, the trash.

What somebody cares for stays: pictures that are published, liked by their owner, in a collection, or shared by an open
link. All others are private and go to the trash, from where they still come back (`trash`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import Account, User
from accounts.organizations import management
from core.clock import after
from core.db.due_rows import DueRows
from gallery.library import trash
from gallery.models import CollectionItem, Item, ItemQuerySet, Like, ReaderChoice, ShareLink

CHOICES = (7, 30, 90, 365)
"""Days that one may choose; or none at all, which is how everybody begins."""
_TURN_S = 1.0
_AT_ONCE = 200


class NotOffered(ValueError):
    """A number of days that nobody is offered."""


def choose(user: User, days: int | None) -> None:
    """Keep this member's private pictures so many days, or as long as they want (None). Raises NotOffered."""
    if days is not None and days not in CHOICES:
        raise NotOffered(days)
    ReaderChoice.objects.update_or_create(user=user, defaults={"keep_days": days})


def days_for(user: User) -> int | None:
    """The days that a member chose; None: as long as they want."""
    return ReaderChoice.objects.filter(user=user).values_list("keep_days", flat=True).first()


def leaves_at(item: Item) -> datetime | None:
    """When this item goes to the trash by itself, if nothing is done with it; None where it does not."""
    days = days_for(item.user)
    if days is None or not unreferenced(Item.objects.filter(pk=item.pk), item.user).exists():
        return None
    return item.created_at + timedelta(days=days)


def unreferenced(items: ItemQuerySet, owner: User) -> ItemQuerySet:
    """Of these items the owner's private ones that are neither liked by them, nor collected, nor shared.

    Of their own account alone: what they made for an organisation stays as long as that one wants.
    """
    return items.filter(
        ~Exists(Like.objects.filter(item=OuterRef("pk"), user=owner)),
        ~Exists(CollectionItem.objects.filter(item=OuterRef("pk"))),
        ~Exists(ShareLink.objects.open().filter(item=OuterRef("pk"))),
        user=owner,
        account__kind=Account.Kind.USER,
        visibility=Item.Visibility.PRIVATE,
        trashed_at__isnull=True,
    )


def run_once() -> bool:
    """The chore: some of what is past its time goes to the trash. Whether there may be more."""
    return _CHOICES.step(_TURN_S)


def _chosen() -> QuerySet[ReaderChoice]:
    return ReaderChoice.objects.filter(keep_days__isnull=False)


def _move(chosen: tuple[int]) -> bool:
    choice = _chosen().filter(pk=chosen[0]).select_related("user").first()
    if choice is None or choice.keep_days is None:
        return False
    account = management.personal_account_of(choice.user)
    old = Item.objects.owned_by(account).filter(created_at__lt=after(-choice.keep_days * 86400.0))
    ids = unreferenced(old, choice.user).order_by("created_at", "id").values_list("pk", flat=True)
    return trash.move_ids(account, list(ids[:_AT_ONCE])) > 0


_CHOICES = DueRows("lifetime", lambda: _chosen().values_list("pk"), _move)
