"""`/api/tokens`: create, list, change and revoke API tokens with their scopes, models, networks and limits."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import ownership
from accounts.api.base_views import OwnApiView
from accounts.auth import reauthentication
from accounts.credits import LARGEST, limit_usage
from accounts.credits.limit_usage import Meter
from accounts.models import MICRO, ApiToken
from accounts.tokens import api_tokens, token_scopes, token_validation
from core.api import list_pages
from core.api.problems import Denied, ProblemSerializer
from core.api.serializer_fields import BoundedListField, Listed, Moment, Text

_PER_MINUTE = "New predictions a minute, beside the account's own limit."
_IN_FLIGHT = "Predictions at once, beside the account's own limit; more wait for their turn."


class WholeNumber(serializers.IntegerField):
    """A JSON integer, also written `2.0`; no strings, fractions or booleans."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


def _credits_a(period: str) -> serializers.IntegerField:
    message = f"What it may spend {period}, in micro-credits; null: as much as there is."
    return WholeNumber(required=False, allow_null=True, min_value=0, max_value=LARGEST, help_text=message)


def _pace(words: str) -> serializers.IntegerField:
    return WholeNumber(
        required=False, allow_null=True, min_value=1, max_value=token_validation.MAX_RATE, help_text=words
    )


class TermsSerializer(serializers.Serializer[Any]):
    """What the owner of a token chooses. In a POST all but the name may be left out, in a PATCH everything."""

    name = Text(max_length=80, help_text="For people, in lists.")
    answer = serializers.ChoiceField(
        ApiToken.Answer.choices,
        required=False,
        help_text="What POST /predictions answers unless the request says.",
    )
    scopes = BoundedListField(
        child=Text(max_length=20),
        required=False,
        max_length=20,
        help_text="What it may do: of `read`, `predict`, `gallery`, `admin`, `account`; all but the last unless told. "
        "`account`, which exports everything and deletes the account, is given by a session of the last five minutes, "
        "or by a token that has it.",
    )
    allowed_models = BoundedListField(
        child=Text(max_length=300),
        required=False,
        max_length=token_validation.MAX_ENTRIES,
        help_text="`owner/name` of each model it may use; empty: all.",
    )
    networks = BoundedListField(
        child=Text(max_length=60),
        required=False,
        max_length=token_validation.MAX_ENTRIES,
        help_text="Networks it may be used from, as CIDR; empty: all.",
    )
    day_limit = _credits_a("a day (UTC)")
    month_limit = _credits_a("a month (UTC)")
    total_limit = _credits_a("in all")
    creates_per_minute = _pace(_PER_MINUTE)
    in_flight_limit = _pace(_IN_FLIGHT)
    expires_at = Moment(required=False, allow_null=True, help_text="When it ends by itself; null: never.")

    def validate_name(self, name: str) -> str:
        """Refuse a name of blanks."""
        if not name.strip():
            raise serializers.ValidationError("This field may not be blank.")
        return name.strip()

    def validate_scopes(self, given: list[str]) -> list[str]:
        """Known scopes, at least one."""
        return _checked(token_validation.scopes, given)

    def validate_allowed_models(self, given: list[str]) -> list[str]:
        """Models that exist, or that the token allows already."""
        kept = self.instance.allowed_models if self.instance is not None else []
        return _checked(lambda refs: token_validation.allowed_models(refs, kept=kept), given)

    def validate_networks(self, given: list[str]) -> list[str]:
        """CIDR networks, normalised."""
        return _checked(token_validation.network_list, given)


def _checked(check: Callable[[list[str]], list[str]], values: list[str]) -> list[str]:
    try:
        return check(values)
    except token_validation.BadTerm as error:
        raise serializers.ValidationError(str(error)) from None


