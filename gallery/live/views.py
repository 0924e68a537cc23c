"""GET /live/: live updates as server-sent events, or as JSON for browsers that can't stream."""

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
    """The event stream of the signed-in member's account; with `?after=` the same as one short JSON answer."""
    if not request.user.is_authenticated or not request.session.session_key:
        # Called by a script, not navigated to: 401 makes it stop.
        return HttpResponse(status=401)
    account, user = account_of(request).pk, user_of(request)
    money = visible_funds.sees_money(user, account_of(request))
    if "after" in request.GET:
        return _polled(account, request.GET["after"][:LONGEST_CURSOR], money)
    if not hasattr(request, "scope"):
        # Under WSGI a stream would hold a thread while it is open: the page polls instead.
        return HttpResponse(status=204)
    if not poller.reader().has_capacity(account):
        return HttpResponse(status=429, headers={"Retry-After": "30"})
    # Pages open new connections themselves, at their own pace, where browsers can't send the header.
    cursor = (request.headers.get("Last-Event-ID") or request.GET.get("last", ""))[:LONGEST_CURSOR]
    stream = event_stream.events(
        account,
        user.pk,
        request.session.session_key,
        user.get_session_auth_hash(),
        cursor,
        get_language() or "en",
        money=money,
    )
    response = StreamingHttpResponse(stream, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _polled(account: int, cursor: str, money: bool) -> HttpResponse:
    reader = poller.reader()
    channel = reader.visit(account)
    if channel is None:
        return HttpResponse(status=429, headers={"Retry-After": "30"})
    with reader.reading():
        number, parts = event_stream.opening_events(channel, cursor, get_language() or "en", money=money)
        answer: dict[str, Any] = {"cursor": f"{channel.boot}-{number}", "events": parts}
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})
