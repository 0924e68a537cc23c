"""`/api/deliveries`: the log of webhook deliveries with their attempts, and sending one again."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from accounts.tokens import token_scopes
from core.api import examples, list_pages
from core.api.problems import Denied, ProblemSerializer
from core.api.serializer_fields import Listed, Text
from predictions.api import example_values
from predictions.models import Delivery, DeliveryAttempt
from predictions.webhooks import delivery_log, manual_delivery

MESSAGE = "msg_Yr0v3TqX2mJk8sWbN5aLcF7d"
_ROW = {
    "id": MESSAGE,
    "event": "completed",
    "prediction": example_values.PREDICTION,
    "url": "https://hooks.example.org/darkroom",
    "state": "owed",
    "attempts": 1,
    "resent": 0,
    "answer_code": 503,
    "answer_note": "The receiver failed",
    "size": 1324,
    "created_at": examples.MOMENT,
    "delivered_at": None,
    "next_try_at": "2026-11-20T12:00:09.771000Z",
}
WHOLE = {
    **_ROW,
    "body": '{"id": "' + example_values.PREDICTION + '", "status": "succeeded"}',
    "tries": [
        {
            "number": 1,
            "at": "2026-11-20T12:00:04.611000Z",
            "answer_code": 503,
            "note": "The receiver failed",
            "took_ms": 84,
        }
    ],
}


class AttemptSerializer(serializers.ModelSerializer[DeliveryAttempt]):
    """One try: `answer_code` is null where no answer came, `note` says what happened instead."""

    class Meta:
        model = DeliveryAttempt
        fields = ["number", "at", "answer_code", "note", "took_ms"]


class DeliverySerializer(serializers.Serializer[Any]):
    """One event that was, or is to be, told to a receiver."""

    id = serializers.CharField(source="message_id", help_text="The `webhook-id` that the receiver sees.")
    event = serializers.ChoiceField(Delivery.Event.choices)
    prediction = serializers.SerializerMethodField(help_text="The prediction's id; null for a test event.")
    url = serializers.CharField(source="target", help_text="Empty where the webhook was turned off.")
    state = serializers.ChoiceField(
        Delivery.State.choices,
        help_text="`owed`: to be tried; `delivered`; `given_up`: tried in vain; `dropped`: not told, see the note.",
    )
    attempts = serializers.IntegerField(help_text="Tries since it was owed, or last asked for again by hand.")
    resent = serializers.IntegerField(help_text="How often somebody asked for it again.")
    answer_code = serializers.IntegerField(allow_null=True, help_text="The last answer's HTTP status.")
    answer_note = serializers.CharField(allow_blank=True, help_text="What happened at the last try.")
    size = serializers.SerializerMethodField(
        help_text="Bytes of the body; null before the first try, which renders it."
    )
    created_at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)
    next_try_at = serializers.SerializerMethodField(help_text="Null where nothing more is tried by itself.")

    def get_prediction(self, row: Delivery) -> str | None:
        return row.prediction.public_id if row.prediction else None

    def get_size(self, row: Any) -> int | None:
        return row.size or None

    def get_next_try_at(self, row: Delivery) -> str | None:
        field = serializers.DateTimeField()
        return field.to_representation(row.due_at) if row.state == Delivery.State.OWED else None


class WholeDeliverySerializer(DeliverySerializer):
    """A delivery with its body and all its tries."""

    body = serializers.CharField(allow_blank=True, help_text="The very text that is sent and signed.")
    tries = AttemptSerializer(many=True, help_text="All of them, the first first.")


class DeliveriesQuery(Listed):
    """Filters of the log."""

    state = serializers.ChoiceField(Delivery.State.choices, default="", allow_blank=True)
    event = serializers.ChoiceField(Delivery.Event.choices, default="", allow_blank=True)
    prediction = Text(default="", allow_blank=True, max_length=26, help_text="A prediction's id.")


class DeliveriesView(OwnApiView):
    """The log."""

    @extend_schema(
        operation_id="deliveries_list",
        summary="Every webhook, sent or still owed",
        parameters=[DeliveriesQuery],
        responses={200: list_pages.page_of("DeliveryPage", DeliverySerializer), 400: ProblemSerializer},
        examples=[examples.page_example(_ROW)],
    )
    def get(self, request: Request) -> Response:
        """The account's webhook deliveries, newest first, without their bodies.

        `start` and `completed` are tried up to eight times within nine hours; `output` and `logs` once, because a newer
        one says more. A redirect is never followed. The log goes back as far as the operator keeps it.
        """
        query = list_pages.page_query(DeliveriesQuery, request)
        rows = delivery_log.entries(
            self.account, state=query["state"], event=query["event"], prediction=query["prediction"]
        )
        return list_pages.list_response(request, rows, query, lambda row: DeliverySerializer(row).data)


class DeliveryView(OwnApiView):
    """One delivery."""

    @extend_schema(
        operation_id="deliveries_get",
        summary="One webhook with each of its tries",
        responses={200: WholeDeliverySerializer, 404: ProblemSerializer},
        examples=[examples.response_example(WHOLE)],
    )
    def get(self, request: Request, message_id: str) -> Response:
        """What was sent, when, what came back, how long it took, and when it is tried next."""
        return Response(WholeDeliverySerializer(delivery_log.get_own(self.account, message_id)).data)


class ResendView(OwnApiView):
    """Once more."""

    scopes: ClassVar = {"POST": token_scopes.ADMIN}

    @extend_schema(
        operation_id="deliveries_resend",
        summary="Send a webhook again",
        request=None,
        responses={202: WholeDeliverySerializer, 404: ProblemSerializer, 409: ProblemSerializer},
        examples=[examples.response_example({**WHOLE, "resent": 1, "attempts": 0}, 202)],
    )
    def post(self, request: Request, message_id: str) -> Response:
        """Owe it once more, at once: the same id and body, a new time and signature, and a fresh round of tries.

        Also for one that was delivered. 409 while it is being sent already.
        """
        delivery = delivery_log.get_own(self.account, message_id)
        try:
            manual_delivery.resend(delivery)
        except manual_delivery.CannotSend as error:
            raise Denied(409, "Conflict", str(error)) from None
        return Response(
            WholeDeliverySerializer(delivery_log.get_own(self.account, message_id)).data, status=202
        )


urlpatterns = [
    path("deliveries", DeliveriesView.as_view(), name="api_deliveries"),
    path("deliveries/<str:message_id>", DeliveryView.as_view(), name="api_delivery"),
    path("deliveries/<str:message_id>/resend", ResendView.as_view(), name="api_delivery_resend"),
]
