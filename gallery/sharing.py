"""Publish and unpublish items, at once. Share links are made in `gallery.shares.making`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Case, F, Q, When

from accounts.clock import Now
from accounts.models import Account
from gallery import tagging, words
from gallery.live import telling
from gallery.models import Item, Licence

TITLE = 120
"""Characters of a title."""


class Hidden(Exception):
    """A moderator hid the item: it is neither published nor shared until it is shown again."""


class Suspended(Exception):
    """The account is closed to new things: its pictures stay as they are."""


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
) -> None:
    """Open the item to everybody: in the public lists, or `unlisted` for those who have its address.

    Doing it again changes what is said of it and keeps its place in the lists; what comes into them anew stands at
    the top. Raises Hidden, Suspended, and ValueError for tags, licence or visibility that are none.
    """
    if visibility not in (Item.Visibility.PUBLIC, Item.Visibility.UNLISTED):
        raise ValueError(visibility)
    named = tagging.read(list(tags))
    with transaction.atomic():
        needs_open_account(item.account_id)
        changed = Item.objects.filter(pk=item.pk, hidden_at__isnull=True, trashed_at__isnull=True).update(
            visibility=visibility,
            published_at=_place(visibility),
            title=words.line(title, TITLE),
            show_prompt=show_prompt,
            sensitive=sensitive,
            licence=Licence(licence).value,
            **_OWED,
        )
        if not changed:
            raise Hidden
        tagging.write(item.pk, named)
        telling.items_changed([item.pk])


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
) -> None:
    """Change what is said of an item, published or not; None leaves one as it is. Raises as `publish` does."""
    given = {
        "title": None if title is None else words.line(title, TITLE),
        "show_prompt": show_prompt,
        "sensitive": sensitive,
        "licence": None if licence is None else Licence(licence).value,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    named = None if tags is None else tagging.read(list(tags))
    with transaction.atomic():
        needs_open_account(item.account_id)
        if not changes and named is None:
            return
        # A copy is owed to others alone: who has it in private has the file itself.
        others = When(~Q(visibility=Item.Visibility.PRIVATE), then=True)
        owed = Case(others, default=F("rendition_owed"), output_field=BooleanField())
        Item.objects.filter(pk=item.pk).update(**changes, search_owed=True, rendition_owed=owed)
        if named is not None:
            tagging.write(item.pk, named)
        telling.items_changed([item.pk])


def unpublish(item: Item) -> None:
    """Make the item private: page and pictures answer 404 to others from now on."""
    with transaction.atomic():
        Item.objects.filter(pk=item.pk).update(
            visibility=Item.Visibility.PRIVATE, published_at=None, search_owed=True, rendition_owed=True
        )
        tagging.unlist([item.pk])
        telling.items_changed([item.pk])


def publish_many(items: Sequence[Item], form_data: Mapping[str, Any]) -> int:
    """Publish several with what one form says of all (`PublishForm.cleaned_data`); how many are open now.

    Each keeps its own title, and its own tags where the form names none. What a moderator hid, or lies in the trash,
    is left out. Raises Suspended.
    """
    done = 0
    for item in items:
        own = {"title": item.title, "tags": form_data.get("tags") or tagging.of(item)}
        try:
            publish(item, **{**form_data, **own})
        except Hidden:
            continue
        done += 1
    return done


def unpublish_many(items: Sequence[Item]) -> int:
    """Make several private; how many were."""
    for item in items:
        unpublish(item)
    return len(items)


def needs_open_account(account_id: int | None) -> None:
    """Raise Suspended where the account is closed to new things, or there is none."""
    if account_id is None or not Account.objects.filter(pk=account_id, status=Account.Status.ACTIVE).exists():
        raise Suspended
