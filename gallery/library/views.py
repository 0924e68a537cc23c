"""A member's own pictures: the library, one item, and the way of one into the trash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import account_of, member_required, user_of
from core import pagination
from core.http.pages import base_url, page, reader_zone
from gallery.items import access, details, justified_rows, tiles
from gallery.items.forms import PublishForm
from gallery.library import item_filters, item_queries, selection, storage_usage, toasts, trash
from gallery.library.item_filters import Filter
from gallery.models import Item, ItemQuerySet, ShareLink
from gallery.shares.forms import ShareForm
from predictions.catalogue import lookup
from predictions.models import HostedModel
from predictions.webhooks.views import delivery_lines

PAGE = 48
FILM = 6
"""Neighbours on each side in the strip under a picture."""
MONTHS = 60
COLLECTIONS = 100
SMALLEST, LARGEST, USUAL = 96, 360, 196
"""Heights of rows that may be chosen, in CSS pixels."""
SIZE_COOKIE = "tile"


@require_safe
@member_required
def library(request: HttpRequest) -> HttpResponse:
    """All own items, newest first, by day, under the filters of the address."""
    with timezone.override(reader_zone(request)):
        wanted = item_filters.read(request.GET.dict())
        found = item_queries.page(user_of(request), wanted, PAGE, request.GET.get("after", ""))
        context = _rows(request, found, wanted)
        if request.headers.get("HX-Request") == "true" and "after" in request.GET:
            return page(request, "library/_rows.html", context | {"shown_day": _day(request)})
        return page(request, "library/library.html", context | _around(request, wanted))


def _rows(request: HttpRequest, found: pagination.RowsPage[Item], wanted: Filter) -> dict[str, Any]:
    """The rows under the reader's own days, and the way to what is older and newer."""
    size = row_height(request)
    groups = tiles.groups_by_day(
        found.rows, more=bool(found.older), widths=justified_rows.scaled(justified_rows.LIBRARY, size)
    )
    today = timezone.localdate()
    first = found.rows[0] if found.rows else None
    return {
        "groups": groups,
        "today": today,
        "yesterday": today - timedelta(days=1),
        "last_day": groups[-1].day if groups else None,
        "older": item_filters.url_of(wanted, after=found.older) if found.older else "",
        "query": wanted.query,
        "size": size,
        "newest": str(pagination.Place(first.created_at, first.pk)) if first else "0.0",
    }


