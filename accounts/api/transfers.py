"""`/api/redeem` and `/api/gifts`: redeem a code, give credits to another member."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import credits
from accounts.api.base_views import OwnApiView
from accounts.auth import attempt_limits
from accounts.billing import redeem_codes
from accounts.credits import amounts, gifts, limit_usage
from accounts.models import Account, Gift
from accounts.organizations import roles as organization_roles
from core.api import examples, list_pages
from core.api.problems import Denied, ProblemSerializer
from core.api.serializer_fields import Listed, Text

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class RedeemSerializer(serializers.Serializer[Any]):
    """A code, however it is typed."""

    code = Text(
        min_length=1,
        max_length=64,
        help_text="Capitals, blanks and dashes do not matter; O counts as 0, and I and L as 1.",
    )


class RedeemedSerializer(serializers.Serializer[Any]):
    """What a code gave."""

    credits = serializers.IntegerField(help_text="What was added, in micro-credits.")
    balance = serializers.IntegerField(help_text="What can be spent now, in micro-credits.")
    plan = serializers.CharField(
        allow_null=True, help_text="The plan that came with it; null where none did."
    )
    reference = serializers.CharField(help_text="Under which it stands in the ledger.")


class RedeemView(OwnApiView):
    """Redeem a code."""

    roles = organization_roles.MONEY

    @extend_schema(
        operation_id="redeem",
        summary="Redeem a code",
        request=RedeemSerializer,
        responses={
            200: RedeemedSerializer,
            **dict.fromkeys((400, 404, 409, 429), ProblemSerializer),
        },
        examples=[
            examples.request_example({"code": "DR-7K3M-Q9ZD-4T8W-1XJC"}),
            examples.response_example(
                {"credits": 500_000_000, "balance": 549_100_000, "plan": None, "reference": "redeem-81"}
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Add what a code is worth to the account. Each account can redeem a code once.

        404: there is no such code. 409: it is used up, has expired, was withdrawn, or you had it already. Nothing was
        changed. 429: too many wrong codes; try again later.
        """
        serializer = RedeemSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            found = redeem_codes.redeem(self.user, self.account, serializer.validated_data["code"])
        except redeem_codes.CannotRedeem as error:
            status, title = (404, "Not Found") if error.why == "unknown" else (409, "Conflict")
            message = f"{error} {_('Nothing was changed.')}"
            raise Denied(status, title, message, {"code": [error.why]}) from None
        except attempt_limits.TooMany as error:
            message = f"Too many wrong codes. Try again in {error.wait_s} seconds."
            raise Denied(429, "Too Many Requests", message, wait=error.wait_s) from None
        balance = Account.objects.values_list("balance", flat=True).get(pk=self.account.pk)
        return Response(
            {
                "credits": found.credits,
                "balance": balance,
                "plan": found.plan.name if found.plan else None,
                "reference": f"redeem-{found.redemption.pk}",
            }
        )


class GiftSerializer(serializers.ModelSerializer[Gift]):
    """A gift of credits. The amount is integer micro-credits."""

    id = serializers.CharField(
        source="reference", help_text="Its rows in the ledger are `gift-ID-out` and `-in`."
    )
    giver = serializers.CharField(source="giver.name", help_text="The name of the account that gave.")
    receiver = serializers.CharField(
        source="receiver.name", help_text="The name of the account that received."
    )

    class Meta:
        model = Gift
        fields = ["id", "giver", "receiver", "amount", "words", "created_at"]


class NewGiftSerializer(serializers.Serializer[Any]):
    """Credits for another member."""

    to = Text(min_length=1, max_length=150, help_text="A member's user name.")
    amount = serializers.IntegerField(
        min_value=1, max_value=credits.LARGEST, help_text="Micro-credits: 1,000,000 are one credit."
    )
    words = Text(required=False, default="", allow_blank=True, max_length=gifts.LONGEST_WORDS)

    def to_internal_value(self, data: Any) -> Any:
        """Refuse an amount that is not a JSON integer: no string, no decimal with a zero fraction."""
        amount = data.get("amount") if isinstance(data, dict) else None
        if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int)):
            raise serializers.ValidationError({"amount": ["An amount is a whole number of micro-credits."]})
        return super().to_internal_value(data)


