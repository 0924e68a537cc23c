"""`/api/ledger`: what moved."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import statement
from accounts.api import examples, lists
from accounts.api.fields import Listed, Text
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


class LedgerQuery(Listed):
    """Filters of the ledger."""

    kind = serializers.ChoiceField(LedgerEntry.Kind.choices, default="", allow_blank=True)
    reference = Text(
        default="",
        allow_blank=True,
        max_length=64,
        help_text="A prediction's id: its hold and its settlement.",
    )


SETTLED = {
    "id": 4211,
    "kind": "settle",
    "reference": examples.PREDICTION,
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
    "reference": examples.PREDICTION,
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

    @extend_schema(
        operation_id="ledger",
        summary="Every movement of credits",
        parameters=[LedgerQuery],
        responses={200: lists.page_of("LedgerPage", LedgerEntrySerializer), 400: ProblemSerializer},
        examples=[
            examples.page(SETTLED, HELD, after="https://darkroom.example/api/ledger?cursor=aWQ6NDIxMA")
        ],
    )
    def get(self, request: Request) -> Response:
        """The account's ledger, newest first. Rows are added and never changed.

        A prediction has one `hold`, the most it could cost, and, once it ended, one `settle`: what of that was
        `captured` and what was `released` again. Whatever failed or was canceled captured nothing.
        """
        query = lists.asked(LedgerQuery, request)
        rows = statement.entries(self.account, query["kind"])
        if query["reference"]:
            rows = rows.filter(reference=query["reference"])
        return lists.answer(request, rows, query, lambda row: LedgerEntrySerializer(row).data)
