"""`/api/shares`, and the share links of an item or a collection: create, list, withdraw."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from accounts.tokens import token_scopes
from core.api import examples, list_pages
from core.api.problems import ProblemSerializer
from core.api.serializer_fields import Flag, Listed, Moment, Text
from core.http.public_origin import origin_of
from gallery.api import item_serializers
from gallery.api.items import OwnItemView, publication_problems
from gallery.collections import querysets
from gallery.models import Collection, Item, ShareLink
from gallery.shares import link_passwords, share_links


class NewShareSerializer(serializers.Serializer[Any]):
    """A link to be made."""

    show_prompt = Flag(default=False, help_text="Whether its page shows the prompt.")
    allow_download = Flag(default=True, help_text="Whether the whole file can be had.")
    password = Text(
        default="",
        allow_blank=True,
        max_length=link_passwords.MAX_LENGTH,
        help_text=(
            f"Asked for before anything is shown; at least {link_passwords.MIN_LENGTH} characters. "
            "Never told again."
        ),
    )
    expires_at = Moment(default=None, allow_null=True, help_text="When it ends; null for never.")

    def validate_password(self, value: str) -> str:
        """At least the minimum length, where there is one."""
        if value and len(value) < link_passwords.MIN_LENGTH:
            raise serializers.ValidationError(f"At least {link_passwords.MIN_LENGTH} characters.")
        return value

    def validate_expires_at(self, value: Any) -> Any:
        """In the future, where there is one."""
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("It has passed.")
        return value


def _create(view: OwnApiView, request: Request, target: Item | Collection) -> Response:
    serializer = NewShareSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    with publication_problems():
        link = share_links.share(target, view.user, **serializer.validated_data)
    link.refresh_from_db(fields=["created_at"])
    return Response(item_serializers.share(link, origin_of(request._request)), status=status.HTTP_201_CREATED)


def _list_links(request: Request, links: QuerySet[ShareLink]) -> Response:
    query, origin = list_pages.page_query(Listed, request), origin_of(request._request)
    rows = links.select_related("item", "collection")
    return list_pages.list_response(request, rows, query, lambda link: item_serializers.share(link, origin))


_CREATED = {
    201: item_serializers.ShareSerializer, 403: ProblemSerializer, 404: ProblemSerializer, 409: ProblemSerializer,
}  # fmt: skip
_CREATE_EXAMPLES = [
    examples.request_example({"show_prompt": False, "expires_at": "2026-11-27T12:00:00Z"}),
    examples.response_example(item_serializers.SHARE_EXAMPLE, 201),
]


class ItemSharesView(OwnItemView):
    """The links to one item."""

    @extend_schema(
        operation_id="item_shares_list",
        summary="The links to an item",
        parameters=[Listed],
        responses={
            200: list_pages.page_of("SharePage", item_serializers.ShareSerializer), 400: ProblemSerializer,
            404: ProblemSerializer,
        },
        examples=[examples.page_example(item_serializers.SHARE_EXAMPLE)],
    )  # fmt: skip
    def get(self, request: Request, item_id: str) -> Response:
        """All links to the item, newest first, ended and withdrawn ones too."""
        return _list_links(request, ShareLink.objects.filter(item=self.own(item_id)))

    @extend_schema(
        operation_id="item_shares_create",
        summary="Share an item",
        request=NewShareSerializer,
        responses=_CREATED,
        examples=_CREATE_EXAMPLES,
    )
    def post(self, request: Request, item_id: str) -> Response:
        """Make a link with a fresh unguessable address: whoever has it sees the item, public or not.

        To share again after withdrawing, make a new one; the old address never opens again.
        """
        return _create(self, request, self.own(item_id))


class CollectionSharesView(OwnApiView):
    """The links to one collection."""

    scopes: ClassVar = {"POST": token_scopes.GALLERY}

    @extend_schema(
        operation_id="collection_shares_list",
        summary="The links to a collection",
        parameters=[Listed],
        responses={
            200: list_pages.page_of("SharePage", item_serializers.ShareSerializer), 400: ProblemSerializer,
            404: ProblemSerializer,
        },
        examples=[examples.page_example(item_serializers.SHARE_EXAMPLE)],
    )  # fmt: skip
    def get(self, request: Request, collection_id: str) -> Response:
        """All links to the collection, newest first, ended and withdrawn ones too."""
        collection = querysets.owned(self.user, collection_id)
        return _list_links(request, ShareLink.objects.filter(collection=collection))

    @extend_schema(
        operation_id="collection_shares_create",
        summary="Share a collection",
        request=NewShareSerializer,
        responses=_CREATED,
        examples=_CREATE_EXAMPLES,
    )
    def post(self, request: Request, collection_id: str) -> Response:
        """Make a link: whoever has it sees all that is in the collection, now and later, public or not."""
        return _create(self, request, querysets.owned(self.user, collection_id))


class SharesView(OwnApiView):
    """All links of the account."""

    @extend_schema(
        operation_id="shares_list",
        summary="All your links",
        parameters=[Listed],
        responses={
            200: list_pages.page_of("SharePage", item_serializers.ShareSerializer),
            400: ProblemSerializer,
        },
        examples=[examples.page_example(item_serializers.SHARE_EXAMPLE)],
    )
    def get(self, request: Request) -> Response:
        """The links to all items and collections, newest first, ended and withdrawn ones too."""
        return _list_links(request, _own(self))


class ShareView(OwnApiView):
    """One link."""

    scopes: ClassVar = {"DELETE": token_scopes.GALLERY}

    @extend_schema(
        operation_id="shares_get",
        summary="One link",
        responses={200: item_serializers.ShareSerializer, 404: ProblemSerializer},
        examples=[examples.response_example(item_serializers.SHARE_EXAMPLE)],
    )
    def get(self, request: Request, share_id: int) -> Response:
        """The link with the number of times that others opened it."""
        return Response(item_serializers.share(self.own(share_id), origin_of(request._request)))

    @extend_schema(
        operation_id="shares_withdraw",
        summary="Withdraw a link",
        responses={204: None, 404: ProblemSerializer},
    )
    def delete(self, request: Request, share_id: int) -> Response:
        """End it for good: its page and its pictures no longer open, from now on."""
        share_links.withdraw(self.own(share_id))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def own(self, share_id: int) -> ShareLink:
        """The link, if it is of one of the account's items or collections; Http404."""
        links = _own(self).select_related("item", "collection")
        # Larger than any id: the database would reject the number.
        link = links.filter(pk=share_id).first() if share_id < 2**63 else None
        if link is None:
            raise Http404
        return link


def _own(view: OwnApiView) -> QuerySet[ShareLink]:
    return ShareLink.objects.filter(Q(item__account=view.account) | Q(collection__account=view.account))
