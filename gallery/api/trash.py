"""`/api/trash`, `/api/items/bulk` and `/api/storage`: bulk actions, trash, storage and automatic trash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from accounts.models import Account
from accounts.tokens import token_scopes
from core.api import examples, list_pages
from core.api.problems import Denied, ProblemSerializer
from core.api.serializer_fields import BoundedListField, Listed, Text
from core.http.public_origin import origin_of
from gallery.api import item_serializers
from gallery.api.items import OwnItemView, publication_problems
from gallery.items import deletion, publication
from gallery.library import lifetime, storage_usage, trash
from gallery.models import Item
from gallery.social import likes

MAX_ITEMS = 1000
"""Items per bulk request."""
_EXAMPLE = item_serializers.OWN_EXAMPLE | {"trashed_at": "2026-11-20T14:00:00Z"}


class StorageSerializer(serializers.Serializer[Any]):
    """The place that the account's pictures take."""

    used = serializers.IntegerField(help_text="Bytes, the trash included.")
    quota = serializers.IntegerField(allow_null=True, help_text="Bytes that it may take; null: no limit.")
    keep_days = serializers.IntegerField(
        allow_null=True,
        help_text="Days after which your private items go to the trash that you neither like, collect nor share.",
    )


class KeepSerializer(serializers.Serializer[Any]):
    """How long private items are kept."""

    keep_days = serializers.ChoiceField(
        lifetime.CHOICES, allow_null=True, required=False, help_text="Null: until you delete them."
    )


class StorageView(OwnApiView):
    """Place taken and place allowed, and for how long."""

    scopes: ClassVar = {"PATCH": token_scopes.GALLERY}

    @extend_schema(
        operation_id="storage_get",
        summary="Place that your pictures take",
        responses={200: StorageSerializer},
        examples=[
            examples.response_example({"used": 183_402_112, "quota": 5_368_709_120, "keep_days": None})
        ],
    )
    def get(self, request: Request) -> Response:
        """The files of all your items with their thumbnails, those in the trash too. At most a minute old."""
        return self._answer()

    @extend_schema(
        operation_id="storage_change",
        summary="Choose how long items are kept",
        request=KeepSerializer,
        responses={200: StorageSerializer, 400: ProblemSerializer, 403: ProblemSerializer},
        examples=[
            examples.request_example({"keep_days": 90}),
            examples.response_example({"used": 183_402_112, "quota": None, "keep_days": 90}),
        ],
    )
    def patch(self, request: Request) -> Response:
        """After these days private items go to the trash that you neither like, collect nor share; null: never. 403 for
        a token of an organisation: its items stay as long as it wants.
        """
        if self._shared:
            raise Denied(
                403, "Forbidden", "An organisation keeps its items; only members choose for their own."
            )
        serializer = KeepSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if "keep_days" in serializer.validated_data:
            lifetime.set_days(self.user, serializer.validated_data["keep_days"])
        return self._answer()

    @property
    def _shared(self) -> bool:
        """Whether the caller has a token of an organisation, which several members may hold. How long items are
        kept is a member's choice, for their own items alone."""
        return self.token is not None and self.account.kind != Account.Kind.USER

    def _answer(self) -> Response:
        used = storage_usage.for_account(self.account)
        keep_days = None if self._shared else lifetime.days_for(self.user)
        return Response({"used": used.bytes, "quota": used.quota or None, "keep_days": keep_days})


class TrashView(OwnApiView):
    """The trash."""

    scopes: ClassVar = {"DELETE": token_scopes.GALLERY}

    @extend_schema(
        operation_id="trash_list",
        summary="Your trash",
        parameters=[Listed],
        responses={
            200: list_pages.page_of("ItemPage", item_serializers.ItemSerializer),
            400: ProblemSerializer,
        },
        examples=[examples.page_example(_EXAMPLE)],
    )
    def get(self, request: Request) -> Response:
        """What you put there, last first. After the operator's number of days it goes for good."""
        query = list_pages.page_query(Listed, request)
        rows, origin = item_serializers.with_facts(trash.items_of(self.account)), origin_of(request._request)
        return list_pages.list_response(
            request, rows, query, lambda row: item_serializers.item(row, origin), time="trashed_at"
        )

    @extend_schema(operation_id="trash_empty", summary="Empty your trash", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Delete everything in it for good, with files and share links."""
        trash.empty(self.account)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TrashItemView(OwnItemView):
    """The way into the trash."""

    @extend_schema(
        operation_id="items_trash",
        summary="Put an item into the trash",
        request=None,
        responses={204: None, 404: ProblemSerializer},
    )
    def post(self, request: Request, item_id: str) -> Response:
        """It leaves every list and every public place at once, and comes back as it was by `restore`."""
        trash.move(self.account, [self.own(item_id)])
        return Response(status=status.HTTP_204_NO_CONTENT)


class RestoreItemView(OwnItemView):
    """The way out of it."""

    @extend_schema(
        operation_id="items_restore",
        summary="Bring an item back from the trash",
        request=None,
        responses={200: item_serializers.ItemSerializer, 404: ProblemSerializer},
        examples=[examples.response_example(item_serializers.OWN_EXAMPLE)],
    )
    def post(self, request: Request, item_id: str) -> Response:
        """Bring it back as it was, public where it was public. One that is not in the trash stays as it is."""
        trash.restore(self.account, [item_id])
        return self.shown(item_id)


class BulkSerializer(serializers.Serializer[Any]):
    """Many items and what is to become of them."""

    ids = BoundedListField(child=Text(max_length=64, allow_blank=True), min_length=1, max_length=MAX_ITEMS)
    action = serializers.ChoiceField(["trash", "restore", "delete", "unpublish", "like"])


class BulkAnswerSerializer(serializers.Serializer[Any]):
    """How many it was done to."""

    changed = serializers.IntegerField()


class BulkView(OwnApiView):
    """One deed for many items."""

    scopes: ClassVar = {"POST": token_scopes.GALLERY}

    @extend_schema(
        operation_id="items_bulk",
        summary="Do one thing to many items",
        request=BulkSerializer,
        responses={200: BulkAnswerSerializer, 400: ProblemSerializer, 403: ProblemSerializer},
        examples=[
            examples.request_example({"ids": [item_serializers.ITEM], "action": "trash"}),
            examples.response_example({"changed": 1}),
        ],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Up to 1,000 of your own items. Ids that are not yours, or not where the deed wants them, are passed over."""
        serializer = BulkSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        ids, action = (
            list(dict.fromkeys(serializer.validated_data["ids"])),
            serializer.validated_data["action"],
        )
        with publication_problems():
            return Response({"changed": self._actions()[action](ids)})

    def _actions(self) -> dict[str, Callable[[Sequence[str]], int]]:
        return {
            "trash": lambda ids: trash.move(self.account, self._own(ids)),
            "restore": lambda ids: trash.restore(self.account, ids),
            "delete": self._delete,
            "unpublish": lambda ids: publication.unpublish_many(self._own(ids)),
            "like": lambda ids: sum(likes.set_liked(item, self.user, True) for item in self._own(ids)),
        }

    def _own(self, ids: Sequence[str]) -> list[Item]:
        return list(Item.objects.owned_by(self.account).filter(public_id__in=ids))

    def _delete(self, ids: Sequence[str]) -> int:
        """Delete for good, from the library and from the trash."""
        items = self._own(ids)
        for item in items:
            deletion.delete(item)
        return len(items) + trash.delete_now(self.account, ids)
