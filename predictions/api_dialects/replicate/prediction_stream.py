"""Server-sent events of one prediction, at its capability URL.

Events are `logs` (the new text), `output` (one for each file, or the text), `error` and, always last, `done`. Their
ids are positions in the row's data, so that a client that connects late or again gets everything that it has not
seen. With `?previews=1` there are also `preview` events, the newest preview of an unfinished picture; only then,
since official clients raise on unknown event names.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from accounts.tokens.authentication import reachable_by_url
from core.db.prepared import Prepared
from predictions import queries
from predictions.api_dialects.replicate.absolute_urls import AbsoluteUrls, absolute_urls_for
from predictions.lifecycle import previews
from predictions.models import Prediction
from predictions.waiting import waiters
from predictions.waiting.held_response import in_thread

KEEP_ALIVE_S = 12.0
"""Seconds without an event after which a comment is sent."""
_BREAKS = re.compile(r"\r\n|[\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_ID = re.compile(r"(\d{1,9})-(\d{1,9})-(\d)")


@dataclass
class _Seen:
    """How far a client has read: characters of the log, outputs, and the number of its last preview."""

    logs: int = 0
    outputs: int = 0
    preview: int = 0

    @property
    def id(self) -> str:
        return f"{self.logs}-{self.outputs}"


def stream(request: HttpRequest, token: str) -> HttpResponseBase:
    """GET the stream: needs no token, replays from the start or after `Last-Event-ID`."""
    prediction = _read(token)
    if prediction is None:
        raise Http404
    match = _ID.fullmatch(request.headers.get("Last-Event-ID", ""))
    seen = _Seen(int(match.group(1)), int(match.group(2))) if match else _Seen()
    with_previews = request.GET.get("previews") == "1"
    response = StreamingHttpResponse(
        _events(prediction, seen, absolute_urls_for(request), with_previews), content_type="text/event-stream"
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    response["Access-Control-Allow-Origin"] = "*"
    return response


_BY_TOKEN = Prepared[Prediction](
    lambda token: queries.with_version(Prediction.objects.filter(reachable_by_url(), stream_token=token))[:1]
)


def _read(token: str) -> Prediction | None:
    return _BY_TOKEN.first(token=token)


async def _events(
    prediction: Prediction, seen: _Seen, urls: AbsoluteUrls, with_previews: bool = False
) -> AsyncIterator[bytes]:
    for event in _new_events(prediction, seen, urls):
        yield event
    if with_previews and not prediction.is_ended:
        for event in await in_thread(_preview_events, prediction, seen, urls):
            yield event
    ended, public_id, revision = prediction.is_ended, prediction.public_id, prediction.revision
    # A thousand streams may be waiting: none keeps its row in memory meanwhile.
    del prediction
    # Where no more may be held (full, or stopping), the client reconnects with its last id and misses
    # nothing.
    while not ended and waiters.has_room():
        present = await waiters.changed(public_id, revision, KEEP_ALIVE_S)
        if present is None:
            yield b": hb\n\n"
            continue
        for event in _new_events(present, seen, urls):
            yield event
        ended, revision = present.is_ended, present.revision
        if with_previews and not ended:
            for event in await in_thread(_preview_events, present, seen, urls):
                yield event
        del present


def _new_events(prediction: Prediction, seen: _Seen, urls: AbsoluteUrls) -> list[bytes]:
    events: list[bytes] = []
    if len(prediction.logs) > seen.logs:
        text, seen.logs = prediction.logs[seen.logs :], len(prediction.logs)
        events.append(_event("logs", text, f"{seen.id}-1"))
    for text in _outputs(prediction, urls)[seen.outputs :]:
        seen.outputs += 1
        events.append(_event("output", text, f"{seen.id}-2"))
    if prediction.is_ended:
        if prediction.shown_status == "failed":
            detail = json.dumps({"detail": prediction.error or "failed"}, ensure_ascii=False)
            events.append(_event("error", detail, f"{seen.id}-3"))
        reasons = {"failed": {"reason": "error"}, "canceled": {"reason": "canceled"}}
        events.append(_event("done", json.dumps(reasons.get(prediction.shown_status, {})), f"{seen.id}-4"))
    return events


def _preview_events(prediction: Prediction, seen: _Seen, urls: AbsoluteUrls) -> list[bytes]:
    """An event for the newest preview, if new to the client: its URL, which like this stream needs no token."""
    number = previews.number_of(prediction.pk)
    if number is None or number == seen.preview:
        return []
    seen.preview = number
    url = urls.own(previews.path_of(prediction, number, key=True))
    return [_event("preview", json.dumps({"url": url, "number": number}), f"{seen.id}-5")]


def _outputs(prediction: Prediction, urls: AbsoluteUrls) -> list[str]:
    output = prediction.output
    if output is None:
        return []
    parts = output if isinstance(output, list) else [output]
    texts = [part if isinstance(part, str) else json.dumps(part) for part in parts]
    return [urls.own(text) for text in texts] if prediction.version.gives_files else texts


def _event(name: str, data: str, identity: str) -> bytes:
    # Clients split lines at more characters than the standard says: each becomes a line of its own.
    lines = "".join(f"data: {line}\n" for line in _BREAKS.split(data))
    return f"event: {name}\nid: {identity}\n{lines}\n".encode()
