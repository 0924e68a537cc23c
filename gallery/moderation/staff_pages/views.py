"""Moderation pages: grid of cases, panel, decisions, undo.

All works as plain forms; scripts fetch parts of the pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import user_of
from accounts.models import AuditEntry
from accounts.staff.sanctions import Already
from core.admin.decorators import staff_permission_required
from core.http.pages import page
from gallery.models import Case
from gallery.moderation import decisions
from gallery.moderation.decisions import AlreadyDecided, NotAllowed
from gallery.moderation.effects.outcomes import NotPossible
from gallery.moderation.staff_pages import case_lists, case_panel, case_tiles
from gallery.moderation.staff_pages.case_lists import Filter
from gallery.moderation.staff_pages.forms import BulkForm, DecisionForm
from gallery.public.image_responses import send_picture, send_thumbnail

YEAR = 365 * 24 * 3600
BLUR_COOKIE = "moderation-blur"
may_view = staff_permission_required("gallery.view_case", cacheable=True)
may_decide = staff_permission_required("gallery.decide_case", cacheable=True)
NOT_YOURS = gettext_lazy("Not yours to decide: it is about yourself, about staff, or beyond your rights.")


@require_safe
@may_view
def desk(request: HttpRequest) -> HttpResponse:
    """The grid of one tab, with the panel of the selected case."""
    filter_ = Filter.read(request.GET)
    found = case_lists.page(filter_)
    selected = _selected_case(request, found.rows)
    grid = [case_tiles.CaseTile(case, filter_.address(case=case.pk)) for case in found.rows]
    context: dict[str, Any] = {
        **_page_context(request, filter_),
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
        found = case_lists.one(number)
        if found is not None:
            return found
    first = next((case for case in rows if not case.decision), rows[0] if rows else None)
    return case_lists.one(first.pk) if first is not None else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _page_context(request: HttpRequest, filter_: Filter) -> dict[str, Any]:
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
    word = str(case_tiles.DONE[batch[0].decision][1]).lower()
    return {
        "words": _("%(n)d %(word)s just now") % {"n": len(batch), "word": word},
        "batch": batch[0].batch,
        "returns": any(decisions.has_way_back(case) for case in batch),
    }


@require_safe
@may_view
def look(request: HttpRequest, number: int) -> HttpResponse:
    """The panel alone, for scripts."""
    filter_ = Filter.read(request.GET)
    return page(request, "moderation/staff_pages/_case_panel.html", _panel(request, _case(number), filter_))


def _panel(request: HttpRequest, case: Case, filter_: Filter) -> dict[str, Any]:
    return {
        **_page_context(request, filter_),
        "looked_at": case,
        **case_panel.context(case, user_of(request)),
    }


def _case(number: int) -> Case:
    found = case_lists.one(number)
    if found is None:
        raise Http404
    return found


@require_safe
@may_view
def case_page(request: HttpRequest, number: int) -> HttpResponse:
    """One case with its full history."""
    case = _case(number)
    trail = AuditEntry.objects.filter(case=case.pk).select_related("actor").order_by("number")[:200]
    context = {
        **_panel(request, case, Filter()),
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
    case = _case(number)
    item = case_tiles.picture_of(case)
    if item is None and case.comment is not None:
        item = case.comment.item
    if item is not None:
        return send_picture(request, item, size, words=False)
    look = case_tiles.look_of(case)
    if look is None or size not in ("medium", "full"):
        raise Http404
    return send_thumbnail(request, look)


@require_safe
@may_view
def news(request: HttpRequest) -> HttpResponse:
    """How many cases were added since the newest on the page, which itself stays as it is."""
    filter_ = Filter.read(request.GET)
    since = _number(request.GET.get("since", "")) or 0
    context = {
        "wanted": filter_,
        "since": since,
        "fresh": case_lists.newer(filter_, since),
        "tabs": case_lists.tabs(filter_),
        "part": True,
    }
    return page(request, "moderation/staff_pages/_new_cases.html", context)


@require_POST
@may_decide
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """Decide one case, then go on to the next."""
    filter_ = Filter.read(request.GET)
    case = _case(number)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _message_response(request, filter_, case, _form_errors(form), status=422)
    if case.decision and not (form.bans and case.decision in decisions.AGAINST):
        return _message_response(request, filter_, case, _decided_words(case))
    if form.is_to_be_asked:
        return page(
            request,
            "moderation/staff_pages/_confirm.html"
            if _is_htmx(request)
            else "moderation/staff_pages/confirm.html",
            {**_panel(request, case, filter_), "given": form.cleaned_data},
        )
    if case.decision:
        return _ban(request, filter_, case, form)
    try:
        decided = decisions.decide(number, user_of(request), form.verdict())
    except AlreadyDecided as late:
        return _message_response(request, filter_, late.case, _decided_words(late.case))
    except NotAllowed:
        return _message_response(
            request,
            filter_,
            case,
            NOT_YOURS,
        )
    except NotPossible:
        return _message_response(
            request, filter_, case, _("That cannot be done any more: what it is about changed.")
        )
    except ValueError:
        return _message_response(request, filter_, case, _("That does not end this kind of case."))
    return _next_response(request, filter_, [decided], form.cleaned_data.get("next"))


def _ban(request: HttpRequest, filter_: Filter, case: Case, form: DecisionForm) -> HttpResponse:
    """Ban the member of a decided case; its decision stays."""
    name = {"name": case.user.username}
    try:
        banned = decisions.ban(case.pk, user_of(request), form.verdict())
    except Already:
        return _message_response(
            request, filter_, case, _("%(name)s is banned already; nothing was changed.") % name
        )
    except NotAllowed:
        return _message_response(request, filter_, case, NOT_YOURS)
    except NotPossible:
        return _message_response(
            request, filter_, case, _("That cannot be done any more: what it is about changed.")
        )
    words = _("%(name)s is banned. The earlier decision still stands.") % name
    return _next_response(request, filter_, [banned], banned.pk, words)


def _form_errors(form: DecisionForm) -> str:
    return " ".join(str(fault) for faults in form.errors.values() for fault in faults)


def _decided_words(case: Case) -> str:
    by = case.decided_by.shown_name if case.decided_by is not None else _("its owner")
    word = str(case_tiles.DONE[case.decision][1]).lower() if case.decision else ""
    return _("Already decided by %(name)s: %(decision)s.") % {"name": by, "decision": word}


def _is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _message_response(
    request: HttpRequest, filter_: Filter, case: Case, words: str | Promise, status: int = 200
) -> HttpResponse:
    """Show why nothing was done, with the case as it is now."""
    if not _is_htmx(request):
        messages.error(request, str(words))
        return HttpResponseRedirect(filter_.address(case=case.pk))
    fresh = _case(case.pk)
    context = _panel(request, fresh, filter_) | {
        "said": words, "changed": [case_tiles.CaseTile(fresh, filter_.address(case=fresh.pk))],
    }  # fmt: skip
    return page(request, "moderation/staff_pages/_decision_response.html", context, status=status)


def _next_response(
    request: HttpRequest, filter_: Filter, done: Iterable[Case], following: int | None, message: str = ""
) -> HttpResponse:
    """Go on to the next case; those decided stay in the grid, dimmed."""
    done = list(done)
    after = case_lists.one(following) if following else None
    if after is None and done:
        after = case_lists.next_open(filter_, done[-1])
    if not _is_htmx(request):
        if message:
            messages.success(request, message)
        return HttpResponseRedirect(filter_.address(case=after.pk if after else ""))
    changed = [case_lists.one(case.pk) for case in done]
    context: dict[str, Any] = {
        **_page_context(request, filter_),
        "changed": [
            case_tiles.CaseTile(case, filter_.address(case=case.pk)) for case in changed if case is not None
        ],
        "said": message,
        "looked_at": None,
    }
    if after is not None:
        context |= _panel(request, case_lists.one(after.pk) or after, filter_)
    return page(request, "moderation/staff_pages/_decision_response.html", context)


@require_POST
@may_decide
def bulk(request: HttpRequest) -> HttpResponse:
    """Apply one decision to all selected cases; each is a transaction, and one undo takes all back."""
    filter_ = Filter.read(request.GET)
    form = BulkForm(request.POST)
    numbers = form.numbers()
    if not form.is_valid() or not numbers:
        messages.error(request, _("Select cases first, then choose what to do with them."))
        return _list_response(request, filter_)
    if form.is_to_be_asked:
        selected_cases = [case for case in (case_lists.one(number) for number in numbers) if case is not None]
        members = {case.user_id: case.user for case in selected_cases}
        context = {
            **_page_context(request, filter_), "given": form.cleaned_data, "chosen": selected_cases,
            "members": [(member, case_panel.ends_words(member,
                case_panel.sanctions.consequences(member))) for member in members.values()],
        }  # fmt: skip
        name = (
            "moderation/staff_pages/_confirm_bulk.html"
            if _is_htmx(request)
            else "moderation/staff_pages/confirm_bulk.html"
        )
        return page(request, name, context)
    done, left = _decide_all(request, numbers, form)
    return _next_response(request, filter_, done, form.cleaned_data.get("next"), _bulk_words(len(done), left))


def _decide_all(request: HttpRequest, numbers: list[int], form: BulkForm) -> tuple[list[Case], int]:
    batch, done = decisions.new_batch(), []
    for number in numbers:
        verdict = form.verdict()
        try:
            done.append(decisions.decide(number, user_of(request), verdict, batch))
        except (AlreadyDecided, NotAllowed, NotPossible, ValueError, Case.DoesNotExist):
            continue
    return done, len(numbers) - len(done)


def _bulk_words(done: int, left: int) -> str:
    words = ngettext("%(n)d case decided.", "%(n)d cases decided.", done) % {"n": done}
    if left:
        more = ngettext(
            "%(n)d stays as it was: decided already, or not yours.",
            "%(n)d stay as they were: decided already, or not yours.",
            left,
        )
        words = f"{words} {more % {'n': left}}"
    return words


@require_POST
@may_decide
def undo(request: HttpRequest) -> HttpResponse:
    """Undo the last decision, or all of the last action."""
    filter_ = Filter.read(request.GET)
    reopened, stuck = decisions.take_back(user_of(request), _batch(request))
    if not reopened and not stuck:
        words = _("There is nothing to take back.")
    else:
        words = ngettext("%(n)d decision taken back.", "%(n)d decisions taken back.", len(reopened)) % {
            "n": len(reopened)
        }
    if stuck:
        words += " " + ngettext(
            "%(n)d stands: it cannot be taken back any more.",
            "%(n)d stand: they cannot be taken back any more.",
            len(stuck),
        ) % {"n": len(stuck)}
    following = reopened[0].pk if reopened else None
    return _next_response(request, filter_, [*reopened, *stuck], following, words)


def _batch(request: HttpRequest) -> str:
    """The key of the action to undo; NUL is dropped, which PostgreSQL rejects."""
    return request.POST.get("batch", "").replace("\x00", "")[:22]


def _list_response(request: HttpRequest, filter_: Filter) -> HttpResponse:
    address = filter_.address()
    if _is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


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
