"""Account pages of API tokens: list and create, edit, revoke."""

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

_CLOSED_LISTED = 20


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
@sensitive_variables("plain")
def token_list(request: HttpRequest) -> HttpResponse:
    """The user's tokens; a POST creates one and displays it in its own response, once.

    No redirect after that POST: it would require storing the token somewhere.
    """
    user = cast(User, request.user)
    form, plain = TokenForm(request.POST if request.method == "POST" else None), ""
    if request.method == "POST" and form.is_valid():
        _require_recent(request, form)
        try:
            _token, plain = api_tokens.issue(user, **form.chosen())
            form = TokenForm()
        except api_tokens.CannotIssue as error:
            form.add_error("name", str(error))
    status = 422 if form.errors else 200
    tokens = ApiToken.objects.filter(user=user).select_related("account").order_by("-id")
    usable = list(tokens.usable())
    context = {
        "form": form,
        "plain": plain,
        "tokens": _with_meters(usable),
        "closed": list(tokens.exclude(pk__in=[token.pk for token in usable])[:_CLOSED_LISTED]),
    }
    return render(request, "accounts/tokens.html", context, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def token_edit(request: HttpRequest, token_id: int) -> HttpResponse:
    """Terms of one of the user's own tokens; a POST changes them."""
    token = ownership.own_token(cast(User, request.user), token_id)
    if not token.is_usable:
        raise Http404
    form = TokenForm(request.POST if request.method == "POST" else None, token=token)
    if request.method == "POST" and form.is_valid():
        _require_recent(request, form)
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
    """Revoke one of the user's own tokens."""
    token = ownership.own_token(cast(User, request.user), token_id)
    if api_tokens.revoke(token):
        messages.success(request, _("The token “%(name)s” is revoked.") % {"name": token.name})
    return redirect("account_tokens")


def _require_recent(request: HttpRequest, form: TokenForm) -> None:
    """A token with the scope `account` requires recent authentication, as deleting the account does."""
    if token_scopes.ACCOUNT in form.cleaned_data["scopes"]:
        reauthentication.redirect_to_confirm(request)


def _with_meters(tokens: list[ApiToken]) -> list[tuple[ApiToken, list[limit_usage.Meter]]]:
    meters = limit_usage.meters(tokens)
    return [(token, meters.get(token.pk, [])) for token in tokens]
