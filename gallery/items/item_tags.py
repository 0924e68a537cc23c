"""Tags: how they are read and folded, and which stand in the public lists."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

from django.db import transaction
from django.db.models import OuterRef, Subquery

from gallery import safe_text
from gallery.models import Item, ItemTag, Tag
from gallery.models.items import SHOWN

MOST = 12
"""Tags of one picture."""
LONGEST = 40
"""Characters of one tag."""
LONGEST_LIST = 2000
"""Characters of a list of tags as it is typed; what is longer is not even looked at."""
_BETWEEN = re.compile(r"[,，、;；\n\r]")
_SPACES = re.compile(r"[\s_]+")
_SIGNS = frozenset("-'’&.+:!")


class TooManyTags(ValueError):
    """More tags than a picture may have."""


class TagTooLong(ValueError):
    """A tag of more characters than one may have; its text begins the message."""


def fold(name: str) -> str:
    """The one form of a tag: NFKC, lower case, letters, numbers and few signs, single spaces; may be empty.

    What comes out is at most as long as NFKC makes it; the caller looks at its length.
    """
    text = unicodedata.normalize("NFKC", safe_text.without_invisible(unicodedata.normalize("NFKC", name)))
    text = unicodedata.normalize("NFKC", text.lower())
    text = "".join(one if _may_stand(one) else " " for one in safe_text.without_invisible(text))
    text = _SPACES.sub(" ", text).strip(" .'’-&:!")
    while text and unicodedata.category(text[0]).startswith("M"):
        text = text[1:]
    # Signs alone are no word, and "." would be an address of its own.
    return text if any(unicodedata.category(one)[0] in "LN" or one > "\u2000" for one in text) else ""


def _may_stand(one: str) -> bool:
    kind = unicodedata.category(one)
    return kind[0] in "LMN" or one in _SIGNS or (not one.isascii() and kind in ("So", "Sm", "Sk"))


def read(given: str | Iterable[str]) -> list[str]:
    """Folded tags in the order they were given, each once; from a list, or from text with commas between.

    Raises TooManyTags or TagTooLong.
    """
    if isinstance(given, str):
        if len(given) > LONGEST_LIST:
            raise TooManyTags
        given = _BETWEEN.split(given)
    names: dict[str, None] = {}
    for raw in islice(given, LONGEST_LIST):
        # Nobody types so much for forty characters; NFKC makes one letter eighteen at most.
        name = fold(raw[: LONGEST * 20])
        if len(name) > LONGEST:
            raise TagTooLong(name[:LONGEST])
        if name:
            names.setdefault(name)
        if len(names) > MOST:
            raise TooManyTags
    return list(names)


def write(item_id: int, names: Sequence[str]) -> None:
    """Make these the item's tags, in this order. In the transaction that changed the item's row."""
    names = read(list(names))
    Tag.objects.bulk_create([Tag(name=name) for name in sorted(names)], ignore_conflicts=True)
    # Held until they are in use: nobody may drop them as unused meanwhile.
    tags = Tag.objects.select_for_update(no_key=True).filter(name__in=names).order_by("pk")
    known = dict(tags.values_list("name", "pk"))
    ItemTag.objects.filter(item_id=item_id).exclude(tag__in=known.values()).delete()
    ItemTag.objects.bulk_create(
        [ItemTag(item_id=item_id, tag_id=known[name], position=at) for at, name in enumerate(names)],
        update_conflicts=True,
        unique_fields=["item", "tag"],
        update_fields=["position"],
    )
    relist([item_id])


def relist(item_ids: Iterable[int]) -> None:
    """Have these items' tags stand in the lists exactly while the items do; in the transaction that changed them."""
    time = Item.objects.filter(SHOWN, pk=OuterRef("item")).values("published_at")[:1]
    ids = list(item_ids)
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        ItemTag.objects.filter(item_id__in=some).update(listed_at=Subquery(time))


def unlist(item_ids: Iterable[int]) -> None:
    """Take these items' tags out of the lists."""
    ItemTag.objects.filter(item_id__in=list(item_ids), listed_at__isnull=False).update(listed_at=None)


def drop_unused(tag_ids: Iterable[int]) -> None:
    """Delete those of these tags that no picture has any more: some are a person's own words."""
    with transaction.atomic():
        rows = Tag.objects.select_for_update().filter(pk__in=list(tag_ids)).order_by("pk")
        some = list(rows.values_list("pk", flat=True))
        # Asked again once nobody else can put one to use.
        used = set(ItemTag.objects.filter(tag__in=some).values_list("tag_id", flat=True))
        Tag.objects.filter(pk__in=set(some) - used).delete()


def for_item(item: Item) -> list[str]:
    """The item's tags, in its owner's order."""
    return list(
        ItemTag.objects.filter(item=item).order_by("position", "id").values_list("tag__name", flat=True)
    )
