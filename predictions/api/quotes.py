"""`/api/quotes`: price quotes for one or several predictions, before anything is held."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import credits
from accounts.api.base_views import OwnApiView
from accounts.credits import allowances, limit_usage
from accounts.organizations import visible_funds
from accounts.tokens import token_scopes
from core.api import examples
from core.api.problems import Denied, ProblemSerializer, problem
from core.api.serializer_fields import BoundedListField, ObjectField, Text
from predictions.api import example_values
from predictions.catalogue import lookup
from predictions.submit import checks, refusals, work_request

MOST = 50
"""Quotes per request."""

_REQUEST = {
    "version": example_values.MODEL,
    "input": {"prompt": "a lighthouse in the fog", "num_outputs": 4},
}
_QUOTE = {
    "model": example_values.MODEL,
    "version": example_values.VERSION,
    "ceiling": 1_200_000,
    "unit": "output",
    "amount": 300_000,
    "percent": 100,
    "outputs": 4,
    "balance": 50_000_000,
    "enough": True,
    "objection": None,
}


class WishSerializer(serializers.Serializer[Any]):
    """The same `version` and `input` as a create."""

    version = Text(
        max_length=300, help_text="64 hex digits, `owner/name:64-hex` or `owner/name` for its newest."
    )
    input = ObjectField(default=dict, help_text="An object, as a create would have it.")


class QuoteSerializer(serializers.Serializer[Any]):
    """Amounts are integer micro-credits: 1,000,000 are one credit."""

    model = serializers.CharField()
    version = serializers.CharField()
    ceiling = serializers.IntegerField(help_text="The most it can cost; this much would be held.")
    unit = serializers.CharField(
        help_text="`output`: for each file that comes; `run`: for the run; `second`; `megapixel`."
    )
    amount = serializers.IntegerField(help_text="The price of one unit, before its rules.")
    percent = serializers.IntegerField(help_text="What the account pays of it, by its plan; 100: all of it.")
    outputs = serializers.IntegerField(help_text="How many outputs this input asks for.")
    balance = serializers.IntegerField(
        allow_null=True, help_text="What can be spent now; null for plain members of an organisation."
    )
    enough = serializers.BooleanField(help_text="Whether balance and the token's limits cover the ceiling.")
    objection = serializers.CharField(
        allow_null=True, help_text="Why a create would be refused for money now; null where it would not."
    )


class BatchSerializer(serializers.Serializer[Any]):
    """Several wishes, priced at once."""

    wishes = BoundedListField(child=WishSerializer(), min_length=1, max_length=MOST)


class BatchLineSerializer(serializers.Serializer[Any]):
    """One wish of a batch: its quote, or why it would be refused."""

    quote = QuoteSerializer(allow_null=True)
    problem = ProblemSerializer(allow_null=True)


class BatchQuoteSerializer(serializers.Serializer[Any]):
    """The lines in the order of the wishes, and what they come to."""

    results = BatchLineSerializer(many=True)
    ceiling = serializers.IntegerField(help_text="The sum of the ceilings of those that would be accepted.")
    balance = serializers.IntegerField(
        allow_null=True, help_text="What can be spent now; null for plain members of an organisation."
    )
    enough = serializers.BooleanField(help_text="Whether balance and the token's limits cover the sum.")
    objection = serializers.CharField(allow_null=True, help_text="Why they do not; null where they do.")


class _QuoteApiView(OwnApiView):
    """What both views share. A dry run changes nothing, so reading is enough."""

    scopes: ClassVar = {"POST": token_scopes.READ}

    def quote(self, entry: dict[str, Any]) -> dict[str, Any]:
        """The quote for one wish, without the account's part. Raises Denied as a create would be refused."""
        version = lookup.find_version(entry["version"])
        if version is None:
            raise Denied(404, "Not Found", "There is no such model or version here.")
        try:
            offer = checks.check(
                work_request.Request(self.account, self.user, version, entry["input"], token=self.token),
                dry=True,
            )
        except refusals.Refused as refused:
            raise Denied(
                refused.status, refused.title, refused.detail, _faults(refused), wait=refused.retry_after_s
            ) from None
        return {
            "model": version.model.ref,
            "version": version.pk,
            "ceiling": offer.quote.ceiling,
            "unit": offer.quote.price.unit,
            "amount": offer.quote.price.amount,
            "percent": offer.quote.percent,
            "outputs": offer.quote.outputs,
        }

    def cover(self, ceiling: int) -> dict[str, Any]:
        """What the account, and the token's own limits, say to such a sum."""
        objection = self._objection(ceiling)
        seen = visible_funds.for_user(self.user, self.account)
        return {"balance": seen.balance, "enough": objection is None, "objection": objection}

    def _objection(self, ceiling: int) -> str | None:
        if not allowances.covers(self.account, ceiling):
            return refusals.InsufficientCredit.detail
        now = timezone.now()
        for meter in self._meters:
            if meter.left < ceiling:
                reached = credits.TokenLimitReached(meter.limit, meter.most, meter.left, ceiling, now)
                return limit_usage.refusal(reached)
        return self._objection_of_account(ceiling)

    def _objection_of_account(self, ceiling: int) -> str | None:
        now = timezone.now()
        for of_member, name, most in self._limits:
            spent = credits.spent(self.account.pk, self.user.pk if of_member else None, name, now)
            if spent + ceiling > most:
                left = max(0, most - spent)
                reached = credits.AccountLimitReached(name, most, left, ceiling, now, of_member=of_member)
                sees = visible_funds.sees_money(self.user, self.account)
                return limit_usage.account_refusal(reached, sees_money=sees)
        return None

    @cached_property
    def _limits(self) -> list[tuple[bool, str, int]]:
        return list(credits.limits_of(self.account.pk, self.user.pk)) if self.account.limits_tokens else []

    @cached_property
    def _meters(self) -> list[limit_usage.Meter]:
        return limit_usage.meters_of(self.token) if self.token is not None else []


