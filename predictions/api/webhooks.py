"""`/api/webhooks`: the signing secret, and test events."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from accounts.organizations import roles as organization_roles
from accounts.tokens import token_scopes
from core.api import examples
from core.api.problems import Denied, ProblemSerializer
from core.api.serializer_fields import Text
from core.http.public_origin import origin_of
from predictions.api.deliveries import WHOLE, WholeDeliverySerializer
from predictions.inputs.user_urls import objection
from predictions.webhooks import delivery_log, manual_delivery, signing_secrets

_NO_STORE = {"Cache-Control": "no-store"}
_SECRET = {"key": "whsec_ZGFya3Jvb20tYW4tZXhhbXBsZS1vZi1hLXNlY3JldC0=", "old_key_until": None}
_TEST = {
    **WHOLE,
    "event": "test",
    "prediction": None,
    "attempts": 0,
    "answer_code": None,
    "answer_note": "",
    "tries": [],
}


class SecretSerializer(serializers.Serializer[Any]):
    """What this account's webhooks are signed with."""

    key = serializers.CharField(help_text="`whsec_` and Base64. The official libraries take it as it is.")
    old_key_until = serializers.DateTimeField(
        allow_null=True,
        help_text="Until then each webhook carries a second signature, by the key before; null: by this one alone.",
    )


class TestSerializer(serializers.Serializer[Any]):
    """Where to send a test event, and of which kind."""

    __test__ = False
    url = Text(max_length=2000, help_text="An http(s) address on the public network.")
    event = serializers.ChoiceField(manual_delivery.TEST_EVENTS, default="completed")

    def validate_url(self, value: str) -> str:
        wrong = objection(value)
        if wrong:
            raise serializers.ValidationError(wrong)
        return value


class SecretView(OwnApiView):
    """The secret."""

    scope = token_scopes.ADMIN
    roles = organization_roles.MANAGING

    @extend_schema(
        operation_id="webhooks_secret",
        summary="What webhooks are signed with",
        responses={200: SecretSerializer},
        examples=[examples.response_example(_SECRET)],
    )
    def get(self, request: Request) -> Response:
        """The account's signing secret; made when it is first asked for, and stable until it is changed."""
        signing_secrets.get_or_create(self.account)
        return self._answer()

    @extend_schema(
        operation_id="webhooks_secret_rotate",
        summary="Change what webhooks are signed with",
        request=None,
        responses={200: SecretSerializer},
        examples=[examples.response_example({**_SECRET, "old_key_until": "2026-11-21T12:00:04.512000Z"})],
    )
    def post(self, request: Request) -> Response:
        """Change the secret. For 24 hours each webhook carries both signatures, so that no receiver breaks."""
        signing_secrets.rotate(self.account)
        return self._answer()

    def _answer(self) -> Response:
        until = (
            signing_secrets.previous_valid_until(self.account)
            if signing_secrets.previous_secrets(self.account)
            else None
        )
        data = SecretSerializer({"key": self.account.webhook_secret, "old_key_until": until}).data
        return Response(data, headers=_NO_STORE)


class TestView(OwnApiView):
    """A test event."""

    scope = token_scopes.ADMIN

    @extend_schema(
        operation_id="webhooks_test",
        summary="Send a test event",
        request=TestSerializer,
        responses={
            202: WholeDeliverySerializer,
            400: ProblemSerializer,
            403: ProblemSerializer,
            429: ProblemSerializer,
        },
        examples=[
            examples.request_example({"url": "https://hooks.example.org/darkroom", "event": "completed"}),
            examples.response_example(_TEST, 202),
        ],
    )
    def post(self, request: Request) -> Response:
        """Post a signed, made-up prediction to an address, once: the same way as every webhook, with the same checks.

        Its body says so in `darkroom.test`. Read what became of it at `/api/deliveries/{id}`, some moments later.
        """
        asked = TestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wish = asked.validated_data
        try:
            made = manual_delivery.send_test(
                self.account, wish["url"], wish["event"], origin_of(request._request)
            )
        except manual_delivery.TooManyTests as error:
            raise Denied(429, "Too Many Requests", str(error), wait=error.wait_s) from None
        except manual_delivery.CannotSend as error:
            raise Denied(403, "Forbidden", str(error)) from None
        whole = delivery_log.get_own(self.account, made.message_id)
        return Response(WholeDeliverySerializer(whole).data, status=202)


urlpatterns = [
    path("webhooks/secret", SecretView.as_view(), name="api_webhook_secret"),
    path("webhooks/test", TestView.as_view(), name="api_webhook_test"),
]
