"""Views that serve output files and previews of unfinished images at their own URLs.

An output file needs no token, but a withheld one is served to its owner only. A preview needs its owner's session or
token, or the stream's token.
"""

from __future__ import annotations

import hmac

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase

from accounts.tokens import token_scopes
from accounts.tokens.authentication import AccountBlocked, authenticate, reachable_by_url
from core.db.prepared import Prepared
from predictions.api_dialects.replicate.view_wrappers import public
from predictions.files import file_responses
from predictions.lifecycle.previews import KEY
from predictions.models import Output, Prediction, Preview

MAX_AGE_S = 3600
_BY_TOKEN = Prepared[Output](
    lambda token, name: (
        Output.objects.select_related("file", "prediction")
        .only("file", "name", "token", "withheld", "prediction__account_id")
        .filter(reachable_by_url("prediction__"), token=token, name=name)[:1]
    )
)


@public
def output_file(request: HttpRequest, token: str, name: str) -> HttpResponseBase:
    """GET /f/{token}/{name}: the bytes, never a redirect. 404 once the item is deleted or hidden from the caller."""
    output = _BY_TOKEN.first(token=token, name=name)
    if output is None or (output.withheld and not is_owner(request, output.prediction.account_id)):
        raise Http404
    # Clients must revalidate what can be withheld or deleted later; the ETag keeps that answer small.
    answer: HttpResponse = file_responses.send(
        request, output.file, filename=output.name, revalidate=output.withheld, max_age=MAX_AGE_S
    )
    return answer


def is_owner(request: HttpRequest, account_id: int) -> bool:
    """Whether the request's API token, or else its session, belongs to this account."""
    try:
        token = authenticate(request)
        token_scopes.require(token, token_scopes.READ)
    except (AccountBlocked, token_scopes.NotPermitted):
        token = None
    if token is not None:
        return token.account_id == account_id
    user = getattr(request, "user", None)
    return bool(user and user.is_authenticated and user.account_id == account_id)


@public
def preview(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /p/{id}/preview: the newest preview as a JPEG, for the owner or with the stream's token.

    The owner is known by session or API token. 204 while there is none, because the prediction ended or began again:
    a client that was notified of the last preview may request it a moment too late.
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
    stream_token = request.GET.get(KEY, "")
    if stream_token and hmac.compare_digest(
        stream_token.encode("utf-8", "replace"), prediction.stream_token.encode()
    ):
        return True
    return is_owner(request, prediction.account_id)