def _faults(refused: refusals.Refused) -> dict[str, Any] | None:
    if not isinstance(refused, refusals.InvalidInput):
        return None
    messages: dict[str, list[str]] = {}
    for fault in refused.faults:
        messages.setdefault(fault.field, []).append(fault.description)
    return messages


class QuotesView(_QuoteApiView):
    """A dry run of a create."""

    @extend_schema(
        operation_id="quote",
        summary="What would it cost?",
        request=WishSerializer,
        responses={
            200: QuoteSerializer, 402: ProblemSerializer, 404: ProblemSerializer, 422: ProblemSerializer,
            503: ProblemSerializer,
        },
        examples=[examples.request_example(_REQUEST), examples.response_example(_QUOTE)],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Check an input and name its exact ceiling: what a create would hold. Nothing is held, stored or queued.

        It is refused with the words, and in the order, in which the create itself would be refused; only a balance
        that is too small is told in `enough` and `objection`, so that a frontend can show the price beside it.
        """
        asked = WishSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        found = self.quote(asked.validated_data)
        return Response(found | self.cover(found["ceiling"]))


class BatchView(_QuoteApiView):
    """A dry run of several creates."""

    @extend_schema(
        operation_id="quote_batch",
        summary="What would all of these cost?",
        request=BatchSerializer,
        responses={200: BatchQuoteSerializer},
        examples=[
            examples.request_example({"wishes": [_REQUEST, {"version": "acme/unknown", "input": {}}]}),
            examples.response_example(
                {
                    "results": [
                        {"quote": _QUOTE, "problem": None},
                        {"quote": None, "problem": problem(404, "There is no such model or version here.")},
                    ],
                    "ceiling": 1_200_000,
                    "balance": 50_000_000,
                    "enough": True,
                    "objection": None,
                }
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Price up to 50 wishes at once, each with its quote or its problem, and name the sum."""
        asked = BatchSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        lines = [self._line(entry) for entry in asked.validated_data["wishes"]]
        ceiling = sum(line["quote"]["ceiling"] for line in lines if line["quote"])
        return Response({"results": lines, "ceiling": ceiling, **self.cover(ceiling)})

    def _line(self, entry: dict[str, Any]) -> dict[str, Any]:
        try:
            found = self.quote(entry)
        except Denied as denied:
            return {"quote": None, "problem": denied.problem()}
        return {"quote": found | self.cover(found["ceiling"]), "problem": None}
