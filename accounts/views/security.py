"""Pages of invitations, account security (second factors, social accounts) and open sessions; language choice."""

from __future__ import annotations

from typing import cast

from allauth.account.internal import flows
from allauth.account.models import EmailAddress
from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import get_adapter as get_social_adapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST
from django.views.i18n import set_language as switch

from accounts.models import User
from accounts.registration import admission, invitations
from accounts.registration.invitations import InvitationState
from accounts.sessions import login_history, login_sessions


@require_GET
@never_cache
@sensitive_variables("secret")
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Store the invitation in the session and redirect to sign-up, or explain why it cannot be used.

    Opening the link uses nothing up: mail scanners open it too.
    """
    row = invitations.find(secret)
    state = invitations.state_of(row)
    if row is None or state is not InvitationState.GOOD or request.user.is_authenticated:
        if request.user.is_authenticated and state is InvitationState.GOOD:
            return render(request, "accounts/auth/invitation.html", {"standing": "member"})
        status = 404 if state is InvitationState.UNKNOWN else 410
        return render(request, "accounts/auth/invitation.html", {"standing": state.value}, status=status)
    admission.remember_invitation(request.session, row)
    return redirect("account_signup")


@require_GET
@never_cache
def invitation_ended(request: HttpRequest) -> HttpResponse:
    """The invitation was usable when it was opened, but no longer is."""
    return render(
        request, "accounts/auth/invitation.html", {"standing": InvitationState.USED.value}, status=410
    )


@require_GET
@never_cache
@login_required
def security(request: HttpRequest) -> HttpResponse:
    """Sign-in settings: address, password, second factors, social accounts."""
    user = cast(User, request.user)
    flows.manage_email.sync_user_email_address(user)
    keys: list[Authenticator] = []
    app = codes = None
    for row in Authenticator.objects.filter(user_id=user.pk).order_by("pk"):
        if row.type == Authenticator.Type.WEBAUTHN:
            keys.append(row)
        elif row.type == Authenticator.Type.TOTP:
            app = row
        else:
            codes = row.wrap()
    context = {
        "address": EmailAddress.objects.filter(user=user).order_by("-primary", "-verified").first(),
        "app": app,
        "keys": keys,
        "codes": codes,
        "codes_left": len(codes.get_unused_codes()) if codes is not None else 0,
        "codes_made": mfa_settings.RECOVERY_CODE_COUNT,
        "services": get_social_adapter().list_providers(request),
        "connected": list(SocialAccount.objects.filter(user=user)),
        "history": login_history.for_user(user),
    }
    return render(request, "mfa/index.html", context)


@require_GET
@never_cache
@login_required
def session_list(request: HttpRequest) -> HttpResponse:
    """The member's open sessions and recent sign-ins."""
    user = cast(User, request.user)
    context = {"seats": login_sessions.open_sessions(request, user), "history": login_history.for_user(user)}
    return render(request, "usersessions/usersession_list.html", context)


@require_POST
@login_required
def session_end(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of the member's own sessions."""
    if not login_sessions.end_one(cast(User, request.user), pk):
        raise Http404
    messages.success(request, _("That session is ended."))
    return redirect("usersessions_list")


@require_POST
@login_required
def sessions_end(request: HttpRequest) -> HttpResponse:
    """End every session of the member but this one."""
    login_sessions.end_others(request, cast(User, request.user))
    messages.success(request, _("Every other session is ended."))
    return redirect("usersessions_list")


def set_language(request: HttpRequest) -> HttpResponseBase:
    """Switch the pages' language as Django does, and store it with the user."""
    answer = switch(request)
    chosen = request.POST.get("language", "")
    if request.method == "POST" and request.user.is_authenticated and chosen in dict(settings.LANGUAGES):
        User.objects.filter(pk=request.user.pk).exclude(language=chosen).update(language=chosen)
    return answer
