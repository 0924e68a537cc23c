"""Account pages about credits: balance and statement, redeem codes, gifts, limits."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from accounts import credits, ownership
from accounts.auth import attempt_limits
from accounts.billing import provider_registry, redeem_codes
from accounts.credits import amounts, gifts, limit_usage, statement
from accounts.models import Account, Gift, User
from accounts.site import site_rules
from accounts.views.credit_forms import GiftForm, LimitsForm, RedeemForm, StatementForm
from core import pagination, timezones
from core.http import csv_rows

_GIFTS_LISTED = 20


@never_cache
@require_GET
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """Balance, holds, and one page of the filtered statement (`?before=` is its cursor)."""
    account = ownership.money_account(cast(User, request.user))
    with timezone.override(timezones.for_reader(request)):
        form = StatementForm(request.GET, account=account)
        filters = form.filters()
        try:
            page = statement.page(account, filters, request.GET.get("before", ""))
        except pagination.BadCursor:
            raise Http404 from None
        context: dict[str, Any] = {
            "lines": statement.lines(page.rows),
            "next": page.next,
            "query": filter_query(request),
        }
        if _wants_fragment(request):
            return render(request, "accounts/_statement.html", context)
        context |= {
            "own": account,
            "total": account.balance + account.held,
            "form": form,
            "filters": filters,
            "kind": filters.kind,
            "groups": [(name, title) for name, (title, _kinds) in statement.GROUPS.items()],
            "narrowed": bool(filters.kind or filters.since or filters.until or filters.text or filters.token),
            "sums": statement.sums(account, filters)
            if filters.any and not request.GET.get("before")
            else None,
            "meters": limit_usage.meters_of_account(account),
            "selling": provider_registry.is_selling(),
        }
        return render(request, "accounts/overview.html", context)


def filter_query(request: HttpRequest) -> str:
    """The filters of the URL, as a query string for links that keep them."""
    names = ("group", "kind", "since", "until", "token", "q")
    return urlencode({name: request.GET[name] for name in names if request.GET.get(name)})


@require_GET
@login_required
def statement_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The statement as CSV, with the same filters as the page."""
    account = ownership.money_account(cast(User, request.user))
    with timezone.override(timezones.for_reader(request)):
        filters = StatementForm(request.GET, account=account).filters()
    name = f"statement-{timezone.now():%Y-%m-%d}"
    return csv_rows.download(name, statement.COLUMNS, statement.as_rows(account, filters))


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
@sensitive_post_parameters("code")
def redeem(request: HttpRequest) -> HttpResponse:
    """Redeem a code."""
    user = cast(User, request.user)
    account = ownership.money_account(user)
    form, status = RedeemForm(request.POST if request.method == "POST" else None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                redeemed = redeem_codes.redeem(user, account, form.cleaned_data["code"])
            except redeem_codes.CannotRedeem as error:
                form.add_error("code", str(error))
            except attempt_limits.TooMany as error:
                minutes = -(-error.wait_s // 60)
                form.add_error(
                    "code", _("Too many wrong codes. Try again in %(n)s minutes.") % {"n": minutes}
                )
                status = 429
            else:
                messages.success(request, _redeemed_message(redeemed))
                return redirect("account_overview")
    context = {"form": form, "own": account, "selling": provider_registry.is_selling()}
    return render(request, "accounts/redeem.html", context, status=status)


def _redeemed_message(redeemed: redeem_codes.Redeemed) -> str:
    amount = amounts.display_plain(redeemed.credits)
    if redeemed.plan is None:
        return _("%(amount)s credits were added.") % {"amount": amount}
    return _("%(amount)s credits were added. Your plan is now %(plan)s.") % {
        "amount": amount,
        "plan": redeemed.plan.name,
    }


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def gift_page(request: HttpRequest) -> HttpResponse:
    """Give credits to another member; recent gifts below. 404 where gifts are switched off."""
    if not site_rules.current().gifts:
        raise Http404
    user = cast(User, request.user)
    account = ownership.money_account(user)
    form = GiftForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and (gift := _give(user, account, form)) is not None:
        message = _("%(name)s has %(amount)s credits from you.")
        params = {"name": form.cleaned_data["to"], "amount": amounts.display_plain(gift.amount)}
        messages.success(request, message % params)
        return redirect("account_gifts")
    recent = Gift.objects.filter(Q(giver=account) | Q(receiver=account)).select_related("giver", "receiver")
    context = {
        "form": form,
        "own": account,
        "to_give": gifts.giveable_balance(account),
        "limit": site_rules.current().gift_limit_day,
        "gifts": [(gift, gift.giver_id == account.pk) for gift in recent.order_by("-id")[:_GIFTS_LISTED]],
    }
    with timezone.override(timezones.for_reader(request)):
        return render(request, "accounts/gifts.html", context, status=422 if form.errors else 200)


def _give(user: User, account: Account, form: GiftForm) -> Gift | None:
    data = form.cleaned_data
    try:
        gift, _new = gifts.give(
            user,
            account,
            to=data["to"],
            amount=data["amount"],
            words=data["words"],
            key=f"form {data['once']}",
        )
    except gifts.CannotGive as error:
        words = str(error)
        if error.left is not None:
            words += " " + _("%(amount)s are left today.") % {"amount": amounts.display_plain(error.left)}
        form.add_error(error.field or None, words)
        return None
    return gift


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def limits(request: HttpRequest) -> HttpResponse:
    """Daily and monthly spending limits, and the low-balance threshold."""
    account = ownership.money_account(cast(User, request.user))
    form = LimitsForm(request.POST if request.method == "POST" else None, account=account)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        credits.limit_account(account, day=data["day_limit"], month=data["month_limit"])
        # A new threshold is notified anew.
        Account.objects.filter(pk=account.pk).update(low_at=data["low_at"], low_told=False)
        messages.success(request, _("The limits are changed."))
        return redirect("account_limits")
    context = {"form": form, "own": account, "meters": limit_usage.meters_of_account(account)}
    return render(request, "accounts/limits.html", context, status=422 if form.errors else 200)


def _wants_fragment(request: HttpRequest) -> bool:
    htmx = getattr(request, "htmx", None)
    return htmx is not None and bool(htmx) and not htmx.boosted
