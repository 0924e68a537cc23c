"""Lineage of an item: the items it was made from, and those made from it, as far as the viewer may see them."""

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
"""Ancestors shown at most; one short query each."""
CHILDREN = 12
MAX_SCANNED = 200
"""Newest predictions made from an item among which its children are searched."""


@dataclass(frozen=True)
class Relative:
    """A related item; `how` is the label of how it was made from its parent."""

    tile: tiles.Tile
    how: str


@dataclass(frozen=True)
class Family:
    """Ancestors, oldest first, and children, newest first."""

    ancestors: list[Relative] = field(default_factory=list)
    children: list[Relative] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.ancestors or self.children)


def for_item(item: Item, viewer: Viewer) -> Family:
    """The lineage of an item that the viewer sees, without others' unlisted and sensitive items.

    Where the prompt is not shown to the viewer, the ancestors aren't either.
    """
    return Family(_ancestors(item, viewer), _children(item, viewer))


def _candidates(viewer: Viewer) -> ItemQuerySet:
    """Items that may appear in a lineage: others' public ones whose prompt is shown, and all of the viewer's
    own."""
    account = access.account_of(viewer)
    anybody = Q(visibility=Item.Visibility.PUBLIC, hidden_at__isnull=True, show_prompt=True, sensitive=False)
    own = Q(account=account) if account is not None else Q(pk__in=[])
    items = access.with_files(Item.objects.filter(anybody | own, trashed_at__isnull=True))
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
        parent = _candidates(viewer).filter(public_id=origin.made_from).first()
        if parent is None:
            break
        found.append(_relative(parent, origin, viewer))
        seen.add(parent.public_id)
        child = parent
    return found[::-1]


def _children(item: Item, viewer: Viewer) -> list[Relative]:
    # Excludes the empty value as the partial index does.
    derived = Prediction.objects.filter(~Q(made_from=""), made_from=item.public_id, status=Status.SUCCEEDED)
    newest = list(derived.order_by("-id").values_list("pk", flat=True)[:MAX_SCANNED])
    if not newest:
        return []
    rows = _candidates(viewer).filter(output__prediction__in=newest).exclude(pk=item.pk)
    return [_relative(row, row.output.prediction, viewer) for row in rows.order_by("-id")[:CHILDREN]]


def _relative(item: Item, prediction: Prediction, viewer: Viewer) -> Relative:
    account = access.account_of(viewer)
    own = account is not None and account.pk == item.account_id
    labels = {
        MadeHow.REMIX.value: _("remix"),
        MadeHow.VARIATION.value: _("variation"),
        MadeHow.INPUT.value: _("input"),
    }
    return Relative(tiles.Tile(item, own), labels.get(prediction.made_how, ""))
