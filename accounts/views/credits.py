"""Account pages about money: balance and statement, codes, gifts, limits."""

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
from accounts.credits import amounts, limit_usage, statement
from accounts.credits import gifts as giving
from accounts.models import Account, Gift, User
from accounts.site import site_rules
from accounts.views.credit_forms import GiftForm, LimitsForm, RedeemForm, StatementForm
from core import pagination, timezones
from core.http import csv_rows

_GIFTS_SHOWN = 20


@never_cache
@require_GET
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """Balance, what is on hold, and one page of the statement (`?before=`), filtered as the form says."""
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
            "query": asked(request),
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
            "meters": limit_usage.usage_of_account(account),
            "selling": provider_registry.is_selling(),
        }
        return render(request, "accounts/overview.html", context)


def asked(request: HttpRequest) -> str:
    """The filters of the address, for the links that go on with them."""
    names = ("group", "kind", "since", "until", "token", "q")
    return urlencode({name: request.GET[name] for name in names if request.GET.get(name)})


@require_GET
@login_required
def statement_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The statement as a download, filtered as the page is."""
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
    """A code for credits."""
    user = cast(User, request.user)
    account = ownership.money_account(user)
    form, status = RedeemForm(request.POST if request.method == "POST" else None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                found = redeem_codes.redeem(user, account, form.cleaned_data["code"])
            except redeem_codes.CannotRedeem as error:
                form.add_error("code", str(error))
            except attempt_limits.TooMany as error:
                minutes = -(-error.wait_s // 60)
                form.add_error(
                    "code", _("Too many wrong codes. Try again in %(n)s minutes.") % {"n": minutes}
                )
                status = 429
            else:
                messages.success(request, _redeemed(found))
                return redirect("account_overview")
    context = {"form": form, "own": account, "selling": provider_registry.is_selling()}
    return render(request, "accounts/redeem.html", context, status=status)


def _redeemed(found: redeem_codes.Redeemed) -> str:
    amount = amounts.display_plain(found.credits)
    if found.plan is None:
        return _("%(amount)s credits were added.") % {"amount": amount}
    return _("%(amount)s credits were added. Your plan is now %(plan)s.") % {
        "amount": amount,
        "plan": found.plan.name,
    }


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def gift_page(request: HttpRequest) -> HttpResponse:
    """Credits for another member; what was given and received lately. 404 where the house has no gifts."""
    if not site_rules.current().gifts:
        raise Http404
    user = cast(User, request.user)
    account = ownership.money_account(user)
    form = GiftForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and (gift := _give(user, account, form)) is not None:
        words = _("%(name)s has %(amount)s credits from you.")
        shown = {"name": form.cleaned_data["to"], "amount": amounts.display_plain(gift.amount)}
        messages.success(request, words % shown)
        return redirect("account_gifts")
    lately = Gift.objects.filter(Q(giver=account) | Q(receiver=account)).select_related("giver", "receiver")
    context = {
        "form": form,
        "own": account,
        "to_give": giving.to_give(account),
        "limit": site_rules.current().gift_limit_day,
        "gifts": [(gift, gift.giver_id == account.pk) for gift in lately.order_by("-id")[:_GIFTS_SHOWN]],
    }
    with timezone.override(timezones.for_reader(request)):
        return render(request, "accounts/gifts.html", context, status=422 if form.errors else 200)


def _give(user: User, account: Account, form: GiftForm) -> Gift | None:
    told = form.cleaned_data
    try:
        gift, _new = giving.give(
            user,
            account,
            to=told["to"],
            amount=told["amount"],
            words=told["words"],
            key=f"form {told['once']}",
        )
    except giving.CannotGive as error:
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
    """What the account may spend a day and a month, and when its people are told that little is left."""
    account = ownership.money_account(cast(User, request.user))
    form = LimitsForm(request.POST if request.method == "POST" else None, account=account)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        credits.limit_account(account, day=told["day_limit"], month=told["month_limit"])
        # Told anew below another line.
        Account.objects.filter(pk=account.pk).update(low_at=told["low_at"], low_told=False)
        messages.success(request, _("The limits are changed."))
        return redirect("account_limits")
    context = {"form": form, "own": account, "meters": limit_usage.usage_of_account(account)}
    return render(request, "accounts/limits.html", context, status=422 if form.errors else 200)


def _wants_fragment(request: HttpRequest) -> bool:
    htmx = getattr(request, "htmx", None)
    return htmx is not None and bool(htmx) and not htmx.boosted
