"""`/api/me`, `/api/ledger`, `/api/tokens`: who I am, what moved, who may call in my name."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access, paging, statement, tokens
from accounts.models import Account, ApiToken, LedgerEntry
from accounts.problems import OwnApiView, ProblemSerializer, Refused


class AccountSerializer(serializers.ModelSerializer[Account]):
    """The account that pays."""

    class Meta:
        model = Account
        fields = ["id", "name", "kind", "status"]


class MeSerializer(serializers.Serializer[Any]):
    """Who asks. Balance and held are integer micro-credits: 1,000,000 are one credit."""

    username = serializers.CharField()
    name = serializers.CharField(help_text="The name that other people see.")
    email = serializers.EmailField(allow_blank=True)
    balance = serializers.IntegerField(help_text="What can be spent, in micro-credits.")
    held = serializers.IntegerField(help_text="What is set aside for live predictions, in micro-credits.")
    account = AccountSerializer()


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


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """An API token without its text, which nobody can read again."""

    class Meta:
        model = ApiToken
        fields = ["id", "name", "prefix", "answer", "created_at", "expires_at", "last_used_at", "revoked_at"]
        read_only_fields = ["id", "prefix", "created_at", "last_used_at", "revoked_at"]


class NewTokenSerializer(TokenSerializer):
    """A token that was just made, with its text, this once."""

    token = serializers.CharField(read_only=True)

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]


class TokenListSerializer(serializers.Serializer[Any]):
    """The caller's tokens, newest first."""

    results = TokenSerializer(many=True)


class MeView(OwnApiView):
    """Who am I."""

    @extend_schema(operation_id="me", responses={200: MeSerializer, 401: ProblemSerializer})
    def get(self, request: Request) -> Response:
        """The caller, and the balance of the account that a prediction would be charged to."""
        account = self.account()
        return Response(
            {
                "username": self.user.username,
                "name": self.user.shown_name,
                "email": self.user.email,
                "balance": account.balance,
                "held": account.held,
                "account": AccountSerializer(account).data,
            }
        )

    def account(self) -> Account:
        """The token's account, or the one that the signed-in user acts for."""
        return account_of(self)


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
                statement.entries(account_of(self), query["kind"]), query["cursor"], query["limit"]
            )
        except paging.BadCursor:
            raise serializers.ValidationError({"cursor": ["This is no cursor that was given out."]}) from None
        rows = LedgerEntrySerializer(page.rows, many=True).data
        return Response({"results": rows, "next": _next_url(request, page.next)})


class _LedgerQuery(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(LedgerEntry.Kind.choices, default="", allow_blank=True)
    cursor = serializers.CharField(default="", allow_blank=True, max_length=100)
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200)


class TokensView(OwnApiView):
    """The caller's API tokens."""

    @extend_schema(operation_id="tokens_list", responses={200: TokenListSerializer, 401: ProblemSerializer})
    def get(self, request: Request) -> Response:
        """The tokens that still open the door, newest first."""
        mine = own_tokens(self)
        return Response({"results": TokenSerializer(mine, many=True).data})

    @extend_schema(
        operation_id="tokens_create",
        request=TokenSerializer,
        responses={201: NewTokenSerializer, 400: ProblemSerializer, 422: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a token. Its text is in this answer and never again."""
        asked = TokenSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wish = asked.validated_data
        try:
            made, plain = tokens.issue(
                self.user,
                wish["name"],
                expires_at=wish.get("expires_at"),
                answer=wish.get("answer", ApiToken.Answer.PREDICTION),
            )
        except tokens.CannotIssue as error:
            raise Refused(str(error)) from None
        made.refresh_from_db()
        data = {**TokenSerializer(made).data, "token": plain}
        return Response(data, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class TokenView(OwnApiView):
    """One API token."""

    @extend_schema(operation_id="tokens_revoke", responses={204: None, 404: ProblemSerializer})
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke it. The token that makes this request may end itself."""
        tokens.revoke(access.own_token(self.user, token_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


def account_of(view: OwnApiView) -> Account:
    """The account that the request acts for: the token's own, else the signed-in user's."""
    if isinstance(view.request.auth, ApiToken):
        return view.request.auth.account
    return access.own_account(view.user)


def own_tokens(view: OwnApiView) -> QuerySet[ApiToken]:
    """The caller's usable tokens, newest first."""
    return ApiToken.objects.usable().filter(user=view.user).order_by("-id")


def _next_url(request: Request, cursor: str) -> str | None:
    if not cursor:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


urlpatterns = [
    path("me", MeView.as_view(), name="api_me"),
    path("ledger", LedgerView.as_view(), name="api_ledger"),
    path("tokens", TokensView.as_view(), name="api_tokens"),
    path("tokens/<int:token_id>", TokenView.as_view(), name="api_token"),
]
