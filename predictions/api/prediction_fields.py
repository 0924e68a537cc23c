"""Prediction fields under `/api/`: Replicate's, and beside them money, queue position and items."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.ledger import HELD, SETTLED, LedgerEntrySerializer
from accounts.models import LedgerEntry
from core.api import examples
from predictions.api import example_values
from predictions.api_dialects.common import status_extras
from predictions.api_dialects.replicate.absolute_urls import AbsoluteUrls
from predictions.api_dialects.replicate.serializers import prediction_json
from predictions.models import Prediction

STATUSES = ("starting", "processing", "succeeded", "failed", "canceled")


# Not declared as a class attribute: `source` is an attribute of every field and serializer.
_SOURCES = ["api", "web"]


class UrlsSerializer(serializers.Serializer[Any]):
    """Where else it is found."""

    get = serializers.URLField(help_text="In the Replicate dialect.")
    cancel = serializers.URLField()
    stream = serializers.URLField(help_text="Server-sent events; needs no token.")
    web = serializers.URLField(help_text="Its page.")


class PredictionRowSerializer(serializers.Serializer[Any]):
    """A prediction in a list. Amounts are integer micro-credits: 1,000,000 are one credit."""

    id = serializers.CharField()
    model = serializers.CharField(help_text="`owner/name`")
    version = serializers.CharField()
    deployment = serializers.CharField(
        allow_null=True, help_text="`owner/name`, where it was made through one."
    )
    token = serializers.IntegerField(allow_null=True, help_text="The id of the API token it was made with.")
    status = serializers.ChoiceField(STATUSES)
    input = serializers.JSONField()
    output = serializers.JSONField(help_text="Addresses of files, or text; null until there is some.")
    error = serializers.CharField(allow_null=True)
    logs = serializers.CharField()
    metrics = serializers.JSONField()
    data_removed = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    deadline = serializers.DateTimeField(allow_null=True)
    urls = UrlsSerializer()
    progress = serializers.FloatField(allow_null=True, help_text="0 to 1, as far as the model tells.")
    provider = serializers.CharField(
        allow_null=True, help_text="Who works on it or did: `embedded`, or a service; null while it waits."
    )
    ceiling = serializers.IntegerField(help_text="The most it can cost, quoted before it was made.")
    held = serializers.IntegerField(help_text="What of it is set aside now.")
    charged = serializers.IntegerField(allow_null=True, help_text="What it cost; null until it has ended.")
    released = serializers.IntegerField(allow_null=True, help_text="What was given back at its end.")

    def get_fields(self) -> dict[str, Any]:
        source = serializers.ChoiceField(_SOURCES, help_text="`web`: made on the pages.")
        return {**super().get_fields(), "source": source}


class QueueSerializer(serializers.Serializer[Any]):
    """The place of a prediction that waits."""

    position = serializers.IntegerField(help_text="1 is next.")
    estimated_seconds = serializers.FloatField(
        allow_null=True,
        help_text="Until it will probably have ended; null where nothing is known of its model.",
    )


class PreviewSerializer(serializers.Serializer[Any]):
    """The newest look at a picture in the making."""

    url = serializers.URLField(help_text="A small JPEG; needs no token.")
    number = serializers.IntegerField(help_text="Grows with each look.")


class PredictionSerializer(PredictionRowSerializer):
    """A prediction with everything that is known of it."""

    queue = QueueSerializer(allow_null=True, help_text="Only while it waits.")
    preview = PreviewSerializer(allow_null=True, help_text="Only while it runs and once there is one.")
    ledger = LedgerEntrySerializer(many=True, help_text="Its lines in the account's ledger, oldest first.")
    items = serializers.ListField(
        child=serializers.CharField(), help_text="Ids of the items it made, as in `/api/items/{id}`."
    )


def row_fields(prediction: Prediction, urls: AbsoluteUrls) -> dict[str, Any]:
    """Fields of a prediction in a list."""
    fields = prediction_json(prediction, urls)
    fields.pop("darkroom")
    is_ended = prediction.is_ended
    return fields | {
        "deployment": prediction.deployment or None,
        "token": prediction.token_id,
        "progress": prediction.progress,
        "provider": status_extras.provider(prediction),
        "ceiling": prediction.ceiling,
        "held": 0 if is_ended else prediction.ceiling,
        "charged": (prediction.charge or 0) if is_ended else None,
        "released": prediction.ceiling - (prediction.charge or 0) if is_ended else None,
    }


def detail_fields(prediction: Prediction, urls: AbsoluteUrls) -> dict[str, Any]:
    """Fields of a single prediction, with queue position, preview, ledger lines and items: some queries each."""
    lines = LedgerEntry.objects.filter(account_id=prediction.account_id, reference=prediction.public_id)
    return row_fields(prediction, urls) | {
        "queue": status_extras.queue(prediction),
        "preview": status_extras.preview(prediction, urls.own),
        "ledger": LedgerEntrySerializer(lines.order_by("id"), many=True).data,
        "items": status_extras.items(prediction),
    }


_AT = "https://darkroom.example"
ROW: dict[str, Any] = {
    "id": example_values.PREDICTION,
    "model": example_values.MODEL,
    "version": example_values.VERSION,
    "deployment": None,
    "token": 7,
    "source": "api",
    "status": "succeeded",
    "input": {"prompt": "a lighthouse in the fog", "num_outputs": 4},
    "output": [f"{_AT}/f/Xb2vQm8sRk1nYt5wLc7dZp0hGf3jUa9eKo6iVx4q/out-{number}.webp" for number in range(3)],
    "error": None,
    "logs": "Using seed: 48151\n",
    "metrics": {"predict_time": 6.402, "total_time": 6.692, "credits": 0.9},
    "data_removed": False,
    "created_at": examples.MOMENT,
    "started_at": "2026-11-20T12:00:04.802000Z",
    "completed_at": "2026-11-20T12:00:11.204000Z",
    "deadline": None,
    "urls": {
        "get": f"{_AT}/v1/predictions/{example_values.PREDICTION}",
        "cancel": f"{_AT}/v1/predictions/{example_values.PREDICTION}/cancel",
        "stream": f"{_AT}/v1/files/stream-kq0v5tS2Zl9n1xUu3mB8yQ7rJ4cE6aWdHfGiPoLkXs0",
        "web": f"{_AT}/p/{example_values.PREDICTION}/",
    },
    "progress": 1.0,
    "provider": "embedded",
    "ceiling": 1_200_000,
    "held": 0,
    "charged": 900_000,
    "released": 300_000,
}
WHOLE: dict[str, Any] = ROW | {
    "queue": None,
    "preview": None,
    "ledger": [HELD, SETTLED],
    "items": ["mQ4vT8xYk2Lr9sWc1nZb7A", "Hd3fJ6gPq0Ru5tVy8aXe2B", "Cw9kN1mSo4Lb7zQd3hGf6E"],
}
WAITING: dict[str, Any] = WHOLE | {
    "status": "starting",
    "output": None,
    "logs": "",
    "metrics": {},
    "started_at": None,
    "completed_at": None,
    "progress": None,
    "provider": None,
    "held": 1_200_000,
    "charged": None,
    "released": None,
    "queue": {"position": 3, "estimated_seconds": 19.2},
    "ledger": [HELD],
    "items": [],
}
