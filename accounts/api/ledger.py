"""`/api/ledger`: the account's credit movements, filtered and paginated."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from accounts.credits import statement
from accounts.models import LedgerEntry
from accounts.organizations import roles as organization_roles
from core import pagination
from core.api import examples, list_pages, serializer_fields
from core.api.problems import ProblemSerializer
from core.api.serializer_fields import BlankText, Listed, Moment

_PREDICTION = "q3x8m1v6r2c9t4k7w5n0p8s1d6"
"""Example prediction id, referenced by its hold and its settlement."""


class LedgerEntrySerializer(serializers.ModelSerializer[LedgerEntry]):
    """One movement of credits; amounts are integer micro-credits."""

    class Meta:
        model = LedgerEntry
        fields = [
            "id", "kind", "reference", "balance_delta", "held_delta", "captured", "released", "balance_after",
            "held_after", "reason", "created_at",
        ]  # fmt: skip


class LedgerQuery(Listed):
    """Filters of the ledger."""

    kind = serializers.ChoiceField(LedgerEntry.Kind.choices, default="", allow_blank=True)
    reference = BlankText(
        max_length=64,
        help_text="A prediction's id: its hold and its settlement.",
    )
    since = Moment(required=False, help_text="Rows of this moment and later.")
    until = Moment(required=False, help_text="Rows before this moment.")
    token = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        help_text="Number of a token of the account: what was set aside and charged for it. Another's finds nothing.",
    )
    q = BlankText(
        max_length=80,
        help_text="Words of a reason; or a reference, of a prediction's id the first six characters at least.",
    )


SETTLED = {
    "id": 4211,
    "kind": "settle",
    "reference": _PREDICTION,
    "balance_delta": 300_000,
    "held_delta": -1_200_000,
    "captured": 900_000,
    "released": 300_000,
    "balance_after": 49_100_000,
    "held_after": 0,
    "reason": "",
    "created_at": "2026-11-20T12:00:11.204000Z",
}
HELD = {
    "id": 4210,
    "kind": "hold",
    "reference": _PREDICTION,
    "balance_delta": -1_200_000,
    "held_delta": 1_200_000,
    "captured": None,
    "released": None,
    "balance_after": 48_800_000,
    "held_after": 1_200_000,
    "reason": "",
    "created_at": examples.MOMENT,
}


class LedgerView(OwnApiView):
    """What moved."""

    roles = organization_roles.MONEY

    @extend_schema(
        operation_id="ledger",
        summary="Every movement of credits",
        parameters=[LedgerQuery],
        responses={200: list_pages.page_of("LedgerPage", LedgerEntrySerializer), 400: ProblemSerializer},
        examples=[
            examples.page_example(
                SETTLED, HELD, after="https://darkroom.example/api/ledger?cursor=aWQ6NDIxMA"
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """The account's ledger, newest first. Rows are added and never changed.

        A prediction has one `hold`, the most it could cost, and, once it ended, one `settle`: what of that was
        `captured` and what was `released` again. Whatever failed or was canceled captured nothing.
        """
        query = list_pages.page_query(LedgerQuery, request)
        filters = statement.Filters(
            kind=query["kind"],
            since=query.get("since"),
            until=query.get("until"),
            text=query["q"],
            reference=query["reference"],
            token=query.get("token"),
        )
        try:
            page = statement.page(self.account, filters, query["cursor"], query["limit"])
        except pagination.BadCursor:
            raise serializers.ValidationError({"cursor": [serializer_fields.BAD_CURSOR]}) from None
        found = [LedgerEntrySerializer(row).data for row in page.rows]
        return Response({"results": found, "next": list_pages.next_url(request, page.next)})
