"""Public pages of collections: the list of the newest, and one collection."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.auth.member_pages import visible_to_visitors
from core import pagination
from core.http.pages import page
from gallery.collections import audiences, cards, picture_rows, positions, querysets
from gallery.items import access
from gallery.models import Collection, CollectionItem, Item, ReaderChoice
from gallery.public.image_responses import open_graph
from gallery.public.reader_preferences import Reader, reader_of

PAGE = 24
PICTURES = 48


def public_list(reader: Reader, after: str = "", size: int = PAGE) -> tuple[list[cards.Card], str]:
    """The newest public collections as this reader sees them, and the cursor of older ones; three queries."""

    def seen(entries: Any) -> Any:
        return querysets.for_readers(entries).filter(reader.conditions("item__"))

    newest = pagination.page_or_newest(
        reader.collections(querysets.public_collections()), "published_at", size, after
    )
    presentation = audiences.readers(reader)
    return cards.cards(newest.rows, seen, public_url, lambda _collection: presentation), newest.next


def public_url(collection: Collection) -> str:
    """The URL of a collection's public page."""
    return reverse("collection_public", args=[collection.public_id])


@require_safe
@visible_to_visitors
def collections(request: HttpRequest) -> HttpResponse:
    """Public collections, newest first."""
    reader = reader_of(request)
    card_list, older = public_list(reader, request.GET.get("after", ""))
    context = {
        "reader": reader,
        "choices": ReaderChoice.Sensitive.choices,
        "place": reverse("collections_public"),
        "cards": card_list,
        "older": f"{reverse('collections_public')}?{urlencode({'after': older})}" if older else "",
        "first": "after" not in request.GET,
        "public": True,
    }
    part = request.headers.get("HX-Request") == "true" and "after" in request.GET
    return page(request, "collections/_cards.html" if part else "collections/public_list.html", context)


@require_safe
@visible_to_visitors
def collection(request: HttpRequest, public_id: str) -> HttpResponse:
    """A public or unlisted collection, with those of its items that are public or unlisted themselves."""
    collection = querysets.published(public_id)
    reader = reader_of(request)
    seen = querysets.for_readers(CollectionItem.objects.filter(collection=collection))
    seen = querysets.with_items(seen.filter(reader.conditions("item__")))
    entries, older = positions.page(seen, request.GET.get("after", ""), PICTURES)
    account = access.account_of(request.user)
    mine = account is not None and account.pk == collection.account_id
    reported = not mine and reader.has_reported_collection(collection)
    context = {
        "collection": collection,
        "rows": picture_rows.lay_out(entries, audiences.readers(reader), more=bool(older)),
        "older": f"{public_url(collection)}?{urlencode({'after': older})}" if older else "",
        "mine": mine,
        "reported": reported,
        "veiled": reported and "show" not in request.GET and "after" not in request.GET,
        "first": "after" not in request.GET,
    }
    if request.headers.get("HX-Request") == "true" and "after" in request.GET:
        return page(request, "collections/_more.html", context)
    response = page(request, "collections/public.html", context | _graph(request, collection))
    if collection.visibility == Collection.Visibility.UNLISTED:
        response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def cover(collection: Collection) -> Item | None:
    """The open item that represents the collection elsewhere; None where there is none."""
    return querysets.cover(
        collection, querysets.for_readers(CollectionItem.objects.filter(collection=collection))
    )


def _graph(request: HttpRequest, collection: Collection) -> dict[str, Any]:
    """Open Graph tags with the cover or the first item, unless that is sensitive."""
    item = cover(collection)
    if item is None:
        return {}
    return open_graph(request, item, reverse("item_picture", args=[item.public_id, "medium"]))
