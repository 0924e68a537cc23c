"""Pages of the library and of an own item, and moving one to the trash."""

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
from core import pagination, timezones
from core.http.pages import base_url, page
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
STRIP_NEIGHBOURS = 6
"""Neighbours on each side in the strip under a picture."""
MONTHS = 60
COLLECTIONS = 100
SMALLEST, LARGEST, USUAL = 96, 360, 196
"""Heights of rows to choose from, in CSS pixels."""
SIZE_COOKIE = "tile"


@require_safe
@member_required
def library(request: HttpRequest) -> HttpResponse:
    """All own items, newest first, grouped by day, under the filters of the URL."""
    with timezone.override(timezones.for_reader(request)):
        filter_ = item_filters.from_params(request.GET.dict())
        found = item_queries.page(user_of(request), filter_, PAGE, request.GET.get("after", ""))
        context = _rows(request, found, filter_)
        if request.headers.get("HX-Request") == "true" and "after" in request.GET:
            return page(request, "library/_rows.html", context | {"shown_day": _day(request)})
        return page(request, "library/library.html", context | _around(request, filter_))


def _rows(request: HttpRequest, items_page: pagination.Page[Item], filter_: Filter) -> dict[str, Any]:
    """Context of the rows, grouped by the reader's own days, with the links to older and newer ones."""
    size = row_height(request)
    groups = tiles.groups_by_day(
        items_page.rows,
        more=bool(items_page.next),
        widths=justified_rows.scaled(justified_rows.LIBRARY, size),
    )
    today = timezone.localdate()
    first = items_page.rows[0] if items_page.rows else None
    return {
        "groups": groups,
        "today": today,
        "yesterday": today - timedelta(days=1),
        "last_day": groups[-1].day if groups else None,
        "older": item_filters.filtered_url(filter_, after=items_page.next) if items_page.next else "",
        "query": filter_.query,
        "size": size,
        "newest": str(pagination.Place(first.created_at, first.pk)) if first else "0.0",
    }


