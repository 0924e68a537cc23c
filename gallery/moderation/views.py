"""Pages of a member's moderation decisions and sanctions, with the form to appeal once against each.

Banned members see them too, identified by their blocked sign-in (`accounts.auth.blocked_login`).
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.auth import blocked_login
from accounts.auth.member_pages import member_required, user_of
from accounts.models import Sanction, User
from core.http.pages import page
from core.http.redirects import safe_next
from gallery.items import access
from gallery.models import Case
from gallery.moderation import appeals, cases, reasons, review


class AppealForm(forms.Form):
    """The text of an appeal."""

    words = forms.CharField(
        label=gettext_lazy("Why it was wrong"),
        max_length=appeals.MAX_LENGTH,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 6, "class": "input"}),
    )


def _identified_user(request: HttpRequest) -> User | None:
    """The signed-in user, or the blocked one who has proved who they are."""
    return request.user if isinstance(request.user, User) else blocked_login.blocked_user(request)


@require_safe
@member_required
def decisions(request: HttpRequest) -> HttpResponse:
    """All decisions about the member, newest first, with the states of their appeals."""
    user = user_of(request)
    found = list(appeals.decisions(user)[: appeals.MAX_SHOWN])
    all_appeals = Case.objects.filter(parent__in=found)
    by_parent = {appeal.parent_id: appeal for appeal in all_appeals}
    sanctions = list(Sanction.objects.filter(user=user).order_by("-id")[: appeals.MAX_SHOWN])
    of_sanctions = Case.objects.filter(kind=Case.Kind.APPEAL, sanction__in=sanctions)
    by_sanction = {appeal.sanction_id: appeal for appeal in of_sanctions}
    context = {
        "cases": [
            (case, appeals.state(by_parent.get(case.pk)), reasons.display(case.told)) for case in found
        ],
        "sanctions": [
            (row, appeals.state(by_sanction.get(row.pk)), reasons.display(row.reason)) for row in sanctions
        ],
    }
    return page(request, "moderation/decisions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def decision(request: HttpRequest, number: int) -> HttpResponse:
    """One decision about the member's content. POST: appeal."""
    user = _identified_user(request)
    if user is None:
        return _sign_in(request)
    case = access.or_404(appeals.decision(user, number))
    before = appeals.against(case)
    context = {
        "case": case,
        "thing": cases.subject_of(case),
        "reason": reasons.display(case.told).rstrip(".。"),
        "appeal": before,
        "state": appeals.state(before),
        "answer": reasons.display(before.told) if before is not None else "",
        "stands": appeals.is_in_effect(case),
    }
    return _appeal_response(request, context, lambda text: appeals.create(case, user, text))


@require_http_methods(["GET", "HEAD", "POST"])
def sanction(request: HttpRequest, number: int) -> HttpResponse:
    """A warning, a mute or a ban. POST: appeal."""
    user = _identified_user(request)
    if user is None:
        return _sign_in(request)
    row = access.or_404(Sanction.objects.filter(user=user, pk=number).first())
    before = appeals.against_sanction(row)
    context = {
        "sanction": row,
        "reason": reasons.display(row.reason).rstrip(".。"),
        "appeal": before,
        "state": appeals.state(before),
        "answer": reasons.display(before.told) if before is not None else "",
        "stands": row.lifted_at is None,
    }
    return _appeal_response(request, context, lambda text: appeals.create_against_sanction(row, user, text))


def _sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect to the sign-in page and back."""
    return member_required(lambda _request: HttpResponse())(request)


def _appeal_response(request: HttpRequest, context: dict[str, Any], make: Any) -> HttpResponse:
    form = AppealForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            make(form.cleaned_data["words"])
        except appeals.EmptyAppeal:
            form.add_error("words", _("Say why it was wrong."))
        except appeals.AlreadyAppealed:
            messages.error(request, _("You appealed already; once is what there is."))
            return HttpResponseRedirect(request.path)
        except appeals.NotAppealable:
            messages.error(request, _("There is nothing to appeal against any more."))
            return HttpResponseRedirect(request.path)
        else:
            messages.success(
                request, _("Your appeal was sent. A moderator will look at it, and you will be told.")
            )
            return HttpResponseRedirect(request.path)
    context |= {"form": form, "is_barred": not request.user.is_authenticated}
    return page(request, "moderation/decision.html", context, status=422 if form.errors else 200)


@require_POST
@member_required
def withdraw(request: HttpRequest, public_id: str) -> HttpResponse:
    """Withdraw the owner's request to publish an item that waits for a review."""
    item = access.owned(request.user, public_id)
    if review.withdraw(item):
        messages.success(request, _("Taken back. The picture stays as it is."))
    return HttpResponseRedirect(safe_next(request, reverse("library_item", args=[public_id])))


def appeal_option(request: HttpRequest, user: User) -> blocked_login.BlockedUserLink | None:
    """For the page of blocked users: a link to appeal, or to the appeal made."""
    row = Sanction.objects.filter(user=user, kind=Sanction.Kind.BAN, lifted_at__isnull=True).first()
    if row is None:
        return None
    appealed = appeals.against_sanction(row) is not None
    label = gettext_lazy("See your appeal") if appealed else gettext_lazy("Appeal")
    return blocked_login.BlockedUserLink(label, reverse("decision_sanction", args=[row.pk]), "gavel")


def connect_signals() -> None:
    """Register the appeal link for blocked users."""
    blocked_login.register_link(appeal_option)
