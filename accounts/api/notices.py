"""`/api/notices`: a member's notifications."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import PrivateView
from accounts.models import Notice
from accounts.notifications import notice_text
from accounts.tokens import token_scopes
from core.api import list_pages
from core.api.problems import ProblemSerializer
from core.api.serializer_fields import BoundedListField, Listed, QueryFlag
from core.clock import Now

MOST = 200


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    """One thing that somebody is told."""

    text = serializers.SerializerMethodField(help_text="What happened, in the language of the request.")
    params = serializers.JSONField(
        read_only=True,
        help_text="What the text names; amounts are integer micro-credits under names in `_micro`.",
    )

    class Meta:
        model = Notice
        fields = ["id", "kind", "text", "params", "link", "created_at", "read_at"]

    def get_text(self, notice: Notice) -> str:
        """The message in the active language."""
        return notice_text.for_notice(notice).line


class NoticesQuery(Listed):
    """Which notices."""

    unread = QueryFlag(required=False, help_text="`true`: those alone that were not read.")


class ReadSerializer(serializers.Serializer[Any]):
    """Which notices were read."""

    ids = BoundedListField(
        child=serializers.IntegerField(min_value=1, max_value=2**62),
        required=False,
        max_length=MOST,
        help_text="Ids of notices, at most 200; left out: all there are.",
    )


class MarkedSerializer(serializers.Serializer[Any]):
    """How many were marked."""

    read = serializers.IntegerField(help_text="How many became read by this.")


_SHOWN = {
    "id": 812,
    "kind": "credits.granted",
    "text": "50.00 credits were added: For the exhibition",
    "params": {"amount_micro": 50_000_000, "reason": "For the exhibition"},
    "link": "/account/",
    "created_at": "2026-11-20T12:00:00.000000Z",
    "read_at": None,
}


class NoticesView(PrivateView):
    """The caller's inbox."""

    @extend_schema(
        operation_id="notices_list",
        summary="Your notices",
        parameters=[NoticesQuery],
        responses={
            200: list_pages.page_of("NoticePage", NoticeSerializer),
            400: ProblemSerializer,
            403: ProblemSerializer,
        },
        examples=[
            OpenApiExample(
                "Notices", value={"results": [_SHOWN], "next": None}, response_only=True, status_codes=["200"]
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """What the house told the caller, newest first: credits, decisions of moderators, exports, invitations. 403 for
        a token of an organisation.
        """
        query = list_pages.page_query(NoticesQuery, request)
        rows = Notice.objects.filter(user=self.user)
        if query.get("unread"):
            rows = rows.filter(read_at__isnull=True)
        return list_pages.list_response(request, rows, query, lambda row: NoticeSerializer(row).data)


class NoticesReadView(PrivateView):
    """Marks notices as read."""

    scope = token_scopes.ADMIN

    @extend_schema(
        operation_id="notices_read",
        summary="Mark notices as read",
        request=ReadSerializer,
        responses={200: MarkedSerializer, 400: ProblemSerializer, 403: ProblemSerializer},
        examples=[
            OpenApiExample("Some of them", value={"ids": [811, 812]}, request_only=True),
            OpenApiExample("How many", value={"read": 2}, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Mark some notices, or all there are, as read. Ids of others are passed over, as those read before are."""
        serializer = ReadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        rows = Notice.objects.filter(user=self.user, read_at__isnull=True)
        if "ids" in serializer.validated_data:
            rows = rows.filter(pk__in=serializer.validated_data["ids"])
        return Response({"read": rows.update(read_at=Now())})