class MeterSerializer(serializers.Serializer[Meter]):
    """One spending limit of a token, in micro-credits."""

    limit = serializers.ChoiceField(["day", "month", "total"])
    most = serializers.IntegerField(help_text="What it allows.")
    spent = serializers.IntegerField(help_text="Spent, or on hold for live predictions.")
    left = serializers.IntegerField()
    resets_at = serializers.DateTimeField(allow_null=True, help_text="When it begins anew; null: never.")


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """An API token without its text, which nobody can read again."""

    spending = serializers.SerializerMethodField(help_text="What each of its spending limits leaves now.")

    class Meta:
        model = ApiToken
        fields = [
            "id", "name", "prefix", "answer", "scopes", "allowed_models", "networks", "day_limit", "month_limit",
            "total_limit", "creates_per_minute", "in_flight_limit", "spending", "created_at", "expires_at",
            "last_used_at", "revoked_at",
        ]  # fmt: skip
        read_only_fields = fields

    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    allowed_models = serializers.ListField(child=serializers.CharField(), read_only=True)
    networks = serializers.ListField(child=serializers.CharField(), read_only=True)

    def get_spending(self, token: ApiToken) -> MeterSerializer(many=True):  # type: ignore[valid-type]
        """The token's spending limits; from the context where a list has loaded them all in one query."""
        by_token = self.context.get("meters")
        usage = by_token.get(token.pk, []) if by_token is not None else limit_usage.meters_of(token)
        return MeterSerializer(cast(Any, usage), many=True).data


class NewTokenSerializer(TokenSerializer):
    """A token that was just made, with its text, this once."""

    token = serializers.CharField(read_only=True, help_text="The token itself. Nobody can read it again.")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]


_REQUEST_DATA: dict[str, Any] = {
    "name": "shop",
    "scopes": ["read", "predict"],
    "allowed_models": ["stability-ai/sdxl"],
    "networks": ["192.0.2.0/24"],
    "day_limit": 50 * MICRO,
    "in_flight_limit": 2,
    "expires_at": "2027-01-31T00:00:00Z",
}
TOKEN_EXAMPLE: dict[str, Any] = {
    "id": 7,
    "name": "shop",
    "prefix": "dr_k3Jx",
    "answer": "prediction",
    "scopes": ["read", "predict"],
    "allowed_models": ["stability-ai/sdxl"],
    "networks": ["192.0.2.0/24"],
    "day_limit": 50 * MICRO,
    "month_limit": None,
    "total_limit": None,
    "creates_per_minute": None,
    "in_flight_limit": 2,
    "spending": [
        {
            "limit": "day",
            "most": 50 * MICRO,
            "spent": 12_500_000,
            "left": 37_500_000,
            "resets_at": "2026-11-21T00:00:00Z",
        }
    ],
    "created_at": "2026-11-20T12:00:00Z",
    "expires_at": "2027-01-31T00:00:00Z",
    "last_used_at": "2026-11-20T12:30:00Z",
    "revoked_at": None,
}
_REQUEST_EXAMPLE = OpenApiExample("A token for a shop's server", value=_REQUEST_DATA, request_only=True)
_TOKEN_EXAMPLE = OpenApiExample("A token", value=TOKEN_EXAMPLE, response_only=True)
_CREATED_EXAMPLE = OpenApiExample(
    "The token, this once",
    value={**TOKEN_EXAMPLE, "last_used_at": None, "spending": [], "token": "dr_k3Jx" + "0" * 36},
    response_only=True,
    status_codes=["201"],
)
_PROBLEMS = {401: ProblemSerializer, 403: ProblemSerializer}


