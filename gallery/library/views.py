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

from gallery import access, facts, paging, rows, tiles
from gallery.forms import PublishForm, ShareForm
from gallery.library import filters, listing, selection, storage, telling, trash
from gallery.library.filters import Filter
from gallery.models import Item, ItemQuerySet, ShareLink
from gallery.pages import account_of, base_url, member, page, reader_zone, user_of
from gallery.studio import cutting
from gallery.views.webhooks import lines_of
from predictions.models import HostedModel

PAGE = 48
FILM = 6
"""Neighbours on each side in the strip under a picture."""
MONTHS = 60
COLLECTIONS = 100
SMALLEST, LARGEST, USUAL = 96, 360, 196
"""Heights of rows that may be chosen, in CSS pixels."""
SIZE_COOKIE = "tile"


@require_safe
@member
def library(request: HttpRequest) -> HttpResponse:
    """All own items, newest first, by day, under the filters of the address."""
    with timezone.override(reader_zone(request)):
        wanted = filters.read(request.GET.dict())
        found = listing.page(user_of(request), wanted, PAGE, request.GET.get("after", ""))
        context = _rows(request, found, wanted)
        if request.headers.get("HX-Request") == "true" and "after" in request.GET:
            return page(request, "library/_rows.html", context | {"shown_day": _day(request)})
        return page(request, "library/library.html", context | _around(request, wanted))


def _rows(request: HttpRequest, found: paging.Page[Item], wanted: Filter) -> dict[str, Any]:
    """The rows under the reader's own days, and the way to what is older and newer."""
    size = row_height(request)
    groups = tiles.groups_by_day(found.rows, more=bool(found.older), widths=rows.scaled(rows.LIBRARY, size))
    today = timezone.localdate()
    first = found.rows[0] if found.rows else None
    return {
        "groups": groups,
        "today": today,
        "yesterday": today - timedelta(days=1),
        "last_day": groups[-1].day if groups else None,
        "older": filters.url_of(wanted, after=found.older) if found.older else "",
        "query": wanted.query,
        "size": size,
        "newest": str(paging.Cursor(first.created_at, first.pk)) if first else "0.0",
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
        "chips": filters.chips(user, wanted),
        "models": filters.options(wanted, "model", used),
        "kinds": filters.options(wanted, "kind", filters.kinds()),
        "visibilities": filters.options(
            wanted, "show", {value: words() for value, words in filters.SHOWN_AS.items()}
        ),
        "months": [(day, filters.url_of(replace(wanted, since=None, until=day))) for day in _months(mine)],
        "collections": filters.collections_of(user)[:COLLECTIONS],
        "first": "after" not in request.GET,
        "asof": selection.stamp(timezone.now()),
        "smallest": SMALLEST,
        "largest": LARGEST,
        "publish_form": PublishForm(initial={"visibility": Item.Visibility.PUBLIC, "show_prompt": True}),
        "trash_days": int(trash.life_s() // 86400),
        "cuts": cutting.model() is not None,
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
@member
def newer(request: HttpRequest) -> HttpResponse:
    """The rows of what came after `newer`, the place of the first picture on the page; 204 where nothing did."""
    with timezone.override(reader_zone(request)):
        wanted = filters.read(request.GET.dict())
        try:
            place = paging.Cursor.parse(request.GET.get("newer", ""))
        except ValueError:
            return HttpResponse(status=204)
        items = filters.matching(user_of(request), wanted).filter(paging.newer_than("created_at", place))
        newest = access.for_tiles(items).order_by("-created_at", "-id")[:PAGE]
        found = paging.Page(list(newest))
        # What has the words that are looked for is known only once it is in the index.
        if not found.rows or wanted.text:
            return HttpResponse(status=204)
        return page(request, "library/_rows.html", _rows(request, found, wanted))


@require_safe
@member
def counts(request: HttpRequest) -> HttpResponse:
    """The numbers beside the sections and the room that is used, for a page that is shown already."""
    account = account_of(request)
    used = storage.used(account)
    told: dict[str, Any] = listing.counts(user_of(request))
    told["trash"] = listing.capped(trash.holds(account))
    told["storage"] = {
        "words": used.words,
        "percent": used.percent,
        "quota": bool(used.quota),
        "full": used.is_full,
    }
    return JsonResponse(told, headers={"Cache-Control": "private, no-store"})


@require_safe
@member
def item(request: HttpRequest, public_id: str) -> HttpResponse:
    """One own picture with everything about it."""
    return item_page(request, access.owned(request.user, public_id))


def item_page(
    request: HttpRequest, item: Item, *, status: int = 200, **forms: PublishForm | ShareForm
) -> HttpResponse:
    """The page of one own picture; `forms` with faults stand in place of fresh ones."""
    with timezone.override(reader_zone(request)):
        wanted = filters.read(request.GET.dict())
        # Search has an order of its own: from a found picture the way leads on through all.
        wanted = wanted if not wanted.text else Filter()
        mine = access.for_tiles(filters.matching(user_of(request), wanted))
        cut_out = cutting.model()
        context: dict[str, Any] = {
            "item": item,
            "tile": tiles.Tile(item, own=True),
            "own": True,
            "facts": facts.of(item),
            "links": ShareLink.objects.open().filter(item=item),
            "publish_form": PublishForm.of(item),
            "share_form": ShareForm(),
            "base_url": base_url(request),
            "lines": lines_of(item.output.prediction),
            "query": wanted.query,
            "cut_out": cut_out.ref if cut_out is not None else "",
            "trash_days": int(trash.life_s() // 86400),
            **neighbours(mine, "created_at", item),
            **forms,
        }
        return page(request, "gallery/item.html", context, status=status)


def neighbours(items: ItemQuerySet, field: str, item: Item) -> dict[str, Any]:
    """The items beside one in a list: up to six on each side for the film, and the nearest two."""
    place = paging.Cursor(getattr(item, field), item.pk)
    newer = list(items.filter(paging.newer_than(field, place)).order_by(field, "id")[:FILM])
    older = list(items.filter(paging.older_than(field, place)).order_by(f"-{field}", "-id")[:FILM])
    return {
        "film": [*reversed(newer), item, *older],
        "newer": newer[0] if newer else None,
        "older": older[0] if older else None,
    }


@require_POST
@member
def delete(request: HttpRequest, public_id: str) -> HttpResponse:
    """Put it into the trash; then on to the next picture, with the way back in a toast."""
    item = access.owned(request.user, public_id)
    account = account_of(request)
    mine = Item.objects.owned_by(account)
    place = paging.Cursor(item.created_at, item.pk)
    following = mine.filter(paging.older_than("created_at", place)).order_by("-created_at", "-id").first()
    at = trash.now()
    here = reverse("library_item", args=[item.public_id])
    telling.moved(request, trash.move(account, [item], at=at), at, here)
    if following is None:
        return HttpResponseRedirect(reverse("library"))
    return back(following)


def back(item: Item, fragment: str = "") -> HttpResponse:
    """On to the page of an own picture."""
    target = reverse("library_item", args=[item.public_id])
    return HttpResponseRedirect(f"{target}#{fragment}" if fragment else target)
