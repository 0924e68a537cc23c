"""`/api/collections`: sets of items, kept by their owner and by editors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.db.models import Count
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permits
from accounts.api import examples, lists
from accounts.api.fields import BAD_CURSOR, BoundedListField, Listed, Text
from accounts.paging import BadCursor
from accounts.problems import Denied, OwnApiView, ProblemSerializer
from gallery import paging
from gallery.api import shapes
from gallery.api.public import PublicView
from gallery.collections import editors, keeping, ordering, seeing
from gallery.models import Collection, Item
from predictions.dialects.common.origin import origin_of

COLLECTION = "hT3vQ9xLk2Rr8sWc5nZb1D"
_CHANGES: dict[str, str] = dict.fromkeys(("PUT", "POST", "PATCH", "DELETE"), permits.GALLERY)
_EXAMPLE = {
    "id": COLLECTION,
    "title": "Harbours",
    "description": "Fog and boats.",
    "owner": "alice",
    "editors": ["charlie"],
    "visibility": "unlisted",
    "cover": shapes.ITEM,
    "items": 12,
    "hidden": False,
    "hidden_reason": "",
    "url": f"https://darkroom.example/collections/{COLLECTION}/",
    "created_at": "2026-11-20T12:00:00Z",
    "changed_at": "2026-11-20T13:00:00Z",
}
_ONE = {404: ProblemSerializer}
_ITEMS = {200: lists.page_of("GalleryPage", shapes.PublicItemSerializer), 400: ProblemSerializer, **_ONE}


class CollectionSerializer(serializers.Serializer[Any]):
    """A set of items."""

    id = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    owner = serializers.CharField(help_text="A user name.")
    editors = serializers.ListField(child=serializers.CharField(), help_text="User names.")
    visibility = serializers.ChoiceField(Collection.Visibility.choices)
    cover = serializers.CharField(allow_null=True, help_text="An item's id; null: its first one.")
    items = serializers.IntegerField(help_text="How many are in it.")
    hidden = serializers.BooleanField(help_text="Whether a moderator hid it from others.")
    hidden_reason = serializers.CharField(allow_blank=True)
    url = serializers.URLField(allow_null=True, help_text="Its page for everybody; null while it is private.")
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class NewCollectionSerializer(serializers.Serializer[Any]):
    """A collection to be made."""

    title = Text(max_length=keeping.MAX_TITLE)


class ChangeCollectionSerializer(serializers.Serializer[Any]):
    """What is to change; what is left out stays as it is."""

    title = Text(required=False, max_length=keeping.MAX_TITLE)
    description = Text(required=False, allow_blank=True, max_length=keeping.MAX_DESCRIPTION)
    visibility = serializers.ChoiceField(
        Collection.Visibility.choices,
        required=False,
        help_text="To open a collection opens none of its items: others see those that are open themselves.",
    )
    cover = Text(required=False, max_length=64, help_text="The id of an item in it.")


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


def _shown(row: Collection, origin: str) -> dict[str, Any]:
    """A collection as those see it who keep it; `row.count` is annotated, its editors are loaded."""
    open_ = row.visibility != Collection.Visibility.PRIVATE and row.hidden_at is None
    return {
        "id": row.public_id,
        "title": row.title,
        "description": row.description,
        "owner": row.user.username,
        "editors": [one.user.username for one in row.editors.all()],
        "visibility": row.visibility,
        "cover": row.cover.public_id if row.cover else None,
        "items": row.count,  # type: ignore[attr-defined]
        "hidden": row.hidden_at is not None,
        "hidden_reason": row.hidden_reason,
        "url": origin + reverse("collection_public", args=[row.public_id]) if open_ else None,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
    }


@contextmanager
def refusals() -> Iterator[None]:
    """Tell what keeping refuses in the API's own words."""
    try:
        yield
    except keeping.NoTitle:
        raise serializers.ValidationError({"title": ["Nothing of it would be seen."]}) from None
    except keeping.Suspended as refused:
        raise Denied(403, "Forbidden", refused.detail) from None
    except keeping.Hidden:
        raise Denied(409, "Hidden", "A moderator hid this collection.") from None
    except keeping.TooManyCollections:
        words = f"An account has {keeping.MAX_COLLECTIONS} collections at most."
        raise Denied(409, "Too many", words) from None
    except keeping.TooManyItems:
        raise Denied(409, "Too many", f"A collection holds {keeping.MAX_ITEMS} items at most.") from None
    except editors.TooManyEditors:
        words = f"A collection has {editors.MAX_EDITORS} editors at most."
        raise Denied(409, "Too many", words) from None
    except ordering.Gone:
        raise Denied(404, "Not found", "It is no longer there.") from None


