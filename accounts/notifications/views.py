"""Notifications inbox: page, dropdown, unread count, e-mail preferences and one-click unsubscribe."""

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
MAX_COUNTED = 99


def unread(user: User) -> int:
    """Number of unread notices, counted up to a hundred."""
    # Reads at most a hundred keys of a partial index instead of a COUNT.
    rows = Notice.objects.filter(user=user, read_at__isnull=True).order_by().values_list("pk", flat=True)
    return len(rows[: MAX_COUNTED + 1])


@require_GET
@member_required
def inbox(request: HttpRequest) -> HttpResponse:
    """GET /account/notices/: all notices, grouped by day; `?before=` is the cursor of the next page."""
    user = user_of(request)
    try:
        result = pagination.page(Notice.objects.filter(user=user), request.GET.get("before", "")[:40], PAGE)
    except pagination.BadCursor:
        raise Http404 from None
    return page(
        request,
        "notifications/inbox.html",
        {"days": _by_day(result.rows), "next": result.next, "unread": unread(user)},
    )


@require_GET
@member_required
def peek(request: HttpRequest) -> HttpResponse:
    """GET /account/notices/peek/: the newest few, for the dropdown under the bell."""
    user = user_of(request)
    newest = list(Notice.objects.filter(user=user)[:PEEK])
    return page(
        request,
        "notifications/_dropdown.html",
        {"lines": [_line(notice) for notice in newest], "unread": unread(user)},
    )


@require_GET
def count(request: HttpRequest) -> JsonResponse:
    """GET /account/notices/count/: the unread count, for a page that regains focus."""
    number = unread(request.user) if isinstance(request.user, User) else 0
    return JsonResponse({"unread": number}, headers={"Cache-Control": "no-store"})


@require_POST
@member_required
def follow(request: HttpRequest, number: int) -> HttpResponse:
    """POST /account/notices/NUMBER/: mark as read and redirect to its link."""
    notice = Notice.objects.filter(user=user_of(request), pk=number).first()
    if notice is None:
        raise Http404
    _mark(user_of(request), notice.pk)
    # Only local paths are ever stored; checked again here against open redirects.
    is_local = notice.link.startswith("/") and not notice.link.startswith(("//", "/\\"))
    return HttpResponseRedirect(notice.link) if is_local else redirect("notices")


@require_POST
@member_required
def read_all(request: HttpRequest) -> HttpResponse:
    """POST /account/notices/read/: mark all as read."""
    _mark(user_of(request))
    return redirect("notices")


@require_http_methods(["GET", "POST"])
@member_required
def choose(request: HttpRequest) -> HttpResponse:
    """/account/notices/choices/: which kinds come by e-mail."""
    user = user_of(request)
    if request.method == "POST":
        mail_preferences.set_preferences(user, request.POST.getlist("mail")[:200])
        messages.success(request, _("Kept."))
        return redirect("notices_choices")
    return page(
        request, "notifications/mail_preferences.html", {"choices": mail_preferences.preferences_of(user)}
    )


@csrf_exempt
@require_http_methods(["GET", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """/account/notices/stop/TOKEN/: the unsubscribe link of an e-mail; a POST unsubscribes (one-click, RFC 8058).

    A GET only asks for confirmation: mail scanners follow links by themselves.
    """
    found = mail_preferences.read_unsubscribe_token(token)
    if found is None:
        raise Http404
    stopped = request.method == "POST" and mail_preferences.unsubscribe(*found)
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


def _by_day(rows: list[Notice]) -> list[dict[str, Any]]:
    days = groupby(rows, key=lambda notice: timezone.localtime(notice.created_at).date())
    return [{"day": day, "lines": [_line(notice) for notice in notices]} for day, notices in days]
