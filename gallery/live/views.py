"""The stream of what changes, and the same for browsers that cannot have one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_POST

from accounts.organizations import purse
from gallery.live import streams, watching
from gallery.pages import account_of, member, page, user_of
from gallery.studio import sheet

LONGEST_CURSOR = 40
MOST_HAD = 100
"""Strips that a page may say it has."""
MOST_AGAIN = 24


@require_GET
def events(request: HttpRequest) -> HttpResponseBase:
    """GET /live/: the stream of the signed-in member's account. With `?after=` the same as one short JSON answer."""
    if not request.user.is_authenticated or not request.session.session_key:
        # No page to be shown: what asks here is a script, and it has to stop.
        return HttpResponse(status=401)
    account, user = account_of(request).pk, user_of(request)
    money = purse.sees_money(user, account_of(request))
    if "after" in request.GET:
        return _asked(account, request.GET["after"][:LONGEST_CURSOR], money)
    if not hasattr(request, "scope"):
        # Under WSGI a stream would keep a thread for as long as it is open: the page asks instead.
        return HttpResponse(status=204)
    if not watching.reader().has_room(account):
        return HttpResponse(status=429, headers={"Retry-After": "30"})
    # Pages make a new connection themselves, at their own pace, and browsers let them send no header with it.
    cursor = (request.headers.get("Last-Event-ID") or request.GET.get("last", ""))[:LONGEST_CURSOR]
    told = streams.events(
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
    reader = watching.reader()
    channel = reader.visit(account)
    if channel is None:
        return HttpResponse(status=429, headers={"Retry-After": "30"})
    with reader.reading():
        number, parts = streams.begin(channel, cursor, get_language() or "en", money=money)
        answer: dict[str, Any] = {"cursor": f"{channel.boot}-{number}", "events": parts}
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


@require_POST
@member
def strips(request: HttpRequest) -> HttpResponse:
    """POST /live/strips/: of the newest strips those that the page lacks, and what it wants to see again.

    `have` names the elements that it has, `again` the predictions whose strips or parts have changed.
    """
    have = {one[:80] for one in request.POST.getlist("have")[:MOST_HAD]}
    again = [one[:26] for one in request.POST.getlist("again")[:MOST_AGAIN]]
    account, user = account_of(request), user_of(request)
    found = [strip for strip in sheet.recent(account, user) if f"batch-{strip.key}" not in have]
    found += sheet.some(account, again, user=user) if again else []
    return page(request, "studio/_arrived.html", {"batches": found}, status=200 if found else 204)