class _Kept(OwnApiView):
    """Collections that one keeps, as owner or as editor."""

    scopes: ClassVar = _CHANGES

    def rows(self) -> Any:
        """With what is shown of them, in as many queries for a hundred as for one."""
        rows = seeing.editable(self.user).select_related("user", "cover").prefetch_related("editors__user")
        return rows.annotate(count=Count("entries"))

    def answer(self, collection: Collection, status_code: int = 200) -> Response:
        """The collection as it is now."""
        row = self.rows().get(pk=collection.pk)
        return Response(_shown(row, origin_of(self.request._request)), status=status_code)

    def items(self, ids: list[str]) -> list[Item]:
        """Own items by their ids, in that order."""
        known = {
            item.public_id: item for item in Item.objects.owned_by(self.account).filter(public_id__in=ids)
        }
        return [known[one] for one in dict.fromkeys(ids) if one in known]


class CollectionsView(_Kept):
    """All collections that one keeps."""

    @extend_schema(
        operation_id="collections_list",
        summary="Your collections",
        parameters=[Listed],
        responses={200: lists.page_of("CollectionPage", CollectionSerializer), 400: ProblemSerializer},
        examples=[examples.page(_EXAMPLE)],
    )
    def get(self, request: Request) -> Response:
        """Your own, and those of others where you are an editor; the last changed first."""
        query, origin = lists.asked(Listed, request), origin_of(request._request)
        return lists.answer(request, self.rows(), query, lambda row: _shown(row, origin), time="changed_at")

    @extend_schema(
        operation_id="collections_create",
        summary="Make a collection",
        request=NewCollectionSerializer,
        responses={201: CollectionSerializer, 403: ProblemSerializer, 409: ProblemSerializer},
        examples=[
            examples.sent({"title": "Harbours"}),
            examples.came(_EXAMPLE | {"visibility": "private", "url": None}, 201),
        ],
    )
    def post(self, request: Request) -> Response:
        """A new one, private and without pictures, at the top of your list."""
        asked = NewCollectionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with refusals():
            made = keeping.create(self.user, asked.validated_data["title"])
        return self.answer(made, status.HTTP_201_CREATED)


