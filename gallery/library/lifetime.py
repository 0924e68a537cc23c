"""Automatic trash: private items that nobody refers to, after the number of days that their owner chose.

Items that are published, liked by their owner, in a collection or shared by an open link stay. From the trash
they can be restored as any other (`trash`).
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
"""Days to choose from; None, the default, keeps items for ever."""
_ROUND_S = 1.0
_AT_ONCE = 200


class InvalidDays(ValueError):
    """A number of days that is not among CHOICES."""


def set_days(user: User, days: int | None) -> None:
    """Set after how many days this member's private items go to the trash; None: never. Raises InvalidDays."""
    if days is not None and days not in CHOICES:
        raise InvalidDays(days)
    ReaderChoice.objects.update_or_create(user=user, defaults={"keep_days": days})


def days_for(user: User) -> int | None:
    """The number of days that a member chose; None: never."""
    return ReaderChoice.objects.filter(user=user).values_list("keep_days", flat=True).first()


def expires_at(item: Item) -> datetime | None:
    """When this item goes to the trash if nothing changes; None where it does not."""
    days = days_for(item.user)
    if days is None or not unreferenced(Item.objects.filter(pk=item.pk), item.user).exists():
        return None
    return item.created_at + timedelta(days=days)


def unreferenced(items: ItemQuerySet, owner: User) -> ItemQuerySet:
    """The owner's private items among these that they neither like nor have in a collection or share.

    Of their personal account alone: what they made for an organisation stays as long as that wants.
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
    """Background job: move some expired items to the trash. Returns whether there may be more."""
    return _JOB.step(_ROUND_S)


def _limited() -> QuerySet[ReaderChoice]:
    return ReaderChoice.objects.filter(keep_days__isnull=False)


def _move(key: tuple[int]) -> bool:
    choice = _limited().filter(pk=key[0]).select_related("user").first()
    if choice is None or choice.keep_days is None:
        return False
    account = management.personal_account_of(choice.user)
    old = Item.objects.owned_by(account).filter(created_at__lt=after(-choice.keep_days * 86400.0))
    ids = unreferenced(old, choice.user).order_by("created_at", "id").values_list("pk", flat=True)
    return trash.move_ids(account, list(ids[:_AT_ONCE])) > 0


_JOB = DueRows("lifetime", lambda: _limited().values_list("pk"), _move)
