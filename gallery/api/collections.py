"""`/api/collections`: collections and their editors. Their items are in `collection_items`."""

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

from accounts.api.base_views import OwnApiView
from accounts.tokens import token_scopes
from core.api import examples, list_pages
from core.api.problems import Denied, ProblemSerializer
from core.api.serializer_fields import Listed, Text
from core.http.public_origin import origin_of
from gallery import permissions
from gallery.api import item_serializers
from gallery.collections import curation, editors, positions, querysets
from gallery.models import Collection, Item

COLLECTION = "hT3vQ9xLk2Rr8sWc5nZb1D"
_CHANGES: dict[str, str] = dict.fromkeys(("PUT", "POST", "PATCH", "DELETE"), token_scopes.GALLERY)
COLLECTION_EXAMPLE = {
    "id": COLLECTION,
    "title": "Harbours",
    "description": "Fog and boats.",
    "owner": "alice",
    "editors": ["charlie"],
    "visibility": "unlisted",
    "cover": item_serializers.ITEM,
    "items": 12,
    "hidden": False,
    "hidden_reason": "",
    "url": f"https://darkroom.example/collections/{COLLECTION}/",
    "created_at": "2026-11-20T12:00:00Z",
    "changed_at": "2026-11-20T13:00:00Z",
}
NOT_FOUND = {404: ProblemSerializer}


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

    title = Text(max_length=curation.MAX_TITLE)


class ChangeCollectionSerializer(serializers.Serializer[Any]):
    """What is to change; what is left out stays as it is."""

    title = Text(required=False, max_length=curation.MAX_TITLE)
    description = Text(required=False, allow_blank=True, max_length=curation.MAX_DESCRIPTION)
    visibility = serializers.ChoiceField(
        Collection.Visibility.choices,
        required=False,
        help_text="To open a collection opens none of its items: others see those that are open themselves.",
    )
    cover = Text(required=False, max_length=64, help_text="The id of an item in it.")


