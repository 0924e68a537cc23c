"""The images response, `{"created": …, "data": [{"url": …}]}`, held until all jobs of a request have ended."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import Literal

from django.http import HttpResponse
from django.http.response import HttpResponseBase

from core.http.public_origin import origin_of
from predictions import lifecycle
from predictions.api_dialects.common import image_errors
from predictions.api_dialects.common.endpoint import TokenRequest
from predictions.api_dialects.common.request_headers import client_timeout
from predictions.files import media
from predictions.models import Output, Prediction, StoredFile, Version
from predictions.waiting import waiters
from predictions.waiting.held_response import HeldResponse, in_thread

LIMIT_S = 580.0
"""Seconds that a response is held at most; the official clients wait 600."""
GRACE_S = 5.0
"""Seconds to wait after a cancel: a picture that was already finished is still being stored."""
MOST_BYTES = 64 * 1024 * 1024
"""Bytes of pictures inlined in one response; the rest is sent as URLs, since it is made and paid for."""
_CHUNK = 3 * 64 * 1024

ImageForm = Literal["url", "b64_json"]


@dataclass(frozen=True)
class ImagesRequest:
    """The jobs of one held request, and how their pictures are returned."""

    public_ids: list[str]
    origin: str
    seconds: float
    form: ImageForm = "url"
    most: int | None = None
    """Pictures asked for; None where the jobs themselves determine it."""
    replayed: bool = False
    token: int | None = None
    """Primary key of the caller's API token: once it is revoked or barred, nothing more is returned."""


def require_waiter_slot() -> None:
    """Raises ImageError 429 where no more requests can be held.

    Call it before anything is accepted: this answer cannot be given later.
    """
    if not waiters.has_room():
        raise image_errors.too_many_held()


def require_file_output(version: Version, param: str = "model") -> None:
    """Raises ImageError 400 for a model without file outputs."""
    if not version.gives_files:
        raise image_errors.invalid(f"{version.model.ref} makes no pictures.", param)


def images_request(
    request: TokenRequest, predictions: list[Prediction], *, form: ImageForm = "url", most: int | None = None
) -> ImagesRequest:
    """The held request of this caller; it lasts until shortly before the client's own timeout, 580 s at most."""
    return ImagesRequest(
        public_ids=[prediction.public_id for prediction in predictions],
        origin=origin_of(request),
        seconds=min(LIMIT_S, client_timeout(request) or LIMIT_S),
        form=form,
        most=most,
        replayed=any(prediction.was_replayed for prediction in predictions),
        token=request.api_token.pk,
    )


def held_images(held: ImagesRequest) -> HeldResponse:
    """The response, held until the jobs have ended.

    A disconnecting client ends only the waiting: the paid work goes on.
    """
    first = image_errors.still_under_way(held.public_ids).response()

    async def until() -> HttpResponse:
        response_ = await _until(held)
        for name in image_errors.NO_RETRY:
            # Meant for the first response alone, whose headers the server also puts on the later one.
            del response[name]
        return response_

    response = HeldResponse(first.content, until=until, status=first.status_code)
    response.headers = first.headers
    # Django must not log it as an error: it is rarely sent, and the holding server then logs it itself.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


async def _until(held: ImagesRequest) -> HttpResponse:
    loop = asyncio.get_running_loop()
    end = loop.time() + held.seconds
    try:
        return await _in_time(held, end)
    except waiters.Barred:
        # The work goes on, or was ended by whoever barred them.
        return image_errors.still_under_way(held.public_ids).response()


async def _in_time(held: ImagesRequest, end: float) -> HttpResponse:
    loop = asyncio.get_running_loop()
    if await _all_ended(held, end):
        return await in_thread(_answer, held, None)
    late = loop.time() >= end
    await in_thread(_cancel, held.public_ids)
    await _all_ended(held, loop.time() + min(GRACE_S, held.seconds))
    return await in_thread(_answer, held, image_errors.timed_out() if late else image_errors.interrupted())


async def _all_ended(held: ImagesRequest, end: float) -> bool:
    """Whether all ended before `end`, a loop time. Waits for one job at a time, however many there are."""
    loop = asyncio.get_running_loop()
    for public_id in held.public_ids:
        if not await waiters.until_ended(public_id, max(0.001, end - loop.time()), held.token):
            return False
    return True


def _cancel(public_ids: list[str]) -> None:
    for public_id in public_ids:
        lifecycle.cancel(public_id)


def _answer(held: ImagesRequest, cut_short: image_errors.ImageError | None) -> HttpResponse:
    """The pictures, if there is any; otherwise why there is none. `cut_short`: why the waiting ended early."""
    rows = list(Prediction.objects.filter(public_id__in=held.public_ids).order_by("pk"))
    try:
        response = _pictures(held, rows, cut_short)
    except image_errors.ImageError as error:
        response = error.response()
    add_job_header(response, held)
    return response


def add_job_header(response: HttpResponseBase, held: ImagesRequest) -> None:
    """Add the jobs' ids in a header; OpenAI's body has no place for them.

    They identify the jobs in the library and in the other dialect.
    """
    response["X-Darkroom-Predictions"] = ", ".join(held.public_ids)
    if held.replayed:
        response["Idempotent-Replayed"] = "true"


def no_picture_error(held: ImagesRequest) -> image_errors.ImageError:
    """The error for jobs that have all ended without a picture."""
    return _failure(list(Prediction.objects.filter(public_id__in=held.public_ids).order_by("pk")))


def _pictures(
    held: ImagesRequest, rows: list[Prediction], cut_short: image_errors.ImageError | None
) -> HttpResponse:
    outputs = list(
        Output.objects.filter(prediction__in=[row for row in rows if row.status == "succeeded"])
        .select_related("file")
        .order_by("prediction_id", "index")[: held.most]
    )
    if outputs:
        return _rendered(held, int(rows[0].created_at.timestamp()), outputs)
    if any(not row.is_ended for row in rows):
        raise image_errors.still_under_way(held.public_ids)
    if cut_short is not None and not any(row.shown_status == "failed" for row in rows):
        raise cut_short
    raise _failure(rows)


def _failure(rows: list[Prediction]) -> image_errors.ImageError:
    failed = next((row for row in rows if row.shown_status == "failed"), None)
    if failed is not None:
        # Outputs that our own filters dropped: another run with the same prompt might pass.
        code = "moderation_blocked" if failed.filtered else "generation_failed"
        return image_errors.generation_failed(lifecycle.free(failed.error or "The job failed."), code)
    canceled = any(row.shown_status == "canceled" for row in rows)
    text = "The job was canceled." if canceled else "No picture was made."
    return image_errors.generation_failed(
        lifecycle.free(next((row.error for row in rows if row.error), text))
    )


def _rendered(held: ImagesRequest, created: int, outputs: list[Output]) -> HttpResponse:
    """The response as bytes: inlined pictures are not copied and escaped by a JSON encoder."""
    parts: list[bytes] = []
    left = MOST_BYTES
    for output in outputs:
        left -= output.file.size
        if held.form == "b64_json" and left >= 0:
            parts.append(b'{"b64_json": "' + base64_of(output.file) + b'"}')
        else:
            url = held.origin + media.output_path(output.token, output.name)
            parts.append(json.dumps({"url": url}).encode())
    body = b'{"created": %d, "data": [%s]}' % (created, b", ".join(parts))
    return HttpResponse(body, content_type="application/json")


def base64_of(file: StoredFile) -> bytes:
    """A stored file as Base64."""
    with media.open_file(file) as opened:
        return b"".join(base64.b64encode(chunk) for chunk in iter(lambda: opened.read(_CHUNK), b""))