class CollectionView(_Kept):
    """One collection."""

    @extend_schema(
        operation_id="collections_get",
        summary="One collection",
        responses={200: CollectionSerializer, **_ONE},
        examples=[examples.came(_EXAMPLE)],
    )
    def get(self, request: Request, collection_id: str) -> Response:
        """One of the collections that you keep, as owner or as editor."""
        return self.answer(seeing.edited(self.user, collection_id))

    @extend_schema(
        operation_id="collections_change",
        summary="Change a collection",
        request=ChangeCollectionSerializer,
        responses={200: CollectionSerializer, 403: ProblemSerializer, 409: ProblemSerializer, **_ONE},
        examples=[examples.sent({"visibility": "unlisted"}), examples.came(_EXAMPLE)],
    )
    def patch(self, request: Request, collection_id: str) -> Response:
        """Change its words, its cover, and who sees it. Its owner only."""
        own = seeing.owned(self.user, collection_id)
        asked = ChangeCollectionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        with refusals():
            if "title" in given or "description" in given:
                keeping.describe(
                    own,
                    title=given.get("title", own.title),
                    description=given.get("description", own.description),
                    by=self.user,
                )
            if "cover" in given:
                entry = seeing.entry(own.entries.all(), given["cover"])
                keeping.set_cover(own, entry.item)
            if "visibility" in given:
                keeping.show_to(own, given["visibility"], by=self.user)
        return self.answer(own)

    @extend_schema(
        operation_id="collections_delete", summary="Delete a collection", responses={204: None, **_ONE}
    )
    def delete(self, request: Request, collection_id: str) -> Response:
        """It goes with its share links; its items stay where they are. Its owner only."""
        keeping.delete(seeing.owned(self.user, collection_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class CollectionItemsView(_Kept):
    """What is in a collection."""

    @extend_schema(
        operation_id="collection_items_list",
        summary="What is in a collection",
        parameters=[Listed],
        responses=_ITEMS,
        examples=[examples.page(shapes.PUBLIC_EXAMPLE)],
    )
    def get(self, request: Request, collection_id: str) -> Response:
        """In its own order. Pictures of items that are not open are had at `/api/items/ID/picture/SIZE`."""
        collection = seeing.edited(self.user, collection_id)
        entries = seeing.for_members(collection.entries.all(), self.user.account)
        return _entries(request, entries, self.user.account_id)

    @extend_schema(
        operation_id="collection_items_add",
        summary="Put items into a collection",
        request=IdsSerializer,
        responses={200: CollectionSerializer, 403: ProblemSerializer, 409: ProblemSerializer, **_ONE},
        examples=[examples.sent({"ids": [shapes.ITEM]}), examples.came(_EXAMPLE)],
    )
    def post(self, request: Request, collection_id: str) -> Response:
        """At its end, in this order: up to 1,000 of your own items. What is in it already stays where it is."""
        collection, ids = seeing.edited(self.user, collection_id), _ids(request)
        with refusals():
            keeping.add(collection, self.items(ids), self.user)
        return self.answer(collection)

    @extend_schema(
        operation_id="collection_items_move",
        summary="Move an item within a collection",
        request=MoveSerializer,
        responses={204: None, **_ONE},
        examples=[examples.sent({"id": shapes.ITEM, "before": "pL7wB2yNk4Vs9tXd6mCa3E"})],
    )
    def patch(self, request: Request, collection_id: str) -> Response:
        """Put it before or after another one of the same collection."""
        collection = seeing.edited(self.user, collection_id)
        asked = MoveSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        seen = seeing.for_members(collection.entries.all(), self.user.account)
        with refusals():
            ordering.move(
                collection, seen, given["id"], before=given.get("before", ""), after=given.get("after", "")
            )
        return Response(status=status.HTTP_204_NO_CONTENT)


class CollectionItemView(_Kept):
    """One item in a collection."""

    @extend_schema(
        operation_id="collection_items_remove",
        summary="Take an item out of a collection",
        responses={204: None, **_ONE},
    )
    def delete(self, request: Request, collection_id: str, item_id: str) -> Response:
        """The item itself stays where it is, in your library or somebody else's."""
        with refusals():
            keeping.remove(seeing.edited(self.user, collection_id), [item_id])
        return Response(status=status.HTTP_204_NO_CONTENT)


class EditorView(_Kept):
    """Who keeps it too."""

    @extend_schema(
        operation_id="collection_editors_put",
        summary="Make a member an editor",
        request=None,
        responses={200: CollectionSerializer, 409: ProblemSerializer, **_ONE},
        examples=[examples.came(_EXAMPLE)],
    )
    def put(self, request: Request, collection_id: str, username: str) -> Response:
        """They may add items of their own, order and take out. Its owner only."""
        own = seeing.owned(self.user, collection_id)
        try:
            with refusals():
                editors.invite(own, username)
        except editors.NoMember:
            raise Denied(404, "Not found", "No member of this name can be an editor.") from None
        return self.answer(own)

    @extend_schema(
        operation_id="collection_editors_delete",
        summary="End a member's part in a collection",
        responses={204: None, **_ONE},
    )
    def delete(self, request: Request, collection_id: str, username: str) -> Response:
        """By its owner, or by the editor themselves. Their own items leave it with them."""
        if username == self.user.username:
            collection, user = seeing.edited(self.user, collection_id), self.user
        else:
            collection = seeing.owned(self.user, collection_id)
            row = editors.of(collection).filter(user__username=username).first()
            if row is None:
                return Response(status=status.HTTP_204_NO_CONTENT)
            user = row.user
        with refusals():
            editors.leave(collection, user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OpenCollectionItemsView(PublicView):
    """A public or unlisted collection, for everybody."""

    @extend_schema(
        operation_id="gallery_collection_items",
        summary="What is in an open collection",
        parameters=[Listed],
        responses=_ITEMS,
        examples=[examples.page(shapes.PUBLIC_EXAMPLE)],
    )
    def get(self, request: Request, collection_id: str) -> Response:
        """Those of its items that are open themselves, in its own order. No token is needed."""
        collection = seeing.published(collection_id)
        return _entries(request, seeing.for_readers(collection.entries.all()), None)


def _entries(request: Request, entries: Any, account_id: int | None) -> Response:
    """A page of entries as items; what is private keeps its prompt but for its owner."""
    query, origin = lists.asked(Listed, request), origin_of(request._request)
    if query["cursor"]:
        try:
            ordering.parsed(query["cursor"])
        except BadCursor:
            raise serializers.ValidationError({"cursor": [BAD_CURSOR]}) from None
    found, more = ordering.page(seeing.with_items(entries), query["cursor"], query["limit"])
    rows = {
        row.pk: row for row in shapes.with_tags(Item.objects.filter(pk__in=[one.item_id for one in found]))
    }
    there = [rows[one.item_id] for one in found if one.item_id in rows]

    def shown(row: Item) -> dict[str, Any]:
        told = shapes.public_item(row, origin)
        return told | {"prompt": row.prompt} if account_id == row.account_id else told

    return shapes.answered(request, paging.Page(there, more), shown)


def _ids(request: Request) -> list[str]:
    asked = IdsSerializer(data=request.data)
    asked.is_valid(raise_exception=True)
    ids: list[str] = asked.validated_data["ids"]
    return ids
