"""Publishing, unpublishing and describing items.

All takes effect at once. Share links are in `gallery.shares.share_links`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Case, F, Q, When

from accounts.models import Account, User
from accounts.site import feature_flags
from core.clock import Now
from gallery import safe_text
from gallery.items import item_tags
from gallery.live import broadcast
from gallery.models import Item, Licence
from gallery.moderation import cases, review
from gallery.permissions import Suspended, check_may_post

MAX_TITLE = 120
"""Characters of a title."""


class Hidden(Exception):
    """A moderator hid the item (or it is in the trash): it can't be published or shared until it is restored."""


class Refused(Hidden):
    """A moderator reviewed the item and refused to publish it."""


# What a change of a published item's texts makes stale: its search row and its rendition, which carries them.
_OWED: dict[str, Any] = {"search_owed": True, "rendition_owed": True}


def publish(
    item: Item,
    *,
    title: str = "",
    show_prompt: bool = True,
    sensitive: bool = False,
    licence: str = "",
    tags: Iterable[str] = (),
    visibility: str = Item.Visibility.PUBLIC,
    reviewed: bool = False,
    by: User | None = None,
) -> bool:
    """Publish the item: in the public lists, or `unlisted` for those who have its URL. Returns whether it is
    published.

    False where a moderator reviews it first: then the request is stored and the item stays as it is.
    `reviewed`: a moderator has approved it. `by`: who publishes, where that is not the item's author.
    Publishing again changes its texts and keeps its place in the lists; an item new to them is placed at the
    top. Raises Hidden, Refused, Suspended, and ValueError for invalid tags, licence or visibility.
    """
    if visibility not in (Item.Visibility.PUBLIC, Item.Visibility.UNLISTED):
        raise ValueError(visibility)
    if not reviewed:
        feature_flags.require("publishing")
    tag_names = item_tags.parse(list(tags))
    with transaction.atomic():
        check_open_account(item.account_id)
        check_may_post(by or item.user)
        if not reviewed and not _needs_no_review(item, visibility, by):
            request = {
                "title": safe_text.line(title, MAX_TITLE), "show_prompt": show_prompt, "sensitive": sensitive,
                "licence": Licence(licence).value, "tags": tag_names,
            }  # fmt: skip
            review.request_publication(item, request, by)
            broadcast.items_changed([item.pk])
            return False
        changed = Item.objects.filter(pk=item.pk, hidden_at__isnull=True, trashed_at__isnull=True).update(
            visibility=visibility,
            published_at=_listing_time(visibility),
            title=safe_text.line(title, MAX_TITLE),
            show_prompt=show_prompt,
            sensitive=sensitive or review.is_marked_sensitive(item),
            licence=Licence(licence).value,
            review="",
            **_OWED,
        )
        if not changed:
            raise Hidden
        item_tags.set_tags(item.pk, tag_names)
        broadcast.items_changed([item.pk])
    return True


def _needs_no_review(item: Item, visibility: str, by: User | None) -> bool:
    """Whether it may be published without a review. Locks the item. Raises Hidden and Refused."""
    cases.lock(item)
    now = Item.objects.select_related("output").get(pk=item.pk)
    if now.review == Item.Review.REFUSED:
        raise Refused
    if now.hidden_at is not None or now.in_trash:
        raise Hidden
    if visibility == Item.Visibility.PUBLIC and review.is_needed(now, by):
        return False
    if now.review == Item.Review.WAITING:
        # The owner no longer asks for what was to be reviewed.
        review.withdraw(now)
    return True


def _listing_time(visibility: str) -> Case:
    # Keep the time it first entered the list: an edit must not move it to the top again.
    stays = When(visibility=visibility, published_at__isnull=False, then=F("published_at"))
    return Case(stays, default=Now())


def describe(
    item: Item,
    *,
    title: str | None = None,
    show_prompt: bool | None = None,
    sensitive: bool | None = None,
    licence: str | None = None,
    tags: Iterable[str] | None = None,
    by: User | None = None,
) -> None:
    """Change an item's texts, published or not; None leaves a value as it is. Raises as `publish` does.

    The sensitive mark stays where a moderator set it.
    """
    values = {
        "title": None if title is None else safe_text.line(title, MAX_TITLE),
        "show_prompt": show_prompt,
        "sensitive": review.is_marked_sensitive(item) if sensitive is False else sensitive,
        "licence": None if licence is None else Licence(licence).value,
    }
    changes = {name: value for name, value in values.items() if value is not None}
    tag_names = None if tags is None else item_tags.parse(list(tags))
    with transaction.atomic():
        check_open_account(item.account_id)
        if item.visibility != Item.Visibility.PRIVATE:
            check_may_post(by or item.user)
        if not changes and tag_names is None:
            return
        # Only others get a rendition: the owner of a private item downloads the file itself.
        if_shared = When(~Q(visibility=Item.Visibility.PRIVATE), then=True)
        rendition_owed = Case(if_shared, default=F("rendition_owed"), output_field=BooleanField())
        Item.objects.filter(pk=item.pk).update(**changes, search_owed=True, rendition_owed=rendition_owed)
        if tag_names is not None:
            item_tags.set_tags(item.pk, tag_names)
        broadcast.items_changed([item.pk])


def unpublish(item: Item) -> None:
    """Make the item private: its public page and pictures answer 404 from now on."""
    with transaction.atomic():
        review.withdraw(item)
        Item.objects.filter(pk=item.pk).update(
            visibility=Item.Visibility.PRIVATE, published_at=None, search_owed=True, rendition_owed=True
        )
        item_tags.remove_from_listing([item.pk])
        broadcast.items_changed([item.pk])


def publish_many(items: Sequence[Item], form_data: Mapping[str, Any], by: User | None = None) -> int:
    """Publish several items with the data of one form (`PublishForm.cleaned_data`); returns how many are now
    published.

    Each keeps its own title, and its own tags where the form has none. Items that are hidden or in the trash
    are skipped, those that wait for a review are not counted. Raises Suspended.
    """
    count = 0
    for item in items:
        texts = {"title": item.title, "tags": form_data.get("tags") or item_tags.for_item(item)}
        try:
            count += publish(item, **{**form_data, **texts}, by=by)
        except Hidden:
            continue
    return count


def unpublish_many(items: Sequence[Item]) -> int:
    """Make several items private; returns how many."""
    for item in items:
        unpublish(item)
    return len(items)


def check_open_account(account_id: int | None) -> None:
    """Raise Suspended where the account is not active, or there is none."""
    if account_id is None or not Account.objects.filter(pk=account_id, status=Account.Status.ACTIVE).exists():
        raise Suspended
