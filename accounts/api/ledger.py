"""`/api/ledger`: what moved."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import paging, statement
from accounts.api.lists import next_url
from accounts.models import LedgerEntry
from accounts.problems import OwnApiView, ProblemSerializer


class LedgerEntrySerializer(serializers.ModelSerializer[LedgerEntry]):
    """One movement of credits; amounts are integer micro-credits."""

    class Meta:
        model = LedgerEntry
        fields = [
            "id", "kind", "reference", "balance_delta", "held_delta", "captured", "released", "balance_after",
            "held_after", "reason", "created_at",
        ]  # fmt: skip


class LedgerPageSerializer(serializers.Serializer[Any]):
    """A page of the ledger, newest first."""

    results = LedgerEntrySerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="The address of the older rows.")


class LedgerView(OwnApiView):
    """What moved."""

    @extend_schema(
        operation_id="ledger",
        parameters=[
            OpenApiParameter("kind", enum=LedgerEntry.Kind.values),
            OpenApiParameter("cursor", description="As given in `next`."),
            OpenApiParameter("limit", int, description="Rows in a page, 1 to 200; 50 unless told."),
        ],
        responses={200: LedgerPageSerializer, 400: ProblemSerializer, 401: ProblemSerializer},
    )
    def get(self, request: Request) -> Response:
        """The account's ledger, newest first."""
        asked = _LedgerQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        query = asked.validated_data
        try:
            page = paging.page(
                statement.entries(self.account, query["kind"]), query["cursor"], query["limit"]
            )
        except paging.BadCursor:
            raise serializers.ValidationError({"cursor": ["This is no cursor that was given out."]}) from None
        rows = LedgerEntrySerializer(page.rows, many=True).data
        return Response({"results": rows, "next": next_url(request, page.next)})


class _LedgerQuery(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(LedgerEntry.Kind.choices, default="", allow_blank=True)
    cursor = serializers.CharField(default="", allow_blank=True, max_length=100)
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200)
