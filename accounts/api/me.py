"""`/api/me`: the caller, the account, its balance and limits."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from accounts.api.tokens import TOKEN_EXAMPLE, MeterSerializer, TokenSerializer
from accounts.credits import limit_usage
from accounts.models import Account
from accounts.organizations import visible_funds
from accounts.site import account_limits, site_rules
from core.api import examples


class AccountSerializer(serializers.ModelSerializer[Account]):
    """The account that pays."""

    class Meta:
        model = Account
        fields = ["id", "name", "kind", "status"]


class LimitsSerializer(serializers.Serializer[Any]):
    """What the account may do at most: its own limits, else its plan's, else the server's. 0: no limit."""

    creates_per_minute = serializers.IntegerField()
    requests_per_minute = serializers.IntegerField()
    in_flight = serializers.IntegerField(help_text="Predictions at once; more wait for their turn.")


class RoomSerializer(serializers.Serializer[Any]):
    """How much of one kind the account may take up at a time, and how much it takes."""

    limit = serializers.ChoiceField(
        ["predictions", "input_bytes", "upload_bytes", "stored_bytes"],
        help_text="predictions: those that wait or are under way; input_bytes: their inputs as JSON; upload_bytes: "
        "files that were sent, each counted as 4096 bytes at least; stored_bytes: all files, and what predictions "
        "under way are expected to give.",
    )
    most = serializers.IntegerField(allow_null=True, help_text="What it allows; null: no limit.")
    used = serializers.IntegerField()
    left = serializers.IntegerField(allow_null=True, help_text="null: no limit.")


class FeaturesSerializer(serializers.Serializer[Any]):
    """What this server offers, as its operator has set it up."""

    registration = serializers.BooleanField(help_text="Whether visitors may sign up.")
    credit_name = serializers.CharField(allow_blank=True, help_text="What a credit is called; empty: credit.")
    languages = serializers.ListField(child=serializers.CharField(), help_text="Of the pages.")


class MeSerializer(serializers.Serializer[Any]):
    """Who asks. Balance and held are integer micro-credits: 1,000,000 are one credit."""

    username = serializers.CharField()
    name = serializers.CharField(help_text="The name that other people see.")
    email = serializers.EmailField(allow_blank=True)
    balance = serializers.IntegerField(
        help_text="What can be spent, in micro-credits; by plain members of an organisation, what their limit leaves.",
    )
    held = serializers.IntegerField(
        help_text="What is set aside for live predictions, in micro-credits; 0 for plain members of an organisation.",
    )
    owed = serializers.IntegerField(
        help_text="What the account owes for payments that were returned, in micro-credits; what comes next pays it. "
        "0 for plain members of an organisation.",
    )
    month_left = serializers.IntegerField(
        allow_null=True,
        help_text="Micro-credits left this month (UTC) of the caller's own limit in an organisation; null: none.",
    )
    account = AccountSerializer()
    plan = serializers.CharField(
        allow_null=True, help_text="The name of the account's plan, where it has one."
    )
    limits = LimitsSerializer()
    spending = MeterSerializer(
        many=True,
        help_text="What each spending limit of the account, or of its plan, leaves now; none for plain members of an "
        "organisation.",
    )
    room = RoomSerializer(
        many=True,
        help_text="What the account may take up before more is refused, by 429 with `Retry-After` where it waits for "
        "what is under way, else by 403.",
    )
    token = TokenSerializer(allow_null=True, help_text="The token that asks; null for a session.")
    features = FeaturesSerializer()


class MeView(OwnApiView):
    """Who am I."""

    @extend_schema(
        operation_id="me",
        summary="Who am I, and what have I left?",
        responses={200: MeSerializer},
        examples=[
            examples.response_example(
                {
                    "username": "alice",
                    "name": "Alice",
                    "email": "alice@example.org",
                    "balance": 49_100_000,
                    "held": 1_200_000,
                    "owed": 0,
                    "month_left": None,
                    "account": {"id": 3, "name": "alice", "kind": "user", "status": "active"},
                    "plan": "Studio",
                    "limits": {"creates_per_minute": 600, "requests_per_minute": 3000, "in_flight": 4},
                    "spending": TOKEN_EXAMPLE["spending"],
                    "room": [
                        {"limit": "predictions", "most": 5000, "used": 12, "left": 4988},
                        {"limit": "input_bytes", "most": 268_435_456, "used": 3_412, "left": 268_432_044},
                        {
                            "limit": "upload_bytes",
                            "most": 5_368_709_120,
                            "used": 1_048_576,
                            "left": 5_367_660_544,
                        },
                        {"limit": "stored_bytes", "most": None, "used": 91_300_112, "left": None},
                    ],
                    "token": TOKEN_EXAMPLE,
                    "features": {"registration": True, "credit_name": "", "languages": ["en", "zh-hans"]},
                }
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """The caller, the balance of the account that a prediction would be charged to, and every limit in force."""
        account = self.account
        funds = visible_funds.for_user(self.user, account)
        return Response(
            {
                "username": self.user.username,
                "name": self.user.shown_name,
                "email": self.user.email,
                # Always numbers, for frontends to compute with. Members without a limit may spend the whole balance.
                "balance": account.balance if funds.shown is None else funds.shown,
                "held": funds.held or 0,
                "owed": funds.owed,
                "month_left": funds.left,
                "account": AccountSerializer(account).data,
                "plan": account.plan.name if account.plan else None,
                "limits": _limits(account),
                "spending": MeterSerializer(_meters(account, funds), many=True).data,
                "room": RoomSerializer(limit_usage.rooms_of(account), many=True).data,
                "token": TokenSerializer(self.token).data if self.token else None,
                "features": {
                    "registration": site_rules.registration() == "open",
                    "credit_name": settings.CREDIT_NAME,
                    "languages": [code for code, _name in settings.LANGUAGES],
                },
            }
        )


def _meters(account: Account, funds: visible_funds.VisibleFunds) -> Any:
    """No account limits for members who may not see the organisation's money."""
    return [] if funds.balance is None else limit_usage.meters_of_account(account)


def _limits(account: Account) -> dict[str, int]:
    return {
        "creates_per_minute": account_limits.requests_per_minute(account, "create"),
        "requests_per_minute": account_limits.requests_per_minute(account, "other"),
        "in_flight": account_limits.in_flight_of(account),
    }