GIVEN = {
    "id": "5f0c7d1e9a3b4c6d8e2f",
    "giver": "alice",
    "receiver": "bob",
    "amount": 25_000_000,
    "words": "for the poster",
    "created_at": examples.MOMENT,
}


class GiftsView(OwnApiView):
    """Gifts."""

    roles = organization_roles.MONEY

    @extend_schema(
        operation_id="gifts",
        summary="Gifts given and received",
        parameters=[Listed],
        responses={200: list_pages.page_of("GiftPage", GiftSerializer), 400: ProblemSerializer},
        examples=[examples.page_example(GIVEN)],
    )
    def get(self, request: Request) -> Response:
        """The gifts that the account gave or received, newest first. They stay as they were made."""
        query = list_pages.page_query(Listed, request)
        mine = Gift.objects.filter(Q(giver=self.account) | Q(receiver=self.account))
        rows = mine.select_related("giver", "receiver")
        return list_pages.list_response(request, rows, query, lambda row: GiftSerializer(row).data)

    @extend_schema(
        operation_id="give",
        summary="Give credits to another member",
        request=NewGiftSerializer,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                required=True,
                description="One to 255 visible characters of your choice. The same key again answers the same gift.",
                pattern=r"^[!-~]{1,255}$",
            )
        ],
        responses={
            200: GiftSerializer,
            201: GiftSerializer,
            **dict.fromkeys((400, 403, 404, 409), ProblemSerializer),
        },
        examples=[
            examples.request_example({"to": "bob", "amount": 25_000_000, "words": "for the poster"}),
            examples.response_example(GIVEN, status=201),
            examples.response_example(GIVEN),
        ],
    )
    def post(self, request: Request) -> Response:
        """Move credits from the account to another member's, once for each `Idempotency-Key`.

        What came as a welcome or as an allowance cannot be given away. 403: you are muted, or you or the API token
        have a spending limit: such a one gives nothing. 404: there is no such member. 409: you have too little, a limit
        is reached, the key came with another gift, or members cannot give here. Nothing was moved then.
        """
        if self.token is not None and limit_usage.is_limited(self.token):
            # Gifts are counted by none of its limits, so it could exceed them.
            message = (
                "This API token has a spending limit, so it cannot give credits away. Nothing was changed."
            )
            raise Denied(403, "Forbidden", message)
        serializer = NewGiftSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        key = request.headers.get("Idempotency-Key", "")
        if not _KEY.fullmatch(key):
            message = "Send a key of 1 to 255 visible characters, so that the gift is made once."
            raise serializers.ValidationError({"Idempotency-Key": [message]})
        data = serializer.validated_data
        try:
            gift, new = gifts.give(
                self.user,
                self.account,
                to=data["to"],
                amount=data["amount"],
                words=data["words"],
                key=f"api {key}",
            )
        except gifts.CannotGive as error:
            raise _denied(error) from None
        return Response(GiftSerializer(gift).data, status=201 if new else 200)


def _denied(error: gifts.CannotGive) -> Denied:
    if error.why is gifts.RefusalReason.ANOTHER:
        # The default message says to open the form again, which an API client cannot.
        message = _("This key was sent with another gift. Use a new key for a new one.")
        message = f"{message} {_('Nothing was changed.')}"
        return Denied(409, "Conflict", message, {"Idempotency-Key": [error.why.value]})
    statuses = {
        gifts.RefusalReason.NOBODY: 404,
        gifts.RefusalReason.MUTED: 403,
        gifts.RefusalReason.LIMITED: 403,
    }
    status = statuses.get(error.why, 409)
    title = {404: "Not Found", 403: "Forbidden", 409: "Conflict"}[status]
    message = f"{error} {_('Nothing was changed.')}"
    if error.left is not None:
        message += " " + _("%(amount)s are left today.") % {"amount": amounts.display_plain(error.left)}
    return Denied(status, title, message, {error.field: [error.why.value]} if error.field else None)
