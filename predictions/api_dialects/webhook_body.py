"""The bodies of webhooks: Replicate's prediction object, whichever dialect the prediction was asked for in."""

from __future__ import annotations

import json
import re
import secrets
from datetime import timedelta
from typing import Any

from django.templatetags.static import static
from django.utils import timezone

from predictions.api_dialects.replicate.absolute_urls import AbsoluteUrls
from predictions.api_dialects.replicate.serializers import prediction_json, time
from predictions.models import Prediction
from predictions.models.prediction import new_public_id

INLINE_AT_MOST = 64 * 1024
"""Characters of a data URI in the input that a body still carries."""

_DATA_URI = re.compile(r"data:([\w.+/-]{0,100})", re.ASCII)


def render(prediction: Prediction) -> str:
    """The prediction object as GET would give it now, as text.

    Outputs are addresses there as here. Large data URIs of the input are left out: many receivers refuse bodies of
    more than a megabyte or so, and the caller has these bytes.
    """
    urls = AbsoluteUrls(prediction.origin, prediction.mount or "/v1")
    shown = prediction_json(prediction, urls)
    shown["input"] = _without_data(shown["input"])
    return json.dumps(shown, ensure_ascii=False)


def _without_data(value: Any) -> Any:
    if isinstance(value, str) and len(value) > INLINE_AT_MOST:
        found = _DATA_URI.match(value)
        return f"{found.group()} ({len(value)} characters left out)" if found else value
    if isinstance(value, dict):
        return {key: _without_data(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_data(inner) for inner in value]
    return value


def example(event: str, origin: str) -> str:
    """The body of a test event. `origin` is this server's, `https://host`."""
    return json.dumps(example_json(event, origin), ensure_ascii=False)


def example_json(event: str, origin: str) -> dict[str, Any]:
    """A made-up prediction of the shape that `event` has, marked as such by `darkroom.test`.

    Written out, not rendered from a row: predictions are created together with their hold, and nowhere else.
    """
    now, urls, public_id = timezone.now(), AbsoluteUrls(origin, "/v1"), "test" + new_public_id()[4:]
    ended = event == "completed"
    get = urls.of(f"/predictions/{public_id}")
    return {
        "id": public_id,
        "model": "darkroom/test-event",
        "version": "0" * 64,
        "input": {"prompt": "A test event of Darkroom: nothing was made and nothing is charged"},
        "logs": "" if event == "start" else "Using seed: 7\n",
        # A URL that can be fetched, like those of real outputs.
        "output": [urls.own(static("icons/mark.svg"))] if event in {"output", "completed"} else None,
        "data_removed": False,
        "error": None,
        "status": "succeeded" if ended else "processing",
        "source": "api",
        "created_at": time(now - timedelta(seconds=2)),
        "started_at": time(now - timedelta(seconds=1.5)),
        "completed_at": time(now) if ended else None,
        "deadline": None,
        "metrics": {"predict_time": 1.5, "total_time": 2.0, "credits": 0.0} if ended else {},
        "urls": {
            "cancel": f"{get}/cancel",
            "get": get,
            "stream": urls.own(f"/v1/files/stream-{secrets.token_urlsafe()}"),
            "web": urls.own(f"/p/{public_id}/"),
        },
        "darkroom": {
            "ceiling": 0,
            "charged": 0 if ended else None,
            "progress": 1.0 if ended else None,
            "provider": None,
            "notice": None,
            "test": True,
        },
    }
