"""The family of a picture: what it was made from, and what was made from it, as far as a reader may see it."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import Q
from django.utils.translation import gettext as _

from gallery.items import access, tiles
from gallery.items.access import Viewer
from gallery.models import Item, ItemQuerySet
from predictions.models import Prediction, Status
from predictions.models.prediction import MadeHow

GENERATIONS = 5
"""Ancestors that are looked for, one short query each."""
CHILDREN = 12
LOOKED_AT = 200
"""Newest predictions made from a picture among which its children are found."""


@dataclass(frozen=True)
class Relative:
    """A picture of the family; `how` it was made from the one before it, or it from this one, in words."""

    tile: tiles.Tile
    how: str


@dataclass(frozen=True)
class Family:
    """Ancestors, the oldest first, and children, the newest first."""

    ancestors: list[Relative] = field(default_factory=list)
    children: list[Relative] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.ancestors or self.children)


def for_item(item: Item, viewer: Viewer) -> Family:
    """The family of an item that the viewer sees. Unlisted and sensitive pictures of others are no part of it.

    A picture whose prompt is kept back keeps back where it comes from, too.
    """
    return Family(_ancestors(item, viewer), _children(item, viewer))


def _listed(viewer: Viewer) -> ItemQuerySet:
    """What of others' may stand in a list for everybody, and all of the viewer's own."""
    account = access.account_of(viewer)
    anybody = Q(visibility=Item.Visibility.PUBLIC, hidden_at__isnull=True, show_prompt=True, sensitive=False)
    mine = Q(account=account) if account is not None else Q(pk__in=[])
    items = access.with_files(Item.objects.filter(anybody | mine, trashed_at__isnull=True))
    return items.select_related("output__prediction")


def _ancestors(item: Item, viewer: Viewer) -> list[Relative]:
    account = access.account_of(viewer)
    if not item.show_prompt and (account is None or account.pk != item.account_id):
        return []
    found: list[Relative] = []
    seen, child = {item.public_id}, item
    for _generation in range(GENERATIONS):
        origin = child.output.prediction
        if not origin.made_from or origin.made_from in seen:
            break
        parent = _listed(viewer).filter(public_id=origin.made_from).first()
        if parent is None:
            break
        found.append(_relative(parent, origin, viewer))
        seen.add(parent.public_id)
        child = parent
    return found[::-1]


def _children(item: Item, viewer: Viewer) -> list[Relative]:
    # Without the empty ones, as the index is.
    made = Prediction.objects.filter(~Q(made_from=""), made_from=item.public_id, status=Status.SUCCEEDED)
    newest = list(made.order_by("-id").values_list("pk", flat=True)[:LOOKED_AT])
    if not newest:
        return []
    rows = _listed(viewer).filter(output__prediction__in=newest).exclude(pk=item.pk)
    return [_relative(row, row.output.prediction, viewer) for row in rows.order_by("-id")[:CHILDREN]]


def _relative(item: Item, made: Prediction, viewer: Viewer) -> Relative:
    account = access.account_of(viewer)
    own = account is not None and account.pk == item.account_id
    words = {
        MadeHow.REMIX.value: _("remix"),
        MadeHow.VARIATION.value: _("variation"),
        MadeHow.INPUT.value: _("input"),
    }
    return Relative(tiles.Tile(item, own), words.get(made.made_how, ""))