def _around(request: HttpRequest, filter_: Filter) -> dict[str, Any]:
    """Context of what surrounds the rows: sections, filters, collections and bulk actions."""
    user = user_of(request)
    mine = Item.objects.owned_by(account_of(request))
    newest = mine.order_by("-created_at", "-id")[:1000]
    models = HostedModel.objects.filter(pk__in=newest.values("model_id"))
    used = {model.ref: model.name for model in models.order_by("position", "owner", "name")}
    return {
        "wanted": filter_,
        "chips": item_filters.chips(user, filter_),
        "models": item_filters.options(filter_, "model", used),
        "kinds": item_filters.options(filter_, "kind", item_filters.kinds()),
        "visibilities": item_filters.options(
            filter_, "show", {value: label() for value, label in item_filters.VISIBILITY_LABELS.items()}
        ),
        "months": [
            (day, item_filters.filtered_url(replace(filter_, since=None, until=day))) for day in _months(mine)
        ],
        "collections": item_filters.collections_of(user)[:COLLECTIONS],
        "first": "after" not in request.GET,
        "asof": selection.to_param(timezone.now()),
        "smallest": SMALLEST,
        "largest": LARGEST,
        "publish_form": PublishForm(initial={"visibility": Item.Visibility.PUBLIC, "show_prompt": True}),
        "trash_days": int(trash.lifetime_s() // 86400),
        "cuts": lookup.background_removal_model() is not None,
    }


def _months(mine: ItemQuerySet) -> Iterator[date]:
    """The last days of the months since the first item, newest first."""
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
    """The row height that the reader chose, in CSS pixels."""
    text = request.COOKIES.get(SIZE_COOKIE, "")
    is_number = text.isascii() and text.isdigit() and len(text) <= 4
    return min(LARGEST, max(SMALLEST, int(text))) if is_number else USUAL


def _day(request: HttpRequest) -> date | None:
    """The day whose heading is already on the page, above these rows."""
    try:
        return date.fromisoformat(request.GET.get("day", "")[:10])
    except ValueError:
        return None


@require_safe
@member_required
def newer(request: HttpRequest) -> HttpResponse:
    """The rows of what is newer than `newer`, the position of the page's first item; 204 where nothing is."""
    with timezone.override(timezones.for_reader(request)):
        filter_ = item_filters.from_params(request.GET.dict())
        try:
            place = pagination.Place.parse(request.GET.get("newer", ""))
        except ValueError:
            return HttpResponse(status=204)
        items = item_filters.matching(user_of(request), filter_).filter(
            pagination.newer_than("created_at", place)
        )
        newest = access.for_tiles(items).order_by("-created_at", "-id")[:PAGE]
        found = pagination.Page(list(newest))
        # Whether a new item matches the search text is known only once it is indexed.
        if not found.rows or filter_.text:
            return HttpResponse(status=204)
        return page(request, "library/_rows.html", _rows(request, found, filter_))


@require_safe
@member_required
def counts(request: HttpRequest) -> HttpResponse:
    """The counts beside the sections and the storage used, for a page that is already loaded."""
    account = account_of(request)
    used = storage_usage.for_account(account)
    answer: dict[str, Any] = item_queries.counts(user_of(request))
    answer["trash"] = item_queries.capped_count(trash.items_of(account))
    answer["storage"] = {
        "words": used.words,
        "percent": used.percent,
        "quota": bool(used.quota),
        "full": used.is_full,
    }
    return JsonResponse(answer, headers={"Cache-Control": "private, no-store"})


@require_safe
@member_required
def item(request: HttpRequest, public_id: str) -> HttpResponse:
    """One own item with all its details."""
    return item_page(request, access.owned(request.user, public_id))


def item_page(
    request: HttpRequest, item: Item, *, status: int = 200, **forms: PublishForm | ShareForm
) -> HttpResponse:
    """The page of an own item; `forms` with errors replace the unbound ones."""
    with timezone.override(timezones.for_reader(request)):
        filter_ = item_filters.from_params(request.GET.dict())
        # Search results have an order of their own: the neighbours of a result are those of the whole
        # library.
        filter_ = filter_ if not filter_.text else Filter()
        mine = access.for_tiles(item_filters.matching(user_of(request), filter_))
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
            "query": filter_.query,
            "cut_out": cut_out.ref if cut_out is not None else "",
            "trash_days": int(trash.lifetime_s() // 86400),
            **neighbours(mine, "created_at", item),
            **forms,
        }
        return page(request, "items/item.html", context, status=status)


def neighbours(items: ItemQuerySet, field: str, item: Item) -> dict[str, Any]:
    """The items next to one in a list: up to six on each side for the strip, and the nearest two."""
    place = pagination.Place(getattr(item, field), item.pk)
    newer = list(items.filter(pagination.newer_than(field, place)).order_by(field, "id")[:STRIP_NEIGHBOURS])
    older = list(
        items.filter(pagination.older_than(field, place)).order_by(f"-{field}", "-id")[:STRIP_NEIGHBOURS]
    )
    return {
        "film": [*reversed(newer), item, *older],
        "newer": newer[0] if newer else None,
        "older": older[0] if older else None,
    }


@require_POST
@member_required
def delete(request: HttpRequest, public_id: str) -> HttpResponse:
    """Move it to the trash; then on to the next item, with an undo button in the message."""
    item = access.owned(request.user, public_id)
    account = account_of(request)
    mine = Item.objects.owned_by(account)
    place = pagination.Place(item.created_at, item.pk)
    following = mine.filter(pagination.older_than("created_at", place)).order_by("-created_at", "-id").first()
    at = trash.now()
    item_url = reverse("library_item", args=[item.public_id])
    toasts.show_moved_to_trash(request, trash.move(account, [item], at=at), at, item_url)
    if following is None:
        return HttpResponseRedirect(reverse("library"))
    return redirect_to_item(following)


def redirect_to_item(item: Item, fragment: str = "") -> HttpResponse:
    """Redirect to the page of an own item."""
    target = reverse("library_item", args=[item.public_id])
    return HttpResponseRedirect(f"{target}#{fragment}" if fragment else target)
