"""Streaming images response: server-sent events with previews of running jobs and each finished picture.

A disconnecting client ends only the stream: the paid work goes on, and its pictures will be in the library.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from django.http import StreamingHttpResponse

from predictions import queries
from predictions.api_dialects.common import image_errors, image_results
from predictions.api_dialects.openai.request_body import ImagesBody
from predictions.catalogue import output_size
from predictions.files import image_conversion
from predictions.models import Output, Prediction, Preview, Version
from predictions.pricing import calculator
from predictions.waiting import waiters
from predictions.waiting.held_response import in_thread

log = structlog.get_logger(__name__)

KEEP_ALIVE_S = 12.0
"""Seconds without an event after which a comment is sent."""
FIRST_PREVIEW_SHARE = 0.35
"""Share of its part of the work after which a preview is due."""
_FORMATS: dict[str, image_conversion.Format] = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}
_NO_USAGE = {
    "input_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
    "output_tokens": 0,
    "total_tokens": 0,
}
"""Clients require the key. Work here is not counted in tokens."""

Kind = Literal["image_generation", "image_edit"]


@dataclass(frozen=True)
class StreamOptions:
    """How the jobs of one request are streamed. Sizes in pixels; 0 x 0 where unknown beforehand."""

    kind: Kind
    partials: int
    """Previews of each picture at most."""
    count: int
    """Pictures that each job makes."""
    width: int
    height: int
    file_format: image_conversion.Format
    quality: str
    background: str


def stream_options(kind: Kind, body: ImagesBody, version: Version, inputs: dict[str, Any]) -> StreamOptions:
    """Stream options of a request; `inputs` is the input of its first job."""
    size = output_size.expected_size(inputs, version.properties)
    default = version.properties.get("output_format", {}).get("default", "png")
    return StreamOptions(
        kind=kind,
        partials=body.partials,
        count=max(1, calculator.requested_outputs(version, inputs)),
        width=size[0] if size else 0,
        height=size[1] if size else 0,
        file_format=_FORMATS.get(str(inputs.get("output_format", default)), "png"),
        quality=body.hints.get("quality", "auto"),
        background=body.hints.get("background", "auto"),
    )


def stream_response(held: image_results.ImagesRequest, options: StreamOptions) -> StreamingHttpResponse:
    """The response; it lasts until all jobs of the request have ended."""
    response = StreamingHttpResponse(_events(held, options), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    image_results.add_job_header(response, held)
    return response


async def _events(held: image_results.ImagesRequest, options: StreamOptions) -> AsyncIterator[bytes]:
    try:
        async for event in _all_events(held, options):
            yield event
    except waiters.Barred:
        yield _error(image_errors.still_under_way(held.public_ids))


async def _all_events(held: image_results.ImagesRequest, options: StreamOptions) -> AsyncIterator[bytes]:
    sent = 0
    for public_id in held.public_ids:
        async for event in _until_ended(public_id, options, held.token):
            yield event
        outputs = await in_thread(_outputs, public_id)
        if outputs is None:
            # No more requests may be held, because the process is about to stop: the work goes on.
            yield _error(image_errors.still_under_way(held.public_ids))
            return
        for output in outputs if held.most is None else outputs[: held.most - sent]:
            sent += 1
            yield await in_thread(_completed, output, options)
    if not sent:
        yield _error(await in_thread(image_results.no_picture_error, held))


async def _until_ended(public_id: str, options: StreamOptions, token: int | None) -> AsyncIterator[bytes]:
    """Previews of one job's pictures, and keep-alive comments, until it has ended or waiting is no longer possible."""
    prediction = await in_thread(queries.find, public_id)
    sent, number = 0, 0
    while prediction is not None and not prediction.is_ended:
        due = _due(prediction, options, sent)
        if due > sent:
            preview = await in_thread(_newest, prediction.pk, number)
            event = await _partial(preview, options, due) if preview is not None else b""
            if preview is not None and event:
                sent, number = due, preview.number
                yield event
        if not waiters.has_room():
            return
        prediction = await waiters.changed(public_id, prediction.revision, KEEP_ALIVE_S, token)
        if prediction is None:
            yield b": hb\n\n"
            prediction = await in_thread(queries.find, public_id)


def _due(prediction: Prediction, options: StreamOptions, sent: int) -> int:
    """How many previews should have been sent by now."""
    total = options.partials * options.count
    if prediction.progress is None:
        return min(total, sent + 1)
    return min(total, int(prediction.progress * total + 1 - FIRST_PREVIEW_SHARE))


def _newest(prediction_id: int, number: int) -> Preview | None:
    """The newest preview, unless its number is the given one."""
    return Preview.objects.filter(prediction_id=prediction_id).exclude(number=number).first()


async def _partial(preview: Preview, options: StreamOptions, due: int) -> bytes:
    """One preview scaled to the final size; empty where it is unavailable right now."""
    try:
        enlarged = await image_conversion.enlarge(
            bytes(preview.data), options.width, options.height, options.file_format
        )
    except image_conversion.TooBusy:
        return b""
    except image_conversion.Unusable as error:
        log.info("preview_unusable", prediction=preview.prediction_id, reason=str(error))
        return b""
    fields = {
        "b64_json": enlarged.data,
        "partial_image_index": (due - 1) % options.partials,
        "size": f"{enlarged.width}x{enlarged.height}",
        "output_format": options.file_format,
    }
    return _event(f"{options.kind}.partial_image", options, fields)


def _outputs(public_id: str) -> list[Output] | None:
    """Outputs of an ended job; None where it has not ended."""
    prediction = Prediction.objects.get(public_id=public_id)
    if not prediction.is_ended:
        return None
    return list(Output.objects.filter(prediction=prediction).select_related("file").order_by("index"))


def _completed(output: Output, options: StreamOptions) -> bytes:
    file = output.file
    fields = {
        "b64_json": image_results.base64_of(file).decode(),
        "size": f"{file.width}x{file.height}" if file.width and file.height else "auto",
        "output_format": file.content_type.removeprefix("image/"),
        "usage": _NO_USAGE,
    }
    return _event(f"{options.kind}.completed", options, fields)


def _event(name: str, options: StreamOptions, fields: dict[str, Any]) -> bytes:
    common = {"created_at": int(time.time()), "quality": options.quality, "background": options.background}
    return f"event: {name}\ndata: {json.dumps({'type': name, **common, **fields})}\n\n".encode()


def _error(error: image_errors.ImageError) -> bytes:
    return f"event: error\ndata: {json.dumps({'type': 'error', **error.body()})}\n\n".encode()
