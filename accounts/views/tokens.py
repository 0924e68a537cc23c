"""Account pages: API tokens."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import ownership
from accounts.auth import reauthentication
from accounts.credits import limit_usage
from accounts.models import ApiToken, User
from accounts.tokens import api_tokens, token_scopes
from accounts.views.token_forms import TokenForm

_CLOSED_SHOWN = 20


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
        _ask_who_it_is(request, form)
        try:
            _token, plain = api_tokens.issue(user, **form.chosen())
            form = TokenForm()
        except api_tokens.CannotIssue as error:
            form.add_error("name", str(error))
    status = 422 if form.errors else 200
    mine = ApiToken.objects.filter(user=user).select_related("account").order_by("-id")
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
    token = ownership.own_token(cast(User, request.user), token_id)
    if not token.is_usable:
        raise Http404
    form = TokenForm(request.POST if request.method == "POST" else None, token=token)
    if request.method == "POST" and form.is_valid():
        _ask_who_it_is(request, form)
        try:
            api_tokens.change(token, **form.chosen())
        except api_tokens.CannotIssue as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, _("The token “%(name)s” is changed.") % {"name": token.name})
            return redirect("account_tokens")
    context = {"form": form, "token": token, "meters": limit_usage.meters_of(token)}
    return render(request, "accounts/token.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def token_revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Close one of the user's own tokens."""
    token = ownership.own_token(cast(User, request.user), token_id)
    if api_tokens.revoke(token):
        messages.success(request, _("The token “%(name)s” is revoked.") % {"name": token.name})
    return redirect("account_tokens")


def _ask_who_it_is(request: HttpRequest, form: TokenForm) -> None:
    """A token that can delete the account wants what deleting it does."""
    if token_scopes.ACCOUNT in form.cleaned_data["scopes"]:
        reauthentication.redirect_to_confirm(request)


def _with_meters(mine: list[ApiToken]) -> list[tuple[ApiToken, list[limit_usage.Meter]]]:
    meters = limit_usage.meters(mine)
    return [(token, meters.get(token.pk, [])) for token in mine]
