"""Tags of items: parsing, normalisation, storage, and listing in the public tag pages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

from django.db import transaction
from django.db.models import OuterRef, Subquery

from gallery import safe_text
from gallery.models import Item, ItemTag, Tag
from gallery.models.items import IS_PUBLIC

MAX_TAGS = 12
"""Tags per item."""
MAX_LENGTH = 40
"""Characters per tag."""
MAX_LIST_LENGTH = 2000
"""Characters of the typed list; a longer one is refused unread."""
_BETWEEN = re.compile(r"[,，、;；\n\r]")
_SPACES = re.compile(r"[\s_]+")
_SIGNS = frozenset("-'’&.+:!")


class TooManyTags(ValueError):
    """More than MAX_TAGS tags."""


class TagTooLong(ValueError):
    """A tag longer than MAX_LENGTH characters; the message is its beginning."""


def normalize(name: str) -> str:
    """The normal form of a tag: NFKC, lower case, letters, digits and a few signs, single spaces; may be empty.

    Not bounded in length: NFKC can make text longer, so the caller checks the result.
    """
    text = unicodedata.normalize("NFKC", safe_text.without_invisible(unicodedata.normalize("NFKC", name)))
    text = unicodedata.normalize("NFKC", text.lower())
    text = "".join(char if _is_allowed(char) else " " for char in safe_text.without_invisible(text))
    text = _SPACES.sub(" ", text).strip(" .'’-&:!")
    while text and unicodedata.category(text[0]).startswith("M"):
        text = text[1:]
    # A tag needs a letter or digit, and "." alone would be a different URL.
    return text if any(unicodedata.category(char)[0] in "LN" or char > "\u2000" for char in text) else ""


def _is_allowed(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind[0] in "LMN" or char in _SIGNS or (not char.isascii() and kind in ("So", "Sm", "Sk"))


def parse(raw_tags: str | Iterable[str]) -> list[str]:
    """Normalised tags in the order given, each once; from a list, or from comma-separated text.

    Raises TooManyTags or TagTooLong.
    """
    if isinstance(raw_tags, str):
        if len(raw_tags) > MAX_LIST_LENGTH:
            raise TooManyTags
        raw_tags = _BETWEEN.split(raw_tags)
    names: dict[str, None] = {}
    for raw in islice(raw_tags, MAX_LIST_LENGTH):
        # Cut before folding: NFKC makes one character eighteen at most, so a valid tag fits.
        name = normalize(raw[: MAX_LENGTH * 20])
        if len(name) > MAX_LENGTH:
            raise TagTooLong(name[:MAX_LENGTH])
        if name:
            names.setdefault(name)
        if len(names) > MAX_TAGS:
            raise TooManyTags
    return list(names)


def set_tags(item_id: int, names: Sequence[str]) -> None:
    """Set the item's tags, in this order. Call in the transaction that changes the item's row."""
    names = parse(list(names))
    Tag.objects.bulk_create([Tag(name=name) for name in sorted(names)], ignore_conflicts=True)
    # Locked until they are in use, so that nobody drops them as unused meanwhile.
    tags = Tag.objects.select_for_update(no_key=True).filter(name__in=names).order_by("pk")
    pks = dict(tags.values_list("name", "pk"))
    ItemTag.objects.filter(item_id=item_id).exclude(tag__in=pks.values()).delete()
    ItemTag.objects.bulk_create(
        [
            ItemTag(item_id=item_id, tag_id=pks[name], position=position)
            for position, name in enumerate(names)
        ],
        update_conflicts=True,
        unique_fields=["item", "tag"],
        update_fields=["position"],
    )
    update_listing([item_id])


def update_listing(item_ids: Iterable[int]) -> None:
    """List these items' tags in the tag pages exactly while the items are public; in the transaction that
    changed them."""
    time = Item.objects.filter(IS_PUBLIC, pk=OuterRef("item")).values("published_at")[:1]
    ids = list(item_ids)
    for start in range(0, len(ids), 500):
        batch = ids[start : start + 500]
        ItemTag.objects.filter(item_id__in=batch).update(listed_at=Subquery(time))


def remove_from_listing(item_ids: Iterable[int]) -> None:
    """Remove these items' tags from the tag pages."""
    ItemTag.objects.filter(item_id__in=list(item_ids), listed_at__isnull=False).update(listed_at=None)


def drop_unused(tag_ids: Iterable[int]) -> None:
    """Delete those of these tags that no item has any more: some are personal words of their authors."""
    with transaction.atomic():
        rows = Tag.objects.select_for_update().filter(pk__in=list(tag_ids)).order_by("pk")
        pks = list(rows.values_list("pk", flat=True))
        # Checked again under the lock.
        used = set(ItemTag.objects.filter(tag__in=pks).values_list("tag_id", flat=True))
        Tag.objects.filter(pk__in=set(pks) - used).delete()


def for_item(item: Item) -> list[str]:
    """The item's tags, in its owner's order."""
    return list(
        ItemTag.objects.filter(item=item).order_by("position", "id").values_list("tag__name", flat=True)
    )