def _around(request: HttpRequest, wanted: Filter) -> dict[str, Any]:
    """What stands beside the rows: sections, filters, collections, and what can be done with a choice."""
    user = user_of(request)
    mine = Item.objects.owned_by(account_of(request))
    newest = mine.order_by("-created_at", "-id")[:1000]
    models = HostedModel.objects.filter(pk__in=newest.values("model_id"))
    used = {one.ref: one.name for one in models.order_by("position", "owner", "name")}
    return {
        "wanted": wanted,
        "chips": item_filters.chips(user, wanted),
        "models": item_filters.options(wanted, "model", used),
        "kinds": item_filters.options(wanted, "kind", item_filters.kinds()),
        "visibilities": item_filters.options(
            wanted, "show", {value: words() for value, words in item_filters.SHOWN_AS.items()}
        ),
        "months": [
            (day, item_filters.url_of(replace(wanted, since=None, until=day))) for day in _months(mine)
        ],
        "collections": item_filters.collections_of(user)[:COLLECTIONS],
        "first": "after" not in request.GET,
        "asof": selection.stamp(timezone.now()),
        "smallest": SMALLEST,
        "largest": LARGEST,
        "publish_form": PublishForm(initial={"visibility": Item.Visibility.PUBLIC, "show_prompt": True}),
        "trash_days": int(trash.life_s() // 86400),
        "cuts": lookup.background_removal_model() is not None,
    }


def _months(mine: ItemQuerySet) -> Iterator[date]:
    """The last days of the months that have passed since the first picture, newest first."""
    oldest = mine.order_by("created_at", "id").values_list("created_at", flat=True).first()
    if oldest is None:
        return
    first = timezone.localtime(oldest).date().replace(day=1)
    day = timezone.localdate()
    for _number in range(MONTHS):
        if day < first:
            return
        yield day
        day = day.replace(day=1) - timedelta(days=1)


def row_height(request: HttpRequest) -> int:
    """How high the reader wants rows to be."""
    chosen = request.COOKIES.get(SIZE_COOKIE, "")
    known = chosen.isascii() and chosen.isdigit() and len(chosen) <= 4
    return min(LARGEST, max(SMALLEST, int(chosen))) if known else USUAL


def _day(request: HttpRequest) -> date | None:
    """The day under whose heading the rows before this page stand."""
    try:
        return date.fromisoformat(request.GET.get("day", "")[:10])
    except ValueError:
        return None


@require_safe
@member_required
def newer(request: HttpRequest) -> HttpResponse:
    """The rows of what came after `newer`, the place of the first picture on the page; 204 where nothing did."""
    with timezone.override(reader_zone(request)):
        wanted = item_filters.read(request.GET.dict())
        try:
            place = pagination.Place.parse(request.GET.get("newer", ""))
        except ValueError:
            return HttpResponse(status=204)
        items = item_filters.matching(user_of(request), wanted).filter(
            pagination.newer_than("created_at", place)
        )
        newest = access.for_tiles(items).order_by("-created_at", "-id")[:PAGE]
        found = pagination.RowsPage(list(newest))
        # What has the words that are looked for is known only once it is in the index.
        if not found.rows or wanted.text:
            return HttpResponse(status=204)
        return page(request, "library/_rows.html", _rows(request, found, wanted))


@require_safe
@member_required
def counts(request: HttpRequest) -> HttpResponse:
    """The numbers beside the sections and the room that is used, for a page that is shown already."""
    account = account_of(request)
    used = storage_usage.used(account)
    told: dict[str, Any] = item_queries.counts(user_of(request))
    told["trash"] = item_queries.capped(trash.items_of(account))
    told["storage"] = {
        "words": used.words,
        "percent": used.percent,
        "quota": bool(used.quota),
        "full": used.is_full,
    }
    return JsonResponse(told, headers={"Cache-Control": "private, no-store"})


@require_safe
@member_required
def item(request: HttpRequest, public_id: str) -> HttpResponse:
    """One own picture with everything about it."""
    return item_page(request, access.owned(request.user, public_id))


def item_page(
    request: HttpRequest, item: Item, *, status: int = 200, **forms: PublishForm | ShareForm
) -> HttpResponse:
    """The page of one own picture; `forms` with faults stand in place of fresh ones."""
    with timezone.override(reader_zone(request)):
        wanted = item_filters.read(request.GET.dict())
        # Search has an order of its own: from a found picture the way leads on through all.
        wanted = wanted if not wanted.text else Filter()
        mine = access.for_tiles(item_filters.matching(user_of(request), wanted))
        cut_out = lookup.background_removal_model()
        context: dict[str, Any] = {
            "item": item,
            "tile": tiles.Tile(item, own=True),
            "own": True,
            "facts": details.for_item(item),
            "links": ShareLink.objects.open().filter(item=item),
            "publish_form": PublishForm.of(item),
            "share_form": ShareForm(),
            "base_url": base_url(request),
            "lines": delivery_lines(item.output.prediction),
            "query": wanted.query,
            "cut_out": cut_out.ref if cut_out is not None else "",
            "trash_days": int(trash.life_s() // 86400),
            **neighbours(mine, "created_at", item),
            **forms,
        }
        return page(request, "items/item.html", context, status=status)


def neighbours(items: ItemQuerySet, field: str, item: Item) -> dict[str, Any]:
    """The items beside one in a list: up to six on each side for the film, and the nearest two."""
    place = pagination.Place(getattr(item, field), item.pk)
    newer = list(items.filter(pagination.newer_than(field, place)).order_by(field, "id")[:FILM])
    older = list(items.filter(pagination.older_than(field, place)).order_by(f"-{field}", "-id")[:FILM])
    return {
        "film": [*reversed(newer), item, *older],
        "newer": newer[0] if newer else None,
        "older": older[0] if older else None,
    }


@require_POST
@member_required
def delete(request: HttpRequest, public_id: str) -> HttpResponse:
    """Put it into the trash; then on to the next picture, with the way back in a toast."""
    item = access.owned(request.user, public_id)
    account = account_of(request)
    mine = Item.objects.owned_by(account)
    place = pagination.Place(item.created_at, item.pk)
    following = mine.filter(pagination.older_than("created_at", place)).order_by("-created_at", "-id").first()
    at = trash.now()
    here = reverse("library_item", args=[item.public_id])
    toasts.moved(request, trash.move(account, [item], at=at), at, here)
    if following is None:
        return HttpResponseRedirect(reverse("library"))
    return back(following)


def back(item: Item, fragment: str = "") -> HttpResponse:
    """On to the page of an own picture."""
    target = reverse("library_item", args=[item.public_id])
    return HttpResponseRedirect(f"{target}#{fragment}" if fragment else target)
