"""The stream of what changes, and the same for browsers that cannot have one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from accounts.auth.member_pages import account_of, user_of
from accounts.organizations import visible_funds
from gallery.live import event_stream, poller

LONGEST_CURSOR = 40


@require_GET
def events(request: HttpRequest) -> HttpResponseBase:
    """GET /live/: the stream of the signed-in member's account. With `?after=` the same as one short JSON answer."""
    if not request.user.is_authenticated or not request.session.session_key:
        # No page to be shown: what asks here is a script, and it has to stop.
        return HttpResponse(status=401)
    account, user = account_of(request).pk, user_of(request)
    money = visible_funds.sees_money(user, account_of(request))
    if "after" in request.GET:
        return _asked(account, request.GET["after"][:LONGEST_CURSOR], money)
    if not hasattr(request, "scope"):
        # Under WSGI a stream would keep a thread for as long as it is open: the page asks instead.
        return HttpResponse(status=204)
    if not poller.reader().has_room(account):
        return HttpResponse(status=429, headers={"Retry-After": "30"})
    # Pages make a new connection themselves, at their own pace, and browsers let them send no header with it.
    cursor = (request.headers.get("Last-Event-ID") or request.GET.get("last", ""))[:LONGEST_CURSOR]
    told = event_stream.events(
        account,
        user.pk,
        request.session.session_key,
        user.get_session_auth_hash(),
        cursor,
        get_language() or "en",
        money=money,
    )
    response = StreamingHttpResponse(told, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _asked(account: int, cursor: str, money: bool) -> HttpResponse:
    reader = poller.reader()
    channel = reader.visit(account)
    if channel is None:
        return HttpResponse(status=429, headers={"Retry-After": "30"})
    with reader.reading():
        number, parts = event_stream.begin(channel, cursor, get_language() or "en", money=money)
        answer: dict[str, Any] = {"cursor": f"{channel.boot}-{number}", "events": parts}
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})
