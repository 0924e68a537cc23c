"""Origin of a prediction: the item it is made from, carried through the studio's form and checked on submit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest

from accounts.auth.member_pages import account_of
from accounts.models import Account
from gallery.items import access, tiles
from gallery.models import Item
from predictions.models import Prediction
from predictions.models.prediction import MadeHow

_LONGEST_ID = 32


@dataclass(frozen=True)
class Origin:
    """The item that a prediction is made from, and how; both empty where there is none."""

    item_id: str = ""
    how: str = ""
    item: Item | None = None
    own: bool = False

    @property
    def tile(self) -> tiles.Tile | None:
        """The item's tile, shown above the prompt."""
        return tiles.Tile(self.item, self.own) if self.item is not None else None


NONE = Origin()


def of_form(account: Account, form: Mapping[str, str]) -> Origin:
    """The origin named in a form; NONE where the member may not see the item, or not its settings."""
    return _of(account, form.get("made_from", ""), form.get("made_how", ""))


def of_address(request: HttpRequest) -> Origin:
    """The origin named in a query string: `?item=` (remix), `?use=` (as input), or `?from=` (an own
    prediction)."""
    account, query = account_of(request), request.GET
    if query.get("item"):
        return _of(account, query["item"], MadeHow.REMIX)
    if query.get("use"):
        return _of(account, query["use"], MadeHow.INPUT)
    if query.get("from"):
        items = Item.objects.owned_by(account).filter(output__prediction__public_id=query["from"][:26])
        first = access.with_files(items).order_by("output__index").first()
        return Origin(first.public_id, MadeHow.REMIX, first, own=True) if first is not None else NONE
    return NONE


def of_item(account: Account, item: Item, how: MadeHow) -> Origin:
    """The origin for a prediction made from that item, which the member may see."""
    return Origin(item.public_id, how, item, item.account_id == account.pk)


def readable(account: Account, public_id: str) -> Item | None:
    """An item that the member may see: their own, or a public or unlisted one; else None."""
    if not public_id or len(public_id) > _LONGEST_ID or "\x00" in public_id:
        return None
    items = access.with_files(Item.objects.filter(public_id=public_id))
    item = items.select_related("output__prediction__version__model").first()
    if item is None or item.in_trash or not (item.is_open or item.account_id == account.pk):
        return None
    return item


def recipe(account: Account, public_id: str) -> tuple[Item, Prediction] | None:
    """An item with the prediction that made it, where the member may read its prompt and settings; else None."""
    item = readable(account, public_id)
    if item is None or not (item.show_prompt or item.account_id == account.pk):
        return None
    return item, item.output.prediction


def _of(account: Account, public_id: str, how: str) -> Origin:
    if how not in MadeHow.values:
        return NONE
    item = readable(account, public_id)
    if item is None or (how != MadeHow.INPUT and not item.show_prompt and item.account_id != account.pk):
        return NONE
    return Origin(item.public_id, how, item, item.account_id == account.pk)
