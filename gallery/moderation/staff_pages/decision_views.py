"""Moderation pages that decide: one case, several, and the undo of the last decision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from accounts.auth.member_pages import user_of
from accounts.staff.sanctions import Already
from core.http.pages import page
from gallery.models import Case
from gallery.moderation import decisions
from gallery.moderation.decisions import AlreadyDecided, NotAllowed
from gallery.moderation.effects.outcomes import NotPossible
from gallery.moderation.staff_pages import case_lists, case_panel, case_tiles
from gallery.moderation.staff_pages.case_lists import Filter
from gallery.moderation.staff_pages.forms import BulkForm, DecisionForm
from gallery.moderation.staff_pages.views import (
    case_or_404,
    is_htmx,
    may_decide,
    page_context,
    panel_context,
)

NOT_YOURS = gettext_lazy("Not yours to decide: it is about yourself, about staff, or beyond your rights.")


@require_POST
@may_decide
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """Decide one case, then go on to the next."""
    filter_ = Filter.read(request.GET)
    case = case_or_404(number)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _message_response(request, filter_, case, _form_errors(form), status=422)
    if case.decision and not (form.bans and case.decision in decisions.ADVERSE):
        return _message_response(request, filter_, case, _decided_text(case))
    if form.is_to_be_asked:
        return page(
            request,
            "moderation/staff_pages/_confirm.html"
            if is_htmx(request)
            else "moderation/staff_pages/confirm.html",
            {**panel_context(request, case, filter_), "given": form.cleaned_data},
        )
    if case.decision:
        return _ban(request, filter_, case, form)
    try:
        decided = decisions.decide(number, user_of(request), form.verdict())
    except AlreadyDecided as late:
        return _message_response(request, filter_, late.case, _decided_text(late.case))
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
    message = _("%(name)s is banned. The earlier decision still stands.") % name
    return _next_response(request, filter_, [banned], banned.pk, message)


def _form_errors(form: DecisionForm) -> str:
    return " ".join(str(fault) for faults in form.errors.values() for fault in faults)


def _decided_text(case: Case) -> str:
    by = case.decided_by.shown_name if case.decided_by is not None else _("its owner")
    word = str(case_tiles.DECISION_LABELS[case.decision][1]).lower() if case.decision else ""
    return _("Already decided by %(name)s: %(decision)s.") % {"name": by, "decision": word}


def _message_response(
    request: HttpRequest, filter_: Filter, case: Case, message: str | Promise, status: int = 200
) -> HttpResponse:
    """Show why nothing was done, with the case as it is now."""
    if not is_htmx(request):
        messages.error(request, str(message))
        return HttpResponseRedirect(filter_.address(case=case.pk))
    fresh = case_or_404(case.pk)
    context = panel_context(request, fresh, filter_) | {
        "said": message, "changed": [case_tiles.CaseTile(fresh, filter_.address(case=fresh.pk))],
    }  # fmt: skip
    return page(request, "moderation/staff_pages/_decision_response.html", context, status=status)


def _next_response(
    request: HttpRequest, filter_: Filter, decided: Iterable[Case], following: int | None, message: str = ""
) -> HttpResponse:
    """Go on to the next case; those decided stay in the grid, dimmed."""
    decided = list(decided)
    after = case_lists.get_case(following) if following else None
    if after is None and decided:
        after = case_lists.next_open(filter_, decided[-1])
    if not is_htmx(request):
        if message:
            messages.success(request, message)
        return HttpResponseRedirect(filter_.address(case=after.pk if after else ""))
    changed = [case_lists.get_case(case.pk) for case in decided]
    context: dict[str, Any] = {
        **page_context(request, filter_),
        "changed": [
            case_tiles.CaseTile(case, filter_.address(case=case.pk)) for case in changed if case is not None
        ],
        "said": message,
        "looked_at": None,
    }
    if after is not None:
        context |= panel_context(request, case_lists.get_case(after.pk) or after, filter_)
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
        selected_cases = [
            case for case in (case_lists.get_case(number) for number in numbers) if case is not None
        ]
        members = {case.user_id: case.user for case in selected_cases}
        context = {
            **page_context(request, filter_), "given": form.cleaned_data, "chosen": selected_cases,
            "members": [(member, case_panel.ban_effects_text(member,
                case_panel.sanctions.consequences(member))) for member in members.values()],
        }  # fmt: skip
        name = (
            "moderation/staff_pages/_confirm_bulk.html"
            if is_htmx(request)
            else "moderation/staff_pages/confirm_bulk.html"
        )
        return page(request, name, context)
    decided, skipped = _decide_all(request, numbers, form)
    return _next_response(
        request, filter_, decided, form.cleaned_data.get("next"), _bulk_message(len(decided), skipped)
    )


def _decide_all(request: HttpRequest, numbers: list[int], form: BulkForm) -> tuple[list[Case], int]:
    batch, decided = decisions.new_batch(), []
    for number in numbers:
        verdict = form.verdict()
        try:
            decided.append(decisions.decide(number, user_of(request), verdict, batch))
        except (AlreadyDecided, NotAllowed, NotPossible, ValueError, Case.DoesNotExist):
            continue
    return decided, len(numbers) - len(decided)


def _bulk_message(decided: int, skipped: int) -> str:
    message = ngettext("%(n)d case decided.", "%(n)d cases decided.", decided) % {"n": decided}
    if skipped:
        more = ngettext(
            "%(n)d stays as it was: decided already, or not yours.",
            "%(n)d stay as they were: decided already, or not yours.",
            skipped,
        )
        message = f"{message} {more % {'n': skipped}}"
    return message


@require_POST
@may_decide
def undo(request: HttpRequest) -> HttpResponse:
    """Undo the last decision, or all of the last action."""
    filter_ = Filter.read(request.GET)
    reopened, stuck = decisions.undo(user_of(request), _batch(request))
    if not reopened and not stuck:
        message = _("There is nothing to take back.")
    else:
        message = ngettext("%(n)d decision taken back.", "%(n)d decisions taken back.", len(reopened)) % {
            "n": len(reopened)
        }
    if stuck:
        message += " " + ngettext(
            "%(n)d stands: it cannot be taken back any more.",
            "%(n)d stand: they cannot be taken back any more.",
            len(stuck),
        ) % {"n": len(stuck)}
    following = reopened[0].pk if reopened else None
    return _next_response(request, filter_, [*reopened, *stuck], following, message)


def _batch(request: HttpRequest) -> str:
    """The key of the action to undo; NUL is dropped, which PostgreSQL rejects."""
    return request.POST.get("batch", "").replace("\x00", "")[:22]


def _list_response(request: HttpRequest, filter_: Filter) -> HttpResponse:
    address = filter_.address()
    if is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)
