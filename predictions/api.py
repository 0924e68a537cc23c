"""`/api/quote`: what a prediction would cost, told before anything is held."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permits
from accounts.problems import OwnApiView, ProblemSerializer
from predictions import catalogue, submit


class QuoteRequestSerializer(serializers.Serializer[Any]):
    """The same `version` and `input` as a create."""

    version = serializers.CharField(
        max_length=300, help_text="64 hex digits, `owner/name:64-hex` or `owner/name` for its newest."
    )
    input = serializers.DictField(default=dict)


class QuoteSerializer(serializers.Serializer[Any]):
    """Amounts are integer micro-credits: 1,000,000 are one credit."""

    model = serializers.CharField()
    version = serializers.CharField()
    ceiling = serializers.IntegerField(help_text="The most it can cost; this much would be held.")
    unit = serializers.CharField(help_text="`output`: for each file that comes; `run`: for the run.")
    amount = serializers.IntegerField(help_text="The price of one unit.")
    balance = serializers.IntegerField(help_text="What can be spent now.")
    enough = serializers.BooleanField(help_text="Whether the balance covers the ceiling.")


class QuoteView(OwnApiView):
    """A dry run of a create."""

    scopes: ClassVar = {"POST": permits.READ}

    @extend_schema(
        operation_id="quote",
        request=QuoteRequestSerializer,
        responses={200: QuoteSerializer, 404: ProblemSerializer, 422: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Check the input and name its price. Nothing is held, stored or queued."""
        asked = QuoteRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        version = catalogue.find_version(asked.validated_data["version"])
        if version is None:
            return _problem(404, "Not Found", "There is no such model or version here.")
        account = self.account
        try:
            offer = submit.check(
                submit.Request(account, self.user, version, asked.validated_data["input"], token=self.token)
            )
        except submit.Refused as refused:
            return _problem(refused.status, refused.title, refused.detail)
        return Response(
            {
                "model": version.model.ref,
                "version": version.pk,
                "ceiling": offer.ceiling,
                "unit": offer.price.unit,
                "amount": offer.price.amount,
                "balance": account.balance,
                "enough": account.balance >= offer.ceiling,
            }
        )


def _problem(status: int, title: str, detail: str) -> Response:
    return Response({"title": title, "detail": detail, "status": status}, status=status)


urlpatterns = [path("quote", QuoteView.as_view(), name="api_quote")]
