"""`/api/collections/ID/items` and `/api/gallery/collections/ID`: the items of a collection, and their order."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from core import pagination
from core.api import examples, list_pages
from core.api.problems import ProblemSerializer
from core.api.serializer_fields import BAD_CURSOR, BoundedListField, Listed, Text
from core.http.public_origin import origin_of
from core.pagination import BadCursor
from gallery.api import item_serializers
from gallery.api.collections import (
    COLLECTION_EXAMPLE,
    NOT_FOUND,
    CollectionSerializer,
    OwnCollectionsView,
    collection_problems,
)
from gallery.api.public import PublicView
from gallery.collections import curation, positions, querysets
from gallery.models import Item

_ITEMS = {
    200: list_pages.page_of("GalleryPage", item_serializers.PublicItemSerializer),
    400: ProblemSerializer,
    **NOT_FOUND,
}


class IdsSerializer(serializers.Serializer[Any]):
    """Items by their ids."""

    ids = BoundedListField(child=Text(max_length=64, allow_blank=True), min_length=1, max_length=1000)


class MoveSerializer(serializers.Serializer[Any]):
    """An item and where it goes: before or after another one."""

    id = Text(max_length=64)
    before = Text(required=False, max_length=64)
    after = Text(required=False, max_length=64)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One neighbour."""
        if ("before" in attrs) == ("after" in attrs):
            raise serializers.ValidationError({"before": ["Name one neighbour: `before` or `after`."]})
        return attrs


class CollectionItemsView(OwnCollectionsView):
    """What is in a collection."""

    @extend_schema(
        operation_id="collection_items_list",
        summary="What is in a collection",
        parameters=[Listed],
        responses=_ITEMS,
        examples=[examples.page_example(item_serializers.PUBLIC_EXAMPLE)],
    )
    def get(self, request: Request, collection_id: str) -> Response:
        """In its own order. Pictures of items that are not open are had at `/api/items/ID/picture/SIZE`."""
        collection = querysets.edited(self.user, collection_id)
        entries = querysets.for_members(collection.entries.all(), self.user.account)
        return _entries(request, entries, self.user.account_id)

    @extend_schema(
        operation_id="collection_items_add",
        summary="Put items into a collection",
        request=IdsSerializer,
        responses={200: CollectionSerializer, 403: ProblemSerializer, 409: ProblemSerializer, **NOT_FOUND},
        examples=[
            examples.request_example({"ids": [item_serializers.ITEM]}),
            examples.response_example(COLLECTION_EXAMPLE),
        ],
    )
    def post(self, request: Request, collection_id: str) -> Response:
        """At its end, in this order: up to 1,000 of your own items. What is in it already stays where it is."""
        collection, ids = querysets.edited(self.user, collection_id), _ids(request)
        with collection_problems():
            curation.add(collection, self.items(ids), self.user)
        return self.answer(collection)

    @extend_schema(
        operation_id="collection_items_move",
        summary="Move an item within a collection",
        request=MoveSerializer,
        responses={204: None, **NOT_FOUND},
        examples=[
            examples.request_example({"id": item_serializers.ITEM, "before": "pL7wB2yNk4Vs9tXd6mCa3E"})
        ],
    )
    def patch(self, request: Request, collection_id: str) -> Response:
        """Put it before or after another one of the same collection."""
        collection = querysets.edited(self.user, collection_id)
        serializer = MoveSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        visible_entries = querysets.for_members(collection.entries.all(), self.user.account)
        with collection_problems():
            positions.move(
                collection,
                visible_entries,
                data["id"],
                before=data.get("before", ""),
                after=data.get("after", ""),
            )
        return Response(status=status.HTTP_204_NO_CONTENT)


class CollectionItemView(OwnCollectionsView):
    """One item in a collection."""

    @extend_schema(
        operation_id="collection_items_remove",
        summary="Take an item out of a collection",
        responses={204: None, **NOT_FOUND},
    )
    def delete(self, request: Request, collection_id: str, item_id: str) -> Response:
        """The item itself stays where it is, in your library or somebody else's."""
        with collection_problems():
            curation.remove(querysets.edited(self.user, collection_id), [item_id])
        return Response(status=status.HTTP_204_NO_CONTENT)


class OpenCollectionItemsView(PublicView):
    """A public or unlisted collection, for everybody."""

    @extend_schema(
        operation_id="gallery_collection_items",
        summary="What is in an open collection",
        parameters=[Listed],
        responses=_ITEMS,
        examples=[examples.page_example(item_serializers.PUBLIC_EXAMPLE)],
    )
    def get(self, request: Request, collection_id: str) -> Response:
        """Those of its items that are open themselves, in its own order. No token is needed."""
        collection = querysets.published(collection_id)
        return _entries(request, querysets.for_readers(collection.entries.all()), None)


def _entries(request: Request, entries: Any, account_id: int | None) -> Response:
    """A page of entries rendered as items; private items show their prompt to their owner alone."""
    query, origin = list_pages.page_query(Listed, request), origin_of(request._request)
    if query["cursor"]:
        try:
            positions.parse_cursor(query["cursor"])
        except BadCursor:
            raise serializers.ValidationError({"cursor": [BAD_CURSOR]}) from None
    found, more = positions.page(querysets.with_items(entries), query["cursor"], query["limit"])
    rows = {
        row.pk: row
        for row in item_serializers.with_tags(Item.objects.filter(pk__in=[entry.item_id for entry in found]))
    }
    items = [rows[entry.item_id] for entry in found if entry.item_id in rows]

    def rendered(row: Item) -> dict[str, Any]:
        data = item_serializers.public_item(row, origin)
        return data | {"prompt": row.prompt} if account_id == row.account_id else data

    return item_serializers.page_response(request, pagination.Page(items, more), rendered)


def _ids(request: Request) -> list[str]:
    serializer = IdsSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    ids: list[str] = serializer.validated_data["ids"]
    return ids