def _rendered(row: Collection, origin: str) -> dict[str, Any]:
    """A collection as its owner and editors see it; needs `row.count` annotated and its editors prefetched."""
    open_ = row.visibility != Collection.Visibility.PRIVATE and row.hidden_at is None
    return {
        "id": row.public_id,
        "title": row.title,
        "description": row.description,
        "owner": row.user.username,
        "editors": [editor.user.username for editor in row.editors.all()],
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
def collection_problems() -> Iterator[None]:
    """Map the errors of collection services to the API's problems."""
    try:
        yield
    except curation.NoTitle:
        raise serializers.ValidationError({"title": ["Nothing of it would be seen."]}) from None
    except permissions.Suspended as refused:
        raise Denied(403, "Forbidden", refused.detail) from None
    except curation.Hidden:
        raise Denied(409, "Hidden", "A moderator hid this collection.") from None
    except curation.TooManyCollections:
        message = f"An account has {curation.MAX_COLLECTIONS} collections at most."
        raise Denied(409, "Too many", message) from None
    except curation.TooManyItems:
        raise Denied(409, "Too many", f"A collection holds {curation.MAX_ITEMS} items at most.") from None
    except editors.TooManyEditors:
        message = f"A collection has {editors.MAX_EDITORS} editors at most."
        raise Denied(409, "Too many", message) from None
    except positions.Gone:
        raise Denied(404, "Not found", "It is no longer there.") from None


class OwnCollectionsView(OwnApiView):
    """Collections that one keeps, as owner or as editor."""

    scopes: ClassVar = _CHANGES

    def rows(self) -> Any:
        """The caller's collections with what is shown of them, in a constant number of queries."""
        rows = querysets.editable(self.user).select_related("user", "cover").prefetch_related("editors__user")
        return rows.annotate(count=Count("entries"))

    def answer(self, collection: Collection, status_code: int = 200) -> Response:
        """The response with the collection as the database has it now."""
        row = self.rows().get(pk=collection.pk)
        return Response(_rendered(row, origin_of(self.request._request)), status=status_code)

    def items(self, ids: list[str]) -> list[Item]:
        """The account's items with these public ids, in the order given; unknown ids are left out."""
        items_by_id = {
            item.public_id: item for item in Item.objects.owned_by(self.account).filter(public_id__in=ids)
        }
        return [items_by_id[public_id] for public_id in dict.fromkeys(ids) if public_id in items_by_id]


class CollectionsView(OwnCollectionsView):
    """All collections that one keeps."""

    @extend_schema(
        operation_id="collections_list",
        summary="Your collections",
        parameters=[Listed],
        responses={200: list_pages.page_of("CollectionPage", CollectionSerializer), 400: ProblemSerializer},
        examples=[examples.page_example(COLLECTION_EXAMPLE)],
    )
    def get(self, request: Request) -> Response:
        """Your own, and those of others where you are an editor; the last changed first."""
        query, origin = list_pages.page_query(Listed, request), origin_of(request._request)
        return list_pages.list_response(
            request, self.rows(), query, lambda row: _rendered(row, origin), time="changed_at"
        )

    @extend_schema(
        operation_id="collections_create",
        summary="Make a collection",
        request=NewCollectionSerializer,
        responses={201: CollectionSerializer, 403: ProblemSerializer, 409: ProblemSerializer},
        examples=[
            examples.request_example({"title": "Harbours"}),
            examples.response_example(COLLECTION_EXAMPLE | {"visibility": "private", "url": None}, 201),
        ],
    )
    def post(self, request: Request) -> Response:
        """A new one, private and without pictures, at the top of your list."""
        serializer = NewCollectionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with collection_problems():
            collection = curation.create(self.user, serializer.validated_data["title"])
        return self.answer(collection, status.HTTP_201_CREATED)


class CollectionView(OwnCollectionsView):
    """One collection."""

    @extend_schema(
        operation_id="collections_get",
        summary="One collection",
        responses={200: CollectionSerializer, **NOT_FOUND},
        examples=[examples.response_example(COLLECTION_EXAMPLE)],
    )
    def get(self, request: Request, collection_id: str) -> Response:
        """One of the collections that you keep, as owner or as editor."""
        return self.answer(querysets.edited(self.user, collection_id))

    @extend_schema(
        operation_id="collections_change",
        summary="Change a collection",
        request=ChangeCollectionSerializer,
        responses={200: CollectionSerializer, 403: ProblemSerializer, 409: ProblemSerializer, **NOT_FOUND},
        examples=[
            examples.request_example({"visibility": "unlisted"}),
            examples.response_example(COLLECTION_EXAMPLE),
        ],
    )
    def patch(self, request: Request, collection_id: str) -> Response:
        """Change its words, its cover, and who sees it. Its owner only."""
        collection = querysets.owned(self.user, collection_id)
        serializer = ChangeCollectionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        changes = serializer.validated_data
        with collection_problems():
            if "title" in changes or "description" in changes:
                curation.describe(
                    collection,
                    title=changes.get("title", collection.title),
                    description=changes.get("description", collection.description),
                    by=self.user,
                )
            if "cover" in changes:
                entry = querysets.entry(collection.entries.all(), changes["cover"])
                curation.set_cover(collection, entry.item)
            if "visibility" in changes:
                curation.set_visibility(collection, changes["visibility"], by=self.user)
        return self.answer(collection)

    @extend_schema(
        operation_id="collections_delete", summary="Delete a collection", responses={204: None, **NOT_FOUND}
    )
    def delete(self, request: Request, collection_id: str) -> Response:
        """It goes with its share links; its items stay where they are. Its owner only."""
        curation.delete(querysets.owned(self.user, collection_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class EditorView(OwnCollectionsView):
    """Who keeps it too."""

    @extend_schema(
        operation_id="collection_editors_put",
        summary="Make a member an editor",
        request=None,
        responses={200: CollectionSerializer, 409: ProblemSerializer, **NOT_FOUND},
        examples=[examples.response_example(COLLECTION_EXAMPLE)],
    )
    def put(self, request: Request, collection_id: str, username: str) -> Response:
        """They may add items of their own, order and take out. Its owner only."""
        own = querysets.owned(self.user, collection_id)
        try:
            with collection_problems():
                editors.invite(own, username)
        except editors.NoMember:
            raise Denied(404, "Not found", "No member of this name can be an editor.") from None
        return self.answer(own)

    @extend_schema(
        operation_id="collection_editors_delete",
        summary="End a member's part in a collection",
        responses={204: None, **NOT_FOUND},
    )
    def delete(self, request: Request, collection_id: str, username: str) -> Response:
        """By its owner, or by the editor themselves. Their own items leave it with them."""
        if username == self.user.username:
            collection, user = querysets.edited(self.user, collection_id), self.user
        else:
            collection = querysets.owned(self.user, collection_id)
            row = editors.for_collection(collection).filter(user__username=username).first()
            if row is None:
                return Response(status=status.HTTP_204_NO_CONTENT)
            user = row.user
        with collection_problems():
            editors.remove(collection, user)
        return Response(status=status.HTTP_204_NO_CONTENT)
