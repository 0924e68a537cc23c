"""`/api/shares` and an item's share links: made, counted and withdrawn."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permits
from accounts.api import examples, lists
from accounts.api.fields import Flag, Listed, Moment
from accounts.problems import OwnApiView, ProblemSerializer
from gallery.api import shapes
from gallery.api.items import OneItem, refusals
from gallery.models import ShareLink
from gallery.shares import making
from predictions.dialects.common.origin import origin_of


class NewShareSerializer(serializers.Serializer[Any]):
    """A link to be made."""

    show_prompt = Flag(default=False, help_text="Whether its page shows the prompt.")
    expires_at = Moment(default=None, allow_null=True, help_text="When it ends; null for never.")

    def validate_expires_at(self, value: Any) -> Any:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("It has passed.")
        return value


class ItemSharesView(OneItem):
    """The links to one item."""

    @extend_schema(
        operation_id="item_shares_list",
        summary="The links to an item",
        parameters=[Listed],
        responses={
            200: lists.page_of("SharePage", shapes.ShareSerializer), 400: ProblemSerializer, 404: ProblemSerializer,
        },
        examples=[examples.page(shapes.SHARE_EXAMPLE)],
    )  # fmt: skip
    def get(self, request: Request, item_id: str) -> Response:
        """All links to the item, newest first, ended and withdrawn ones too."""
        query = lists.asked(Listed, request)
        links = ShareLink.objects.filter(item=self.own(item_id)).select_related("item")
        origin = origin_of(request._request)
        return lists.answer(request, links, query, lambda link: shapes.share(link, origin))

    @extend_schema(
        operation_id="item_shares_create",
        summary="Share an item",
        request=NewShareSerializer,
        responses={
            201: shapes.ShareSerializer, 403: ProblemSerializer, 404: ProblemSerializer, 409: ProblemSerializer,
        },
        examples=[
            examples.sent({"show_prompt": False, "expires_at": "2026-11-27T12:00:00Z"}),
            examples.came(shapes.SHARE_EXAMPLE, 201),
        ],
    )  # fmt: skip
    def post(self, request: Request, item_id: str) -> Response:
        """Make a link with a fresh unguessable address: whoever has it sees the item, public or not.

        To share again after withdrawing, make a new one; the old address never opens again.
        """
        item = self.own(item_id)
        asked = NewShareSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with refusals():
            made = making.share(item, self.user, **asked.validated_data)
        made.refresh_from_db(fields=["created_at"])
        shown = shapes.share(made, origin_of(request._request))
        return Response(shown, status=status.HTTP_201_CREATED)


class SharesView(OwnApiView):
    """All links of the account."""

    @extend_schema(
        operation_id="shares_list",
        summary="All your links",
        parameters=[Listed],
        responses={200: lists.page_of("SharePage", shapes.ShareSerializer), 400: ProblemSerializer},
        examples=[examples.page(shapes.SHARE_EXAMPLE)],
    )
    def get(self, request: Request) -> Response:
        """The links to all items, newest first, ended and withdrawn ones too."""
        query = lists.asked(Listed, request)
        links = ShareLink.objects.filter(item__account=self.account).select_related("item")
        origin = origin_of(request._request)
        return lists.answer(request, links, query, lambda link: shapes.share(link, origin))


class ShareView(OwnApiView):
    """One link."""

    scopes: ClassVar = {"DELETE": permits.GALLERY}

    @extend_schema(
        operation_id="shares_get",
        summary="One link",
        responses={200: shapes.ShareSerializer, 404: ProblemSerializer},
        examples=[examples.came(shapes.SHARE_EXAMPLE)],
    )
    def get(self, request: Request, share_id: int) -> Response:
        """The link with the number of times that others opened it."""
        return Response(shapes.share(self.own(share_id), origin_of(request._request)))

    @extend_schema(
        operation_id="shares_withdraw",
        summary="Withdraw a link",
        responses={204: None, 404: ProblemSerializer},
    )
    def delete(self, request: Request, share_id: int) -> Response:
        """End it for good: its page and its picture no longer open, from now on."""
        making.withdraw(self.own(share_id))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def own(self, share_id: int) -> ShareLink:
        """The link, of one of the account's items; Http404."""
        links = ShareLink.objects.filter(item__account=self.account).select_related("item")
        # Larger than any id: the database would refuse the number.
        found = links.filter(pk=share_id).first() if share_id < 2**63 else None
        if found is None:
            raise Http404
        return found
