"""Publish and unpublish items, at once. Share links are made in `gallery.shares.share_links`."""

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

TITLE = 120
"""Characters of a title."""


class Hidden(Exception):
    """A moderator hid the item: it is neither published nor shared until it is shown again."""


class Refused(Hidden):
    """A moderator looked at it and did not let it be published."""


# What changes with the words of a published picture: its place in the search, and the copy that carries them.
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
    """Open the item to everybody: in the public lists, or `unlisted` for those who have its address.

    False where a moderator looks at it first: then the wish waits, and the item stays what it is. `reviewed`: a
    moderator has. Doing it again changes what is said of it and keeps its place in the lists; what comes into them anew
    stands at the top. `by`: who does it, where that is not who made it. Raises Hidden, Refused, Suspended, and
    ValueError for tags, licence or visibility that are none.
    """
    if visibility not in (Item.Visibility.PUBLIC, Item.Visibility.UNLISTED):
        raise ValueError(visibility)
    if not reviewed:
        feature_flags.require("publishing")
    named = item_tags.read(list(tags))
    with transaction.atomic():
        check_open_account(item.account_id)
        check_may_post(by or item.user)
        if not reviewed and not _passes(item, visibility, by):
            wish = {
                "title": safe_text.line(title, TITLE), "show_prompt": show_prompt, "sensitive": sensitive,
                "licence": Licence(licence).value, "tags": named,
            }  # fmt: skip
            review.wish(item, wish, by)
            broadcast.items_changed([item.pk])
            return False
        changed = Item.objects.filter(pk=item.pk, hidden_at__isnull=True, trashed_at__isnull=True).update(
            visibility=visibility,
            published_at=_place(visibility),
            title=safe_text.line(title, TITLE),
            show_prompt=show_prompt,
            sensitive=sensitive or review.blurred(item),
            licence=Licence(licence).value,
            review="",
            **_OWED,
        )
        if not changed:
            raise Hidden
        item_tags.write(item.pk, named)
        broadcast.items_changed([item.pk])
    return True


def _passes(item: Item, visibility: str, by: User | None) -> bool:
    """Whether it may be opened without a moderator's look. Locks the item. Raises Hidden and Refused."""
    cases.lock(item)
    now = Item.objects.select_related("output").get(pk=item.pk)
    if now.review == Item.Review.REFUSED:
        raise Refused
    if now.hidden_at is not None or now.in_trash:
        raise Hidden
    if visibility == Item.Visibility.PUBLIC and review.needed(now, by):
        return False
    if now.review == Item.Review.WAITING:
        # Wished otherwise meanwhile: nobody needs to look any more.
        review.withdraw(now)
    return True


def _place(visibility: str) -> Case:
    # The first time in a list counts: an edit must not push it to the top again.
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
    """Change what is said of an item, published or not; None leaves one as it is. Raises as `publish` does.

    What a moderator marked as sensitive stays so.
    """
    given = {
        "title": None if title is None else safe_text.line(title, TITLE),
        "show_prompt": show_prompt,
        "sensitive": review.blurred(item) if sensitive is False else sensitive,
        "licence": None if licence is None else Licence(licence).value,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    named = None if tags is None else item_tags.read(list(tags))
    with transaction.atomic():
        check_open_account(item.account_id)
        if item.visibility != Item.Visibility.PRIVATE:
            check_may_post(by or item.user)
        if not changes and named is None:
            return
        # A copy is owed to others alone: who has it in private has the file itself.
        others = When(~Q(visibility=Item.Visibility.PRIVATE), then=True)
        owed = Case(others, default=F("rendition_owed"), output_field=BooleanField())
        Item.objects.filter(pk=item.pk).update(**changes, search_owed=True, rendition_owed=owed)
        if named is not None:
            item_tags.write(item.pk, named)
        broadcast.items_changed([item.pk])


def unpublish(item: Item) -> None:
    """Make the item private: page and pictures answer 404 to others from now on."""
    with transaction.atomic():
        review.withdraw(item)
        Item.objects.filter(pk=item.pk).update(
            visibility=Item.Visibility.PRIVATE, published_at=None, search_owed=True, rendition_owed=True
        )
        item_tags.unlist([item.pk])
        broadcast.items_changed([item.pk])


def publish_many(items: Sequence[Item], form_data: Mapping[str, Any], by: User | None = None) -> int:
    """Publish several with what one form says of all (`PublishForm.cleaned_data`); how many are open now.

    Each keeps its own title, and its own tags where the form names none. What a moderator hid, or lies in the trash,
    is left out, and what waits for one is not open yet. Raises Suspended.
    """
    done = 0
    for item in items:
        own = {"title": item.title, "tags": form_data.get("tags") or item_tags.for_item(item)}
        try:
            done += publish(item, **{**form_data, **own}, by=by)
        except Hidden:
            continue
    return done


def unpublish_many(items: Sequence[Item]) -> int:
    """Make several private; how many were."""
    for item in items:
        unpublish(item)
    return len(items)


def check_open_account(account_id: int | None) -> None:
    """Raise Suspended where the account is closed to new things, or there is none."""
    if account_id is None or not Account.objects.filter(pk=account_id, status=Account.Status.ACTIVE).exists():
        raise Suspended
