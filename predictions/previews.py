"""Looks at pictures that are still being made, at addresses of their own: for their owner, and for who follows them."""

from __future__ import annotations

import hmac

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.http import urlencode

from predictions.dialects.replicate.endpoint import public
from predictions.models import Prediction, Preview
from predictions.views import is_owner

KEY = "key"
"""The parameter that carries the prediction's stream token, for clients that have nothing else."""


def number_of(prediction_id: int) -> int | None:
    """The number of the newest look, which grows; None where there is none (not yet, or not any more)."""
    return Preview.objects.filter(prediction_id=prediction_id).values_list("number", flat=True).first()


def numbers_of(prediction_ids: list[int]) -> dict[int, int]:
    """The same for several, by prediction."""
    rows = (
        Preview.objects.filter(prediction_id__in=prediction_ids) if prediction_ids else Preview.objects.none()
    )
    return dict(rows.values_list("prediction_id", "number"))


def path_of(prediction: Prediction, number: int, *, key: bool = False) -> str:
    """The address of a look, without the origin. `key`: one that opens without a session or token."""
    given: dict[str, str | int] = {"n": number}
    if key:
        given[KEY] = prediction.stream_token
    return f"/p/{prediction.public_id}/preview?{urlencode(given)}"


@public
def preview(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /p/{id}/preview: the newest look as a JPEG. To its owner by session or token, or with the stream's token.

    204 where there is none, since it has ended or begins anew: whoever was told of the last one may ask a moment late.
    """
    whose = Prediction.objects.only("public_id", "account_id", "stream_token")
    prediction = whose.filter(public_id=public_id).first()
    if prediction is None or not _may_see(request, prediction):
        raise Http404
    answer = _newest(request, prediction)
    answer["Cache-Control"] = "no-store"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Content-Disposition"] = 'inline; filename="preview.jpg"'
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def _newest(request: HttpRequest, prediction: Prediction) -> HttpResponse:
    row = Preview.objects.filter(prediction=prediction).first()
    if row is None:
        return HttpResponse(status=204)
    etag = f'"{prediction.public_id}-{row.number}"'
    known = [part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")]
    answer: HttpResponse = HttpResponseNotModified()
    if etag not in known:
        answer = HttpResponse(bytes(row.data), content_type=row.content_type)
    answer["ETag"] = etag
    return answer


def _may_see(request: HttpRequest, prediction: Prediction) -> bool:
    given = request.GET.get(KEY, "")
    if given and hmac.compare_digest(given.encode("utf-8", "replace"), prediction.stream_token.encode()):
        return True
    return is_owner(request, prediction.account_id)
