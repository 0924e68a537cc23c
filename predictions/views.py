"""Output files, and looks at pictures that are still being made, at their own addresses.

Files are for clients with a token, without one, and with one they do not need; looks are for their owner and for who
follows them.
"""

from __future__ import annotations

import hmac

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase

from accounts.tokens import token_scopes
from accounts.tokens.authentication import AccountBarred, authenticate, handed_out
from core.db.prepared import Prepared
from predictions.api_dialects.replicate.view_wrappers import public
from predictions.files import media
from predictions.lifecycle.previews import KEY
from predictions.models import Output, Prediction, Preview

MAX_AGE_S = 3600
_BY_TOKEN = Prepared[Output](
    lambda token, name: (
        Output.objects.select_related("file", "prediction")
        .only("file", "name", "token", "withheld", "prediction__account_id")
        .filter(handed_out("prediction__"), token=token, name=name)[:1]
    ),
    token=str,
    name=str,
)


@public
def output_file(request: HttpRequest, token: str, name: str) -> HttpResponseBase:
    """GET /f/{token}/{name}: the bytes, never a redirect. Gone at once when the item is deleted or hidden."""
    output = _BY_TOKEN.first(token=token, name=name)
    if output is None or (output.withheld and not is_owner(request, output.prediction.account_id)):
        raise Http404
    # What can be withheld or deleted must be asked for again; the ETag makes the second answer a small one.
    answer: HttpResponse = media.send(
        request, output.file, filename=output.name, revalidate=output.withheld, max_age=MAX_AGE_S
    )
    return answer


def is_owner(request: HttpRequest, account_id: int) -> bool:
    """Whether the token that came with the request, or else the session, is this account's."""
    try:
        token = authenticate(request)
        token_scopes.require(token, token_scopes.READ)
    except (AccountBarred, token_scopes.NotPermitted):
        token = None
    if token is not None:
        return token.account_id == account_id
    user = getattr(request, "user", None)
    return bool(user and user.is_authenticated and user.account_id == account_id)


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
