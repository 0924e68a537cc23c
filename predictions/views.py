"""Output files at their own addresses: for clients with a token, without one, and with one they do not need."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from accounts import permits
from accounts.authentication import AccountBarred, authenticate, handed_out
from accounts.prepared import Prepared
from predictions.dialects.replicate.endpoint import public
from predictions.files import media
from predictions.models import Output

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
        permits.require(token, permits.READ)
    except (AccountBarred, permits.NotPermitted):
        token = None
    if token is not None:
        return token.account_id == account_id
    user = getattr(request, "user", None)
    return bool(user and user.is_authenticated and user.account_id == account_id)
