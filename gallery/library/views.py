"""A member's own pictures: the library, one item, and what its owner does with it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery import access, deletion, facts, paging, tiles
from gallery.forms import PublishForm, ShareForm
from gallery.models import Item, ItemQuerySet, ShareLink
from gallery.pages import account_of, base_url, member, page, reader_zone
from gallery.views.webhooks import lines_of
from predictions.models import HostedModel

PAGE = 60
FILM = 6
"""Neighbours on each side in the strip under a picture."""


@require_safe
@member
def library(request: HttpRequest) -> HttpResponse:
    """All own items, newest first, by day; filters by state and model."""
    items, filters = _filtered(request)
    found = paging.page(items, "created_at", PAGE, request.GET.get("after", ""))
    context = _days(request, found) | {"filters": filters, "older": _older_url(found.older, filters)}
    if request.headers.get("HX-Request") == "true" and "after" in request.GET:
        return page(request, "gallery/_library_rows.html", context | {"shown_day": _day(request)})
    models = HostedModel.objects.filter(pk__in=_used_models(request)).order_by("position", "owner", "name")
    context |= {"models": models, "first": "after" not in request.GET}
    return page(request, "gallery/library.html", context)


def _days(request: HttpRequest, found: paging.Page[Item]) -> dict[str, Any]:
    """The rows under the reader's own days."""
    with timezone.override(reader_zone(request)):
        groups = tiles.groups_by_day(found.rows, more=bool(found.older))
        today = timezone.localdate()
    last_day = groups[-1].day if groups else None
    return {"groups": groups, "today": today, "yesterday": today - timedelta(days=1), "last_day": last_day}


def _filtered(request: HttpRequest) -> tuple[ItemQuerySet, dict[str, str]]:
    items = access.with_files(Item.objects.owned_by(account_of(request)))
    filters = {}
    if request.GET.get("show") == "public":
        filters["show"] = "public"
        items = items.filter(visibility=Item.Visibility.PUBLIC)
    owner, slash, name = request.GET.get("model", "").partition("/")
    if slash:
        filters["model"] = f"{owner}/{name}"
        items = items.filter(model__owner=owner, model__name=name)
    return items, filters


def _used_models(request: HttpRequest) -> set[int]:
    """The models among the newest thousand items: enough for a filter, and never a scan of everything."""
    newest = Item.objects.owned_by(account_of(request)).order_by("-created_at", "-id")[:1000]
    return set(newest.values_list("model_id", flat=True))


def _older_url(cursor: str, filters: dict[str, str]) -> str:
    return f"{reverse('library')}?{urlencode({**filters, 'after': cursor})}" if cursor else ""


def _day(request: HttpRequest) -> date | None:
    """The day under whose heading the rows before this page stand."""
    try:
        return date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return None


@require_safe
@member
def item(request: HttpRequest, public_id: str) -> HttpResponse:
    """One own picture with everything about it."""
    return item_page(request, access.owned(request.user, public_id))


def item_page(
    request: HttpRequest, item: Item, *, status: int = 200, **forms: PublishForm | ShareForm
) -> HttpResponse:
    """The page of one own picture; `forms` with faults stand in place of fresh ones."""
    mine = access.with_files(Item.objects.owned_by(account_of(request)))
    context: dict[str, Any] = {
        "item": item,
        "tile": tiles.Tile(item, own=True),
        "own": True,
        "facts": facts.of(item),
        "links": ShareLink.objects.open().filter(item=item),
        "publish_form": PublishForm(initial={"title": item.title, "show_prompt": item.show_prompt}),
        "share_form": ShareForm(),
        "base_url": base_url(request),
        "lines": lines_of(item.output.prediction),
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
    """Delete it for good, with its files and links; then on to the next picture."""
    item = access.owned(request.user, public_id)
    mine = Item.objects.owned_by(account_of(request))
    place = paging.Cursor(item.created_at, item.pk)
    following = mine.filter(paging.older_than("created_at", place)).order_by("-created_at", "-id").first()
    deletion.delete(item)
    messages.success(request, _("Deleted, with its files and share links."))
    if following is None:
        return HttpResponseRedirect(reverse("library"))
    return back(following)


def back(item: Item, fragment: str = "") -> HttpResponse:
    """On to the page of an own picture."""
    target = reverse("library_item", args=[item.public_id])
    return HttpResponseRedirect(f"{target}#{fragment}" if fragment else target)
