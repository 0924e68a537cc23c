"""Pages of organisations: those one acts for, one of them with its members, joining, choosing whom to act for."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.credits import amounts, spending_periods
from accounts.models import Account, AccountSpending, Membership, User
from accounts.organizations import join_invitations, management, roles, visible_funds
from core import pagination
from core.http.redirects import safe_next

MEMBERS = 100
"""Members on one page of an organisation."""


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


def _organization(user: User, number: int) -> tuple[Account, str]:
    """An organisation that the user acts for, and in which role; Http404 for any other."""
    rows = Account.objects.filter(pk=number, kind=Account.Kind.ORGANIZATION)
    account = rows.exclude(status=Account.Status.CLOSED).first()
    role = roles.role_of(user, account) if account is not None else ""
    if account is None or not role:
        raise Http404
    return account, role


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def organizations(request: HttpRequest) -> HttpResponse:
    """/account/organizations/: whom one can act for; a POST founds one."""
    user, wrong, name = _user(request), "", ""
    if request.method == "POST":
        name = request.POST.get("name", "")[:200]
        try:
            made = management.create(user, name)
        except management.CannotDo as cannot:
            wrong = str(cannot)
        else:
            management.act_for(user, made.pk)
            messages.success(request, _("“%(name)s” is there. You act for it now.") % {"name": made.name})
            return redirect("organization", number=made.pk)
    context = {
        "memberships": management.memberships_of(user),
        "wrong": wrong,
        "name": name,
        "most": management.LONGEST_NAME,
    }
    return render(request, "organizations/list.html", context, status=422 if wrong else 200)


@require_POST
@login_required
def act(request: HttpRequest) -> HttpResponse:
    """POST /account/act/: act for another account (`account`) from now on; goes back to `next`."""
    number = request.POST.get("account", "")
    chosen = (
        management.act_for(_user(request), int(number)) if number.isdecimal() and len(number) < 19 else None
    )
    if chosen is None:
        raise Http404
    messages.success(request, _("You act for %(name)s now.") % {"name": chosen.name})
    # Who sees none of its money goes to its members.
    seen = visible_funds.sees_money(_user(request), chosen)
    home = reverse("account_overview") if seen else reverse("organization", args=[chosen.pk])
    return HttpResponseRedirect(safe_next(request, home))


@never_cache
@require_GET
@login_required
def organization(request: HttpRequest, number: int) -> HttpResponse:
    """/account/organizations/NUMBER/: its members, what each may spend and spent, who was invited."""
    account, role = _organization(_user(request), number)
    return _shown(request, account, role)


def _shown(
    request: HttpRequest, account: Account, role: str, *, wrong: str = "", about: str = ""
) -> HttpResponse:
    """The page; with `wrong`, what is wrong with the form named `about`, which holds what was typed."""
    after = _after(request)
    rows = Membership.objects.filter(account=account).select_related("user").order_by("pk")
    members = list(rows.filter(pk__gt=pagination.decode(after) if after else 0)[: MEMBERS + 1])
    there_are_more, members = len(members) > MEMBERS, members[:MEMBERS]
    manages = role == roles.OWNER
    month = AccountSpending.objects.filter(
        account=account, member__in=[one.user_id for one in members], period=spending_periods.this_month()
    )
    spent = dict(month.values_list("member_id", "spent"))
    context: dict[str, Any] = {
        "organization": account,
        "role": role,
        "manages": manages,
        "seen": visible_funds.for_user(_user(request), account),
        "members": [
            (one, spent.get(one.user_id) if one.month_limit is not None else None) for one in members
        ],
        "after": after,
        "next": pagination.encode(members[-1].pk) if there_are_more else "",
        "roles": Membership.Role.choices,
        "invitations": list(join_invitations.pending(account)[: join_invitations.MOST_OPEN])
        if manages
        else [],
        "wrong": wrong,
        "about": about,
        "faulty": _number(request),
        "typed": {name: request.POST.get(name, "")[:254] for name in ("email", "month", "name")},
    }
    return render(request, "organizations/organization.html", context, status=422 if wrong else 200)


def _after(request: HttpRequest) -> str:
    """The cursor behind which the shown members begin, of the address or of the form; empty for the first ones."""
    sent = request.POST if request.method == "POST" else request.GET
    after = sent.get("after", "")[:40]
    try:
        return after if not after or pagination.decode(after) else ""
    except pagination.BadCursor:
        raise Http404 from None


@require_http_methods(["GET", "POST"])
@login_required
def change(request: HttpRequest, number: int, deed: str) -> HttpResponse:
    """POST /account/organizations/NUMBER/DEED/: what its owners do: rename, invite, revoke, role, limit, remove.

    Where something was wrong its page stands at this address, which may then be opened again: it leads back.
    """
    user = _user(request)
    account, role = _organization(user, number)
    if request.method != "POST":
        return redirect("organization", number=account.pk)
    if deed != "leave":
        roles.require(user, account, roles.MANAGING)
    try:
        said = _DEEDS[deed](request, account)
    except KeyError:
        raise Http404 from None
    except management.CannotDo as cannot:
        return _shown(request, account, role, wrong=str(cannot), about=deed)
    messages.success(request, said)
    still = Membership.objects.filter(account=account, user=user).exists()
    if not still:
        return redirect("organizations")
    after = _after(request)
    place = f"?{urlencode({'after': after})}" if after else ""
    return redirect(reverse("organization", args=[account.pk]) + place)


def _number(request: HttpRequest) -> int:
    text = request.POST.get("number", "")
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _rename(request: HttpRequest, account: Account) -> str:
    management.rename(account, request.POST.get("name", ""))
    return _("The organisation has another name.")


def _invite(request: HttpRequest, account: Account) -> str:
    email = request.POST.get("email", "")
    join_invitations.invite(account, email, request.POST.get("role", ""), by=_user(request))
    return _("%(email)s gets a link by mail. It lasts for two weeks.") % {"email": email.strip()}


def _revoke(request: HttpRequest, account: Account) -> str:
    join_invitations.revoke(account, _number(request))
    return _("The invitation has ended.")


def _role(request: HttpRequest, account: Account) -> str:
    member = management.give_role(account, _number(request), request.POST.get("role", ""), by=_user(request))
    return _("%(who)s is %(role)s now.") % {"who": member.user.shown_name, "role": member.get_role_display()}


def _limit(request: HttpRequest, account: Account) -> str:
    text = request.POST.get("month", "").strip()
    try:
        month = amounts.parse(text) if text else None
    except amounts.NotAnAmount:
        raise management.CannotDo(_("Write an amount of credits, such as 12 or 0.5.")) from None
    member = management.limit(account, _number(request), month)
    return _("The limit of %(who)s is changed.") % {"who": member.user.shown_name}


def _remove(request: HttpRequest, account: Account) -> str:
    found = Membership.objects.filter(account=account, pk=_number(request)).select_related("user").first()
    if found is None:
        raise management.CannotDo(_("There is no such member."))
    management.remove(account, found.user, by=_user(request))
    return _("%(who)s is no member any more.") % {"who": found.user.shown_name}


def _leave(request: HttpRequest, account: Account) -> str:
    management.leave(_user(request), account)
    return _("You left %(name)s.") % {"name": account.name}


_DEEDS = {
    "rename": _rename,
    "invite": _invite,
    "revoke": _revoke,
    "role": _role,
    "limit": _limit,
    "remove": _remove,
    "leave": _leave,
}


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
@sensitive_variables("secret")
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """/join/SECRET/: what one is invited to; a POST accepts."""
    invitation = join_invitations.find(secret)
    if invitation is None:
        return render(request, "organizations/ended.html", status=404)
    if request.method == "POST":
        try:
            member = join_invitations.accept(secret, _user(request))
        except management.CannotDo:
            return render(request, "organizations/ended.html", status=404)
        management.act_for(_user(request), member.account_id)
        messages.success(request, _("You act for %(name)s now.") % {"name": member.account.name})
        return redirect("organization", number=member.account_id)
    return render(request, "organizations/join.html", {"invitation": invitation})
