"""The inbox: under the bell, as a page, and what of it comes by mail."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.auth.member_pages import member_required, user_of
from accounts.models import Notice, User
from accounts.notifications import mail_preferences, notice_text
from core import pagination
from core.clock import Now
from core.http.pages import page

PAGE = 50
PEEK = 8
MOST_COUNTED = 99


def unread(user: User) -> int:
    """How many notices somebody has not read; counted up to a hundred."""
    # A few keys of a small index, not a count: lists are allowed none.
    rows = Notice.objects.filter(user=user, read_at__isnull=True).order_by().values_list("pk", flat=True)
    return len(rows[: MOST_COUNTED + 1])


@require_GET
@member_required
def inbox(request: HttpRequest) -> HttpResponse:
    """GET /account/notices/: everything, by day; `?before=` goes on."""
    user = user_of(request)
    try:
        found = pagination.page(Notice.objects.filter(user=user), request.GET.get("before", "")[:40], PAGE)
    except pagination.BadCursor:
        raise Http404 from None
    return page(
        request,
        "notifications/inbox.html",
        {"days": _by_day(found.rows), "next": found.next, "unread": unread(user)},
    )


@require_GET
@member_required
def peek(request: HttpRequest) -> HttpResponse:
    """GET /account/notices/peek/: the newest few, for the popover under the bell."""
    user = user_of(request)
    newest = list(Notice.objects.filter(user=user)[:PEEK])
    return page(
        request,
        "notifications/_dropdown.html",
        {"lines": [_line(one) for one in newest], "unread": unread(user)},
    )


@require_GET
def count(request: HttpRequest) -> JsonResponse:
    """GET /account/notices/count/: how many are unread, for a page that comes back to the front."""
    number = unread(request.user) if isinstance(request.user, User) else 0
    return JsonResponse({"unread": number}, headers={"Cache-Control": "no-store"})


@require_POST
@member_required
def follow(request: HttpRequest, number: int) -> HttpResponse:
    """POST /account/notices/NUMBER/: it is read; goes where it leads."""
    found = Notice.objects.filter(user=user_of(request), pk=number).first()
    if found is None:
        raise Http404
    _mark(user_of(request), found.pk)
    # Only paths of ours are ever stored; asked again here, since a redirect is worth more to a stranger than a row.
    leads = found.link.startswith("/") and not found.link.startswith(("//", "/\\"))
    return HttpResponseRedirect(found.link) if leads else redirect("notices")


@require_POST
@member_required
def read_all(request: HttpRequest) -> HttpResponse:
    """POST /account/notices/read/: all of them are read."""
    _mark(user_of(request))
    return redirect("notices")


@require_http_methods(["GET", "POST"])
@member_required
def choose(request: HttpRequest) -> HttpResponse:
    """/account/notices/choices/: which kinds come by mail."""
    user = user_of(request)
    if request.method == "POST":
        mail_preferences.choose(user, request.POST.getlist("mail")[:200])
        messages.success(request, _("Kept."))
        return redirect("notices_choices")
    return page(
        request, "notifications/mail_preferences.html", {"choices": mail_preferences.mails_wanted(user)}
    )


@csrf_exempt
@require_http_methods(["GET", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """/account/notices/stop/TOKEN/: the link in a mail. A POST ends those mails, as mail programs send it (RFC 8058).

    A GET only asks: programs follow links by themselves to look for harm.
    """
    found = mail_preferences.read_stop_token(token)
    if found is None:
        raise Http404
    stopped = request.method == "POST" and mail_preferences.stop(*found)
    return page(
        request,
        "notifications/unsubscribe.html",
        {"stopped": stopped, "kind": mail_preferences.title(found[1])},
    )


def _mark(user: User, number: int | None = None) -> None:
    rows = Notice.objects.filter(user=user, read_at__isnull=True)
    (rows if number is None else rows.filter(pk=number)).update(read_at=Now())


def _line(notice: Notice) -> dict[str, Any]:
    return {"notice": notice, "words": notice_text.for_notice(notice)}


def _by_day(found: list[Notice]) -> list[dict[str, Any]]:
    days = groupby(found, key=lambda one: timezone.localtime(one.created_at).date())
    return [{"day": day, "lines": [_line(one) for one in some]} for day, some in days]
