"""`/api/usage`: usage of an account by day, model and token."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from accounts.organizations import roles as organization_roles
from accounts.site import site_rules
from core.api import examples, list_pages
from core.api.problems import ProblemSerializer
from core.api.serializer_fields import Day, Text
from predictions.api import example_values
from predictions.usage import period_totals

_USUAL_DAYS = 30


class UsageQuery(serializers.Serializer[Any]):
    """The period."""

    to = Day(default=None, help_text="The last day; today unless told.")
    zone = Text(
        default=lambda: str(site_rules.billing_zone()),
        max_length=64,
        help_text="Whose midnights part the days: an IANA name such as `Europe/Berlin`; unless told, the one in which "
        "this server bills, as on the page of usage.",
    )

    def get_fields(self) -> dict[str, Any]:
        first = Day(default=None, help_text=f"The first day; {_USUAL_DAYS} days to the last unless told.")
        return {"from": first, **super().get_fields()}

    def validate_zone(self, value: str) -> ZoneInfo:
        """The zone of that name."""
        if value not in available_timezones():
            raise serializers.ValidationError("This is no time zone of the IANA database.")
        return ZoneInfo(value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        last: date = attrs["to"] or datetime.now(attrs["zone"]).date()
        first: date = attrs["from"] or last - timedelta(days=_USUAL_DAYS - 1)
        if first > last:
            raise serializers.ValidationError({"from": ["It comes after the last day."]})
        if (last - first).days >= period_totals.LONGEST_DAYS:
            raise serializers.ValidationError(
                {"from": [f"A period has at most {period_totals.LONGEST_DAYS} days."]}
            )
        return attrs | {"from": first, "to": last}


class AmountSerializer(serializers.Serializer[Any]):
    """Counts of predictions by state, what they gave and what they cost in micro-credits."""

    starting = serializers.IntegerField()
    processing = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    canceled = serializers.IntegerField()
    outputs = serializers.IntegerField(help_text="Files delivered, or answers where a model gives text.")
    charged = serializers.IntegerField(help_text="Micro-credits; the sum of what was captured in the ledger.")


class DayAmountSerializer(AmountSerializer):
    """One day's."""

    day = serializers.DateField()


class ModelAmountSerializer(AmountSerializer):
    """One model's."""

    model = serializers.CharField(help_text="`owner/name`")


class TokenAmountSerializer(AmountSerializer):
    """One token's."""

    token = serializers.IntegerField(
        allow_null=True, help_text="Its id; null for what was made on the pages."
    )
    name = serializers.CharField(allow_blank=True)


class UsageSerializer(serializers.Serializer[Any]):
    """A period's usage, three times cut and once as a whole."""

    to = serializers.DateField()
    zone = serializers.CharField()
    total = AmountSerializer()
    days = DayAmountSerializer(many=True, help_text="Every day of the period, oldest first.")
    models = ModelAmountSerializer(many=True, help_text="Most expensive first.")
    tokens = TokenAmountSerializer(many=True, help_text="Most expensive first.")

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateField(), **super().get_fields()}


_AMOUNT = {
    "starting": 0, "processing": 0, "succeeded": 11, "failed": 1, "canceled": 2, "outputs": 38,
    "charged": 11_400_000,
}  # fmt: skip


class UsageView(OwnApiView):
    """The account's usage."""

    roles = organization_roles.MONEY

    @extend_schema(
        operation_id="usage",
        summary="Usage by day, model and token",
        parameters=[UsageQuery],
        responses={200: UsageSerializer, 400: ProblemSerializer},
        examples=[
            examples.response_example(
                {
                    "from": "2026-11-20",
                    "to": "2026-11-20",
                    "zone": "Europe/Berlin",
                    "total": _AMOUNT,
                    "days": [{"day": "2026-11-20", **_AMOUNT}],
                    "models": [{"model": example_values.MODEL, **_AMOUNT}],
                    "tokens": [{"token": 7, "name": "website", **_AMOUNT}],
                }
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """What the account used in at most 400 days. A prediction counts on the day on which it ended; what
        has not ended counts today.

        `charged` of an ended period is what the ledger says: the sum of `captured` over its predictions.
        """
        query = list_pages.page_query(UsageQuery, request)
        usage = period_totals.for_account(self.account, query["from"], query["to"], query["zone"])
        return Response(
            {
                "from": query["from"],
                "to": query["to"],
                "zone": query["zone"].key,
                "total": asdict(usage.total),
                "days": [{"day": day, **asdict(amount)} for day, amount in usage.days.items()],
                "models": [{"model": ref, **asdict(amount)} for ref, amount in _dearest(usage.models)],
                "tokens": [
                    {"token": token, "name": name, **asdict(amount)}
                    for (token, name), amount in _dearest(usage.tokens)
                ],
            }
        )


def _dearest(amounts: dict[Any, period_totals.Amount]) -> list[tuple[Any, period_totals.Amount]]:
    return sorted(amounts.items(), key=lambda pair: -pair[1].charged)