class TokensView(OwnApiView):
    """The caller's API tokens."""

    scope = token_scopes.ADMIN

    @extend_schema(
        operation_id="tokens_list",
        summary="Your tokens",
        parameters=[Listed],
        responses={
            200: list_pages.page_of("TokenPage", TokenSerializer),
            400: ProblemSerializer,
            **_PROBLEMS,
        },
        examples=[
            OpenApiExample(
                "Tokens",
                value={"results": [TOKEN_EXAMPLE], "next": None},
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """The tokens that still open the door, newest first, each with what its spending limits leave. A token sees
        those of the account that it was made for.
        """
        found = list_pages.page(own_tokens(self), list_pages.page_query(Listed, request))
        context = {"meters": limit_usage.meters(found.rows)}
        results = TokenSerializer(found.rows, many=True, context=context).data
        return Response({"results": results, "next": list_pages.next_url(request, found.next)})

    @extend_schema(
        operation_id="tokens_create",
        summary="Make a token",
        request=TermsSerializer,
        responses={201: NewTokenSerializer, 400: ProblemSerializer, 422: ProblemSerializer, **_PROBLEMS},
        examples=[_REQUEST_EXAMPLE, _CREATED_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Make a token. Its text is in this answer and never again.

        A token that makes another one makes it for its own account and gives no more than it has itself; what it
        leaves out is as with itself. One with a spending limit makes none: many of them together would spend more than
        it may.
        """
        serializer = TermsSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        terms = cast(token_validation.TokenTerms, serializer.validated_data)
        if self.token is not None:
            _refuse_where_limited(self.token)
            terms = token_validation.inherited(self.token, terms)
            _refuse_more(self.token, terms)
        elif token_scopes.ACCOUNT in terms.get("scopes", ()):
            reauthentication.require_recent(request._request)
        try:
            token, plain = api_tokens.issue(self.user, account=self.account, **terms)
        except api_tokens.CannotIssue as error:
            raise _refused(error) from None
        token.refresh_from_db()
        data = {**TokenSerializer(token).data, "token": plain}
        return Response(data, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class TokenView(OwnApiView):
    """One API token."""

    scope = token_scopes.ADMIN

    @extend_schema(
        operation_id="tokens_get",
        summary="One token",
        responses={200: TokenSerializer, 404: ProblemSerializer, **_PROBLEMS},
        examples=[_TOKEN_EXAMPLE],
    )
    def get(self, request: Request, token_id: int) -> Response:
        """One of the caller's tokens, a revoked one too."""
        return Response(TokenSerializer(_own_token(self, token_id)).data)

    @extend_schema(
        operation_id="tokens_change",
        summary="Change a token",
        request=TermsSerializer(partial=True),
        responses={
            200: TokenSerializer,
            400: ProblemSerializer,
            404: ProblemSerializer,
            422: ProblemSerializer,
            **_PROBLEMS,
        },
        examples=[
            OpenApiExample("A higher limit", value={"day_limit": 80 * MICRO}, request_only=True),
            OpenApiExample(
                "The token",
                value={**TOKEN_EXAMPLE, "day_limit": 80 * MICRO},
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def patch(self, request: Request, token_id: int) -> Response:
        """Change what is given and nothing else. A new spending limit counts what was spent before it was set."""
        token = _own_token(self, token_id)
        serializer = TermsSerializer(token, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        terms = cast(token_validation.TokenTerms, serializer.validated_data)
        if self.token is not None:
            _refuse_more(self.token, terms)
        elif token_scopes.ACCOUNT in terms.get("scopes", ()):
            reauthentication.require_recent(request._request)
        try:
            api_tokens.change(token, **terms)
        except api_tokens.CannotIssue as error:
            raise _refused(error) from None
        return Response(TokenSerializer(_own_token(self, token_id)).data)

    @extend_schema(
        operation_id="tokens_revoke",
        summary="Revoke a token",
        responses={204: None, 404: ProblemSerializer, **_PROBLEMS},
    )
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke it. The token that makes this request may end itself."""
        api_tokens.revoke(_own_token(self, token_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _refused(error: api_tokens.CannotIssue) -> Denied:
    faults = {error.field: [str(error)]} if error.field else None
    return Denied(422, HTTPStatus.UNPROCESSABLE_ENTITY.phrase, str(error), faults)


def own_tokens(view: OwnApiView) -> QuerySet[ApiToken]:
    """The caller's usable tokens, newest first; for a token, those of its own account."""
    rows = ApiToken.objects.usable().filter(user=view.user)
    if view.token is not None:
        rows = rows.filter(account=view.token.account)
    return rows.order_by("-id")


def _own_token(view: OwnApiView, token_id: int) -> ApiToken:
    """One of the caller's tokens; Http404 for another user's, and for a token also for another account's."""
    found = ownership.own_token(view.user, token_id)
    if view.token is not None and found.account_id != view.token.account_id:
        raise Http404
    return found


def _refuse_more(own: ApiToken, terms: token_validation.TokenTerms) -> None:
    try:
        token_validation.require_within(own, terms)
    except token_validation.Exceeds as error:
        raise Denied(403, "Forbidden", str(error), {error.field: [str(error)]}) from None


def _refuse_where_limited(own: ApiToken) -> None:
    if any(getattr(own, field) is not None for field in token_validation.SPENDING):
        raise Denied(403, "Forbidden", "An API token with a spending limit may not make other tokens.")
