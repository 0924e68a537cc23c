"""The images answer, `{"created": …, "data": [{"url": …}]}`: held until all jobs of a request have ended."""

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
"""The official clients wait 600 s."""
GRACE_S = 5.0
"""After a cancel: a picture that was finished already is still being stored, and comes within this."""
MOST_BYTES = 64 * 1024 * 1024
"""Of pictures sent inside one answer; those beyond are sent as addresses, since they are made and paid for."""
_CHUNK = 3 * 64 * 1024

Form = Literal["url", "b64_json"]


@dataclass(frozen=True)
class ImagesRequest:
    """What a caller waits for: the jobs of one request, and how their pictures are to be shown."""

    public_ids: list[str]
    origin: str
    seconds: float
    form: Form = "url"
    most: int | None = None
    """Pictures asked for; None where the jobs themselves say how many."""
    replayed: bool = False
    token: int | None = None
    """The API token of who asks, by its primary key: once it opens nothing any more nobody is shown anything."""


def refuse_where_full() -> None:
    """Raises ImageError 429 where no more may be held. Before anything is accepted: these answers cannot come later."""
    if not waiters.has_room():
        raise image_errors.too_many_held()


def refuse_without_pictures(version: Version, param: str = "model") -> None:
    """Raises ImageError 400 for a model whose output is no file."""
    if not version.gives_files:
        raise image_errors.invalid(f"{version.model.ref} makes no pictures.", param)


def images_request(
    request: TokenRequest, predictions: list[Prediction], *, form: Form = "url", most: int | None = None
) -> ImagesRequest:
    """What this caller waits for, and how long: until shortly before its own time-out, 580 s at most."""
    return ImagesRequest(
        public_ids=[prediction.public_id for prediction in predictions],
        origin=origin_of(request),
        seconds=min(LIMIT_S, client_timeout(request) or LIMIT_S),
        form=form,
        most=most,
        replayed=any(prediction.was_replayed for prediction in predictions),
        token=request.api_token.pk,
    )


def held_images(wish: ImagesRequest) -> HeldResponse:
    """The answer, once the jobs have ended. A client that leaves ends the waiting only: the paid work goes on."""
    first = image_errors.still_under_way(wish.public_ids).response()

    async def until() -> HttpResponse:
        later = await _until(wish)
        for name in image_errors.NO_RETRY:
            # Meant for the first answer alone; the server puts on the later one what the first one has.
            del response[name]
        return later

    response = HeldResponse(first.content, until=until, status=first.status_code)
    response.headers = first.headers
    # An error in the log only if it is ever sent, which the server that holds it then tells itself.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


async def _until(wish: ImagesRequest) -> HttpResponse:
    loop = asyncio.get_running_loop()
    end = loop.time() + wish.seconds
    try:
        return await _in_time(wish, end)
    except waiters.Barred:
        # The work goes on, or whoever barred them has ended it.
        return image_errors.still_under_way(wish.public_ids).response()


async def _in_time(wish: ImagesRequest, end: float) -> HttpResponse:
    loop = asyncio.get_running_loop()
    if await _all_ended(wish, end):
        return await in_thread(_answer, wish, None)
    late = loop.time() >= end
    await in_thread(_cancel, wish.public_ids)
    await _all_ended(wish, loop.time() + min(GRACE_S, wish.seconds))
    return await in_thread(_answer, wish, image_errors.timed_out() if late else image_errors.interrupted())


async def _all_ended(wish: ImagesRequest, end: float) -> bool:
    """Whether all ended before `end`, a time of the loop. One waiter at a time, however many jobs there are."""
    loop = asyncio.get_running_loop()
    for public_id in wish.public_ids:
        if not await waiters.until_ended(public_id, max(0.001, end - loop.time()), wish.token):
            return False
    return True


def _cancel(public_ids: list[str]) -> None:
    for public_id in public_ids:
        lifecycle.cancel(public_id)


def _answer(wish: ImagesRequest, cut: image_errors.ImageError | None) -> HttpResponse:
    """The pictures, as soon as there is one; otherwise why there is none. `cut`: why the waiting ended too early."""
    rows = list(Prediction.objects.filter(public_id__in=wish.public_ids).order_by("pk"))
    try:
        response = _pictures(wish, rows, cut)
    except image_errors.ImageError as error:
        response = error.response()
    name_jobs(response, wish)
    return response


def name_jobs(response: HttpResponseBase, wish: ImagesRequest) -> None:
    """Tell the jobs' ids, to find them in the library or through the other dialect; OpenAI's answers have no place."""
    response["X-Darkroom-Predictions"] = ", ".join(wish.public_ids)
    if wish.replayed:
        response["Idempotent-Replayed"] = "true"


def why_none(wish: ImagesRequest) -> image_errors.ImageError:
    """Why jobs that have all ended made no picture."""
    return _failure(list(Prediction.objects.filter(public_id__in=wish.public_ids).order_by("pk")))


def _pictures(
    wish: ImagesRequest, rows: list[Prediction], cut: image_errors.ImageError | None
) -> HttpResponse:
    outputs = list(
        Output.objects.filter(prediction__in=[row for row in rows if row.status == "succeeded"])
        .select_related("file")
        .order_by("prediction_id", "index")[: wish.most]
    )
    if outputs:
        return _shown(wish, int(rows[0].created_at.timestamp()), outputs)
    if any(not row.is_ended for row in rows):
        raise image_errors.still_under_way(wish.public_ids)
    if cut is not None and not any(row.shown_status == "failed" for row in rows):
        raise cut
    raise _failure(rows)


def _failure(rows: list[Prediction]) -> image_errors.ImageError:
    failed = next((row for row in rows if row.shown_status == "failed"), None)
    if failed is not None:
        # What the house itself held back is no fault that the same words might not meet again.
        code = "moderation_blocked" if failed.filtered else "generation_failed"
        return image_errors.generation_failed(lifecycle.free(failed.error or "The job failed."), code)
    canceled = any(row.shown_status == "canceled" for row in rows)
    text = "The job was canceled." if canceled else "No picture was made."
    return image_errors.generation_failed(
        lifecycle.free(next((row.error for row in rows if row.error), text))
    )


def _shown(wish: ImagesRequest, created: int, outputs: list[Output]) -> HttpResponse:
    """The answer as bytes: pictures inside it are written once, not escaped and copied by a JSON encoder."""
    parts: list[bytes] = []
    left = MOST_BYTES
    for output in outputs:
        left -= output.file.size
        if wish.form == "b64_json" and left >= 0:
            parts.append(b'{"b64_json": "' + base64_of(output.file) + b'"}')
        else:
            url = wish.origin + media.output_path(output.token, output.name)
            parts.append(json.dumps({"url": url}).encode())
    body = b'{"created": %d, "data": [%s]}' % (created, b", ".join(parts))
    return HttpResponse(body, content_type="application/json")


def base64_of(file: StoredFile) -> bytes:
    """A stored file as Base64."""
    with media.opened(file) as opened:
        return b"".join(base64.b64encode(chunk) for chunk in iter(lambda: opened.read(_CHUNK), b""))
