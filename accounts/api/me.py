"""`/api/me`: who I am."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Account
from accounts.problems import OwnApiView, ProblemSerializer


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


class MeView(OwnApiView):
    """Who am I."""

    @extend_schema(operation_id="me", responses={200: MeSerializer, 401: ProblemSerializer})
    def get(self, request: Request) -> Response:
        """The caller, and the balance of the account that a prediction would be charged to."""
        account = self.account
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
