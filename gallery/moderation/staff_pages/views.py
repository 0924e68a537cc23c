"""Moderation pages that show cases: grid, panel, history, pictures. Decisions are in `decision_views`.

All works as plain forms; scripts fetch parts of the pages.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import user_of
from accounts.models import AuditEntry
from core.admin.decorators import staff_permission_required
from core.http.pages import page
from gallery.models import Case
from gallery.moderation import decisions
from gallery.moderation.staff_pages import case_lists, case_panel, case_tiles
from gallery.moderation.staff_pages.case_lists import Filter
from gallery.public.image_responses import send_picture, send_thumbnail

YEAR = 365 * 24 * 3600
BLUR_COOKIE = "moderation-blur"
may_view = staff_permission_required("gallery.view_case", cacheable=True)
may_decide = staff_permission_required("gallery.decide_case", cacheable=True)


@require_safe
@may_view
def case_list(request: HttpRequest) -> HttpResponse:
    """The grid of one tab, with the panel of the selected case."""
    filter_ = Filter.read(request.GET)
    found = case_lists.page(filter_)
    selected = _selected_case(request, found.rows)
    grid = [case_tiles.CaseTile(case, filter_.address(case=case.pk)) for case in found.rows]
    context: dict[str, Any] = {
        **page_context(request, filter_),
        "tiles": grid,
        "older": filter_.address(after=found.next) if found.next else "",
        "newest": filter_.address(after="") if filter_.after else "",
        "looked_at": selected,
        "last_number": max((case.pk for case in found.rows), default=0) if not filter_.after else 0,
    }
    if selected is not None:
        context |= case_panel.context(selected, user_of(request))
    response = page(request, "moderation/staff_pages/cases.html", context)
    if request.GET.get("blur") in ("on", "off"):
        _remember_blur(request, response, request.GET["blur"])
    return response


def _selected_case(request: HttpRequest, rows: list[Case]) -> Case | None:
    number = _number(request.GET.get("case", ""))
    if number is not None:
        found = case_lists.get_case(number)
        if found is not None:
            return found
    first = next((case for case in rows if not case.decision), rows[0] if rows else None)
    return case_lists.get_case(first.pk) if first is not None else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def page_context(request: HttpRequest, filter_: Filter) -> dict[str, Any]:
    """Context of what surrounds the grid, for every response."""
    blur = request.GET.get("blur") or request.COOKIES.get(BLUR_COOKIE, "on")
    return {
        "wanted": filter_,
        "tabs": case_lists.tabs(filter_),
        "reason_choices": case_lists.reason_choices(),
        "blur": blur != "off",
        "last": _last(request),
        "may_decide": request.user.has_perm("gallery.decide_case"),
        "mutes": [1, 7, 30],
    }


def _remember_blur(request: HttpRequest, response: HttpResponse, value: str) -> None:
    response.set_cookie(
        BLUR_COOKIE, value, max_age=YEAR, samesite="Lax", secure=request.is_secure(), httponly=False
    )  # fmt: skip


def _last(request: HttpRequest) -> dict[str, Any] | None:
    """The moderator's last decision as text, with what undoing it needs."""
    batch = decisions.last_batch(user_of(request))
    if not batch:
        return None
    word = str(case_tiles.DECISION_LABELS[batch[0].decision][1]).lower()
    return {
        "words": _("%(n)d %(word)s just now") % {"n": len(batch), "word": word},
        "batch": batch[0].batch,
        "returns": any(decisions.can_undo(case) for case in batch),
    }


@require_safe
@may_view
def panel(request: HttpRequest, number: int) -> HttpResponse:
    """The panel alone, for scripts."""
    filter_ = Filter.read(request.GET)
    return page(
        request,
        "moderation/staff_pages/_case_panel.html",
        panel_context(request, case_or_404(number), filter_),
    )


def panel_context(request: HttpRequest, case: Case, filter_: Filter) -> dict[str, Any]:
    return {
        **page_context(request, filter_),
        "looked_at": case,
        **case_panel.context(case, user_of(request)),
    }


def case_or_404(number: int) -> Case:
    found = case_lists.get_case(number)
    if found is None:
        raise Http404
    return found


@require_safe
@may_view
def case_page(request: HttpRequest, number: int) -> HttpResponse:
    """One case with its full history."""
    case = case_or_404(number)
    trail = AuditEntry.objects.filter(case=case.pk).select_related("actor").order_by("number")[:200]
    context = {
        **panel_context(request, case, Filter()),
        "whole": True,
        "trail": list(trail),
        "appeals": list(Case.objects.filter(parent=case).select_related("decided_by")),
        "evidence": case.evidence.exists(),
    }
    return page(request, "moderation/staff_pages/case.html", context)


@require_safe
@may_view
def picture(request: HttpRequest, number: int, size: str) -> HttpResponse:
    """The picture that a case is about, hidden or not."""
    case = case_or_404(number)
    item = case_tiles.picture_of(case)
    if item is None and case.comment is not None:
        item = case.comment.item
    if item is not None:
        return send_picture(request, item, size, show_prompt=False)
    thumbnail = case_tiles.thumbnail_of(case)
    if thumbnail is None or size not in ("medium", "full"):
        raise Http404
    return send_thumbnail(request, thumbnail)


@require_safe
@may_view
def new_cases(request: HttpRequest) -> HttpResponse:
    """How many cases were added since the newest on the page, which itself stays as it is."""
    filter_ = Filter.read(request.GET)
    since = _number(request.GET.get("since", "")) or 0
    context = {
        "wanted": filter_,
        "since": since,
        "fresh": case_lists.count_newer(filter_, since),
        "tabs": case_lists.tabs(filter_),
        "part": True,
    }
    return page(request, "moderation/staff_pages/_new_cases.html", context)


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


@require_POST
@may_view
def blur(request: HttpRequest) -> HttpResponse:
    """Remember whether pictures are blurred, for browsers without scripts."""
    filter_ = Filter.read(QueryDict(request.POST.get("query", "")[:300]))
    response = HttpResponseRedirect(filter_.address(case=_number(request.POST.get("case", "")) or ""))
    _remember_blur(request, response, "on" if request.POST.get("blur") else "off")
    return response


def landing(request: HttpRequest) -> HttpResponse | None:
    """The moderation page as landing page of the admin, for staff who are moderators only."""
    user = request.user
    if user.has_perm("gallery.view_case") and not user.has_perm("accounts.view_ledgerentry"):
        return HttpResponseRedirect(reverse("moderation"))
    return None
