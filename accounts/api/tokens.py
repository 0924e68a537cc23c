"""`/api/tokens`: who may call in my name."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access, tokens
from accounts.models import ApiToken
from accounts.problems import OwnApiView, ProblemSerializer, Refused


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


def own_tokens(view: OwnApiView) -> QuerySet[ApiToken]:
    """The caller's usable tokens, newest first."""
    return ApiToken.objects.usable().filter(user=view.user).order_by("-id")
