"""Moderation page of a member: hide all their public items, restore them, and the progress of that."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.auth.member_pages import user_of
from accounts.models import User
from accounts.staff import sanctions
from core.http.pages import page
from gallery.models import AccountDeed, Item
from gallery.moderation import reasons
from gallery.moderation.effects import bulk_hide
from gallery.moderation.staff_pages import case_lists
from gallery.moderation.staff_pages.views import may_decide


@require_http_methods(["GET", "HEAD", "POST"])
@may_decide
def pictures(request: HttpRequest, username: str) -> HttpResponse:
    """GET: the page with what was done. POST: hide all of them (`deed=hide`), or restore those of one bulk
    hide."""
    member = get_object_or_404(User, username=username)
    url = reverse("moderation_member", args=[member.username])
    if request.method == "POST":
        _act(request, member)
        return HttpResponseRedirect(url)
    operations = bulk_hide.for_user(member)
    context = {
        "member": member,
        "public": case_lists.capped_count(Item.objects.public().filter(user=member)),
        "deeds": [(operation, _can_be_restored(operation, operations)) for operation in operations],
        "going": any(operation.done_at is None for operation in operations),
        "reasons": reasons.choices(),
        "suggested": reasons.RULES,
        "not_theirs": _refusal(member, user_of(request)),
    }
    part = request.headers.get("HX-Request") == "true"
    return page(
        request,
        "moderation/staff_pages/_bulk_hides.html" if part else "moderation/staff_pages/member.html",
        context,
    )


def _refusal(member: User, moderator: User) -> str:
    """Why the moderator may not decide about that member; empty where they may."""
    if sanctions.outranks(moderator, member):
        return ""
    if member.pk == moderator.pk:
        return _("Another moderator decides what is about yourself.")
    return _("This is about staff: an administrator decides it.")


def _can_be_restored(operation: AccountDeed, operations: list[AccountDeed]) -> bool:
    is_undone = any(other.of_id == operation.pk for other in operations)
    return operation.of_id is None and operation.done_at is not None and not is_undone


def _act(request: HttpRequest, member: User) -> None:
    moderator = user_of(request)
    reason = request.POST.get("own_words", "").strip() or request.POST.get("reason", "").strip()
    reason = reason.replace("\x00", "")[:200]
    try:
        if request.POST.get("deed") == "hide":
            bulk_hide.hide_all(member, moderator, reason or reasons.RULES, request.POST.get("note", "")[:500])
            messages.success(request, _("Their public pictures are being hidden."))
        else:
            number = request.POST.get("of", "")
            of = AccountDeed.objects.filter(
                user=member,
                pk=int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0,
            ).first()
            if of is None:
                raise bulk_hide.NothingToHide
            bulk_hide.restore_all(of.case, moderator, reason)
            messages.success(request, _("Their pictures are being shown again."))
    except bulk_hide.NotAllowed:
        messages.error(request, _refusal(member, moderator))
    except bulk_hide.Busy:
        messages.error(request, _("The last one is still going on. Wait until it is done."))
    except bulk_hide.NothingToHide:
        messages.error(request, _("There is nothing to do: none of theirs is public, or all is shown again."))
