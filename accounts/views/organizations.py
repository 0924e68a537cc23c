"""Pages of organisations: list, members and settings of one, joining, switching the account one acts for."""

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
    """An organisation the user acts for, and their role; Http404 for any other."""
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
    """/account/organizations/: accounts the user can act for; a POST creates an organisation."""
    user, error, name = _user(request), "", ""
    if request.method == "POST":
        name = request.POST.get("name", "")[:200]
        try:
            account = management.create(user, name)
        except management.CannotDo as cannot:
            error = str(cannot)
        else:
            management.act_for(user, account.pk)
            messages.success(request, _("“%(name)s” is there. You act for it now.") % {"name": account.name})
            return redirect("organization", number=account.pk)
    context = {
        "memberships": management.memberships_of(user),
        "wrong": error,
        "name": name,
        "most": management.MAX_NAME_LENGTH,
    }
    return render(request, "organizations/list.html", context, status=422 if error else 200)


@require_POST
@login_required
def act(request: HttpRequest) -> HttpResponse:
    """POST /account/act/: act for another account (`account`) from now on; redirects to `next`."""
    number = request.POST.get("account", "")
    account = (
        management.act_for(_user(request), int(number)) if number.isdecimal() and len(number) < 19 else None
    )
    if account is None:
        raise Http404
    messages.success(request, _("You act for %(name)s now.") % {"name": account.name})
    # Plain members may not open the overview, which shows its money.
    sees_money = visible_funds.sees_money(_user(request), account)
    home = reverse("account_overview") if sees_money else reverse("organization", args=[account.pk])
    return HttpResponseRedirect(safe_next(request, home))


@never_cache
@require_GET
@login_required
def organization(request: HttpRequest, number: int) -> HttpResponse:
    """/account/organizations/NUMBER/: members with limits and spending, and pending invitations."""
    account, role = _organization(_user(request), number)
    return _organization_page(request, account, role)


def _organization_page(
    request: HttpRequest, account: Account, role: str, *, wrong: str = "", about: str = ""
) -> HttpResponse:
    """The page; `wrong` is the error of the form named `about`, which keeps what was typed."""
    after = _after(request)
    rows = Membership.objects.filter(account=account).select_related("user").order_by("pk")
    members = list(rows.filter(pk__gt=pagination.decode(after) if after else 0)[: MEMBERS + 1])
    has_more, members = len(members) > MEMBERS, members[:MEMBERS]
    manages = role == roles.OWNER
    month = AccountSpending.objects.filter(
        account=account,
        member__in=[member.user_id for member in members],
        period=spending_periods.this_month(),
    )
    spent = dict(month.values_list("member_id", "spent"))
    context: dict[str, Any] = {
        "organization": account,
        "role": role,
        "manages": manages,
        "seen": visible_funds.for_user(_user(request), account),
        "members": [
            (member, spent.get(member.user_id) if member.month_limit is not None else None)
            for member in members
        ],
        "after": after,
        "next": pagination.encode(members[-1].pk) if has_more else "",
        "roles": Membership.Role.choices,
        "invitations": list(join_invitations.pending(account)[: join_invitations.MAX_PENDING])
        if manages
        else [],
        "wrong": wrong,
        "about": about,
        "faulty": _number(request),
        "typed": {name: request.POST.get(name, "")[:254] for name in ("email", "month", "name")},
    }
    return render(request, "organizations/organization.html", context, status=422 if wrong else 200)


def _after(request: HttpRequest) -> str:
    """The cursor of the displayed page of members, from the URL or the form; empty for the first page."""
    sent = request.POST if request.method == "POST" else request.GET
    after = sent.get("after", "")[:40]
    try:
        return after if not after or pagination.decode(after) else ""
    except pagination.BadCursor:
        raise Http404 from None


@require_http_methods(["GET", "POST"])
@login_required
def change(request: HttpRequest, number: int, deed: str) -> HttpResponse:
    """POST /account/organizations/NUMBER/DEED/: an action on it: rename, invite, revoke, role, limit, remove, leave.

    On an error the page is rendered at this URL; opened by GET later, it redirects to the organisation.
    """
    user = _user(request)
    account, role = _organization(user, number)
    if request.method != "POST":
        return redirect("organization", number=account.pk)
    if deed != "leave":
        roles.require(user, account, roles.MANAGING)
    try:
        message = _ACTIONS[deed](request, account)
    except KeyError:
        raise Http404 from None
    except management.CannotDo as cannot:
        return _organization_page(request, account, role, wrong=str(cannot), about=deed)
    messages.success(request, message)
    is_member = Membership.objects.filter(account=account, user=user).exists()
    if not is_member:
        return redirect("organizations")
    after = _after(request)
    query = f"?{urlencode({'after': after})}" if after else ""
    return redirect(reverse("organization", args=[account.pk]) + query)


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
    member = management.set_limit(account, _number(request), month)
    return _("The limit of %(who)s is changed.") % {"who": member.user.shown_name}


def _remove(request: HttpRequest, account: Account) -> str:
    member = Membership.objects.filter(account=account, pk=_number(request)).select_related("user").first()
    if member is None:
        raise management.CannotDo(_("There is no such member."))
    management.remove(account, member.user, by=_user(request))
    return _("%(who)s is no member any more.") % {"who": member.user.shown_name}


def _leave(request: HttpRequest, account: Account) -> str:
    management.leave(_user(request), account)
    return _("You left %(name)s.") % {"name": account.name}


_ACTIONS = {
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
    """/join/SECRET/: an invitation; a POST accepts it."""
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
