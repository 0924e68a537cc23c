"""Account pages: balance and statement, API tokens."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import access, paging, statement, token_limits, tokens
from accounts.forms import TokenForm
from accounts.models import ApiToken, LedgerEntry, User

_CLOSED_SHOWN = 20


@require_GET
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """Balance, what is on hold, and one page of the statement (`?kind=`, `?before=`)."""
    account = access.own_account(cast(User, request.user))
    kind = request.GET.get("kind", "")
    try:
        page = paging.page(statement.entries(account, kind), request.GET.get("before", ""), statement.PAGE)
    except paging.BadCursor:
        raise Http404 from None
    context = {
        "own": account,
        "total": account.balance + account.held,
        "lines": [statement.line(entry) for entry in page.rows],
        "next": page.next,
        "kind": kind if kind in LedgerEntry.Kind.values else "",
        "kinds": LedgerEntry.Kind.choices,
    }
    template = "accounts/_statement.html" if _wants_fragment(request) else "accounts/overview.html"
    return render(request, template, context)


@require_GET
@login_required
def statement_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The whole statement, or one kind of it, as a download."""
    account = access.own_account(cast(User, request.user))
    rows = statement.as_csv(account, request.GET.get("kind", ""))
    response = StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="statement-{timezone.now():%Y-%m-%d}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
@sensitive_variables("plain")
def token_list(request: HttpRequest) -> HttpResponse:
    """The user's tokens; a POST makes one and shows it, this once, in the answer itself.

    No redirect after that POST: it would have to keep the token somewhere, and no place is good enough.
    """
    user = cast(User, request.user)
    form, plain = TokenForm(request.POST if request.method == "POST" else None), ""
    if request.method == "POST" and form.is_valid():
        try:
            _token, plain = tokens.issue(user, **form.chosen())
            form = TokenForm()
        except tokens.CannotIssue as error:
            form.add_error("name", str(error))
    status = 422 if form.errors else 200
    mine = ApiToken.objects.filter(user=user).order_by("-id")
    usable = list(mine.usable())
    context = {
        "form": form,
        "plain": plain,
        "tokens": _with_meters(usable),
        "closed": list(mine.exclude(pk__in=[token.pk for token in usable])[:_CLOSED_SHOWN]),
    }
    return render(request, "accounts/tokens.html", context, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def token_edit(request: HttpRequest, token_id: int) -> HttpResponse:
    """What one of the user's own tokens may do, and how much; a POST changes it."""
    token = access.own_token(cast(User, request.user), token_id)
    if not token.is_usable:
        raise Http404
    form = TokenForm(request.POST if request.method == "POST" else None, token=token)
    if request.method == "POST" and form.is_valid():
        try:
            tokens.change(token, **form.chosen())
        except tokens.CannotIssue as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, _("The token “%(name)s” is changed.") % {"name": token.name})
            return redirect("account_tokens")
    context = {"form": form, "token": token, "meters": token_limits.meters_of(token)}
    return render(request, "accounts/token.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def token_revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Close one of the user's own tokens."""
    token = access.own_token(cast(User, request.user), token_id)
    if tokens.revoke(token):
        messages.success(request, _("The token “%(name)s” is revoked.") % {"name": token.name})
    return redirect("account_tokens")


def _with_meters(mine: list[ApiToken]) -> list[tuple[ApiToken, list[token_limits.Meter]]]:
    meters = token_limits.meters(mine)
    return [(token, meters.get(token.pk, [])) for token in mine]


def _wants_fragment(request: HttpRequest) -> bool:
    htmx = getattr(request, "htmx", None)
    return htmx is not None and bool(htmx) and not htmx.boosted
