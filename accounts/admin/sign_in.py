"""Admin of sign-in: invitations, history, attempt counters, sessions, second factors, connected social accounts."""

from __future__ import annotations

import base64
from typing import Any, ClassVar, cast

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.validators import validate_email
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.auth import second_factor
from accounts.credits import amounts
from accounts.credits.form_fields import AmountField
from accounts.models import MICRO, Invitation, Plan, SignIn, Throttle, User
from accounts.registration import invitations
from accounts.sessions import client_info, login_sessions
from core.admin.cells import Badge, change_url, link
from core.admin.columns import Column, time_column, value_column
from core.admin.forms import ReasonForm, ask_page, object_or_404
from core.admin.model_admins import BaseAdmin, register_read_only
from core.http import csv_rows
from core.http.public_origin import caller_origin

# Social providers come from the settings and their tokens are not stored, so those tables stay empty and need no admin.
for _model in (SocialApp, SocialToken, SocialAccount, Authenticator, UserSession):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)

_MAX_GRANT = 1_000_000 * MICRO


class InviteForm(forms.Form):
    """Creates invitations: addresses or a number of links, and what their users start with."""

    emails = forms.CharField(
        label=gettext_lazy("Addresses"),
        required=False,
        max_length=60_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=gettext_lazy(
            "One a line; each is sent a link that is good for this address alone and checks it."
        ),
    )
    count = forms.IntegerField(
        label=gettext_lazy("Links"),
        initial=1,
        min_value=1,
        max_value=invitations.MAX_AT_ONCE,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("Without addresses: how many links, for whoever has them."),
    )
    uses = forms.IntegerField(
        label=gettext_lazy("Uses of each link"),
        initial=1,
        min_value=1,
        max_value=10_000,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    days = forms.IntegerField(
        label=gettext_lazy("Good for days"),
        initial=14,
        min_value=1,
        max_value=3650,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("Empty: until it is used or revoked."),
    )
    grant = AmountField(
        label=gettext_lazy("Credits on top"),
        signed=True,
        max_length=30,
        help_text=gettext_lazy("Beside the welcome credits."),
    )
    plan = forms.ModelChoiceField(
        label=gettext_lazy("Plan"),
        queryset=Plan.objects.none(),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    note = forms.CharField(
        label=gettext_lazy("Note"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget
    )

    def __init__(self, *args: Any, may_grant: bool, may_plan: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_grant:
            del self.fields["grant"]
        if may_plan:
            cast(forms.ModelChoiceField, self.fields["plan"]).queryset = Plan.objects.order_by("name")
        else:
            del self.fields["plan"]

    def clean_emails(self) -> list[str]:
        """Lower-cased, without duplicates."""
        emails = list(dict.fromkeys(self.cleaned_data["emails"].replace(",", " ").lower().split()))
        if len(emails) > invitations.MAX_AT_ONCE:
            raise forms.ValidationError(_("At most %(n)d at once.") % {"n": invitations.MAX_AT_ONCE})
        for email in emails:
            try:
                validate_email(email)
            except forms.ValidationError:
                raise forms.ValidationError(
                    _("“%(email)s” is no address.") % {"email": email[:100]}
                ) from None
        return emails

    def clean_grant(self) -> int:
        """Micro-credits."""
        micro = int(self.cleaned_data["grant"] or 0)
        if not 0 <= micro <= _MAX_GRANT:
            raise forms.ValidationError(_("Between 0 and %(most)s.") % {"most": amounts.display(_MAX_GRANT)})
        return micro


@admin.register(Invitation)
class InvitationAdmin(BaseAdmin):
    """Invitations to sign up. A link is shown once, when it is made; afterwards it can only be revoked."""

    list_display = ("name", "state", "uses_left", "credits_on_top", "plan", "made_by", "created", "expires")
    list_filter = ("revoked_at", "plan")
    list_select_related = ("plan", "made_by")
    search_fields = ("email", "note", "=hint")
    fields = (
        "name", "state", "email", "note", "uses_left", "credits_on_top", "plan", "made_by", "created", "expires",
        "user_names",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("revoke",)
    credits_on_top = value_column("grant", gettext_lazy("credits on top"), amounts.display, dash_zero=True)
    created = time_column("created_at", gettext_lazy("created"))
    expires = time_column("expires_at", gettext_lazy("expires"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """The permission to add invitations."""
        return self.has_add_permission(request)

    @display(description=gettext_lazy("for"))
    def name(self, row: Invitation) -> str:
        return str(row)

    @display(
        description=gettext_lazy("state"),
        label={"good": "success", "used": "info", "ended": "warning", "revoked": "danger"},
    )
    def state(self, row: Invitation) -> Badge:
        key = _state_of(row)
        labels = {"good": _("good"), "used": _("used up"), "ended": _("ended"), "revoked": _("revoked")}
        return Badge(key, labels[key])

    @display(description=gettext_lazy("came by it"))
    def user_names(self, row: Invitation) -> str:
        names = row.members.order_by("pk").values_list("username", flat=True)[:50]
        return ", ".join(names) or "–"

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Create one or several; their links are shown in this response only."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = InviteForm(
            request.POST or None,
            may_grant=request.user.has_perm("accounts.adjust_credits"),
            may_plan=request.user.has_perm("accounts.change_account"),
        )
        if not form.is_valid():
            words = _("Each link lets people sign up, also while registration is by invitation.")
            return ask_page(self, request, form, title=_("Invite"), words=words, button=_("Invite"))
        chosen = form.cleaned_data
        made = invitations.make_many(
            cast(User, request.user),
            chosen["emails"],
            chosen["count"],
            uses=chosen["uses"],
            grant=chosen.get("grant") or 0,
            plan=chosen.get("plan"),
            days=chosen["days"],
            note=chosen["note"].replace("\x00", ""),
            language=get_language() or "",
        )
        return self._links_page(request, made)

    def _links_page(self, request: HttpRequest, made: list[tuple[Invitation, str]]) -> HttpResponse:
        lines = [(row.email, caller_origin(request) + path, row.note) for row, path in made]
        table = "".join(csv_rows.line(line) for line in [("address", "link", "note"), *lines])
        context = {
            **self.admin_site.each_context(request),
            "opts": Invitation._meta,
            "title": ngettext("%(n)d invitation is made", "%(n)d invitations are made", len(made))
            % {"n": len(made)},
            "lines": lines,
            "csv": base64.b64encode(table.encode()).decode("ascii"),
            "back": reverse("admin:accounts_invitation_changelist"),
        }
        answer = TemplateResponse(request, "admin/invited.html", context)
        answer["Cache-Control"] = "private, no-store"
        return answer

    @admin.action(description=gettext_lazy("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, rows: QuerySet[Invitation]) -> HttpResponse | None:
        """Ask for a reason, then revoke the selected invitations."""
        form = ReasonForm(request.POST if "answered" in request.POST else None)
        if not form.is_valid():
            words = _("Who has come by them already stays.")
            return ask_page(
                self, request, form, title=_("Revoke the invitations"), words=words, button=_("Revoke"),
                chosen=rows, action="revoke",
            )  # fmt: skip
        by, reason = cast(User, request.user), form.cleaned_data["reason"]
        done = sum(invitations.revoke(row, by, reason) for row in rows)
        words = ngettext("%(n)d invitation is revoked.", "%(n)d invitations are revoked.", done) % {"n": done}
        self.message_user(request, words, messages.SUCCESS if done else messages.WARNING)
        return None


def _state_of(row: Invitation) -> str:
    """As `invitations.state_of`, without a query a row: for display, never for a decision."""
    if row.revoked_at is not None:
        return "revoked"
    if not row.uses_left:
        return "used"
    return "ended" if row.expires_at is not None and row.expires_at <= timezone.now() else "good"


def _user_link(row: SignIn) -> str:
    return link(row.user) if row.user is not None else _("nobody here")


def _result_badge(row: SignIn) -> Badge:
    return Badge("in", _("came in")) if row.succeeded else Badge("away", _("sent away"))


# Sign-ins and refused attempts, by network.
register_read_only(
    SignIn,
    list_display=(
        time_column("at", gettext_lazy("when")), Column("user", gettext_lazy("who"), _user_link),
        Column(
            "succeeded", gettext_lazy("result"), _result_badge, badges={"in": "success", "away": "danger"}
        ),
        "how", "network", "browser",
    ),
    list_filter=("succeeded", "how"),
    search_fields=("user__username", "=network"),
)  # fmt: skip

# Counters of recent attempts, their subject as a hash only, to notice password guessing.
register_read_only(
    Throttle,
    list_display=("what", "count", time_column("ends_at", gettext_lazy("until"))),
    list_filter=("what",),
)

# Open sessions by network; session keys are never shown.
register_read_only(
    UserSession,
    list_display=(
        "user", value_column("user_agent", gettext_lazy("browser"), client_info.browser),
        value_column("ip", gettext_lazy("from"), client_info.network), "created_at", "last_seen_at",
    ),
    search_fields=("user__username",),
)  # fmt: skip

# Second factors by user; never their secrets.
register_read_only(
    Authenticator,
    list_display=("user", "type", "created_at", "last_used_at"),
    list_filter=("type",),
    search_fields=("user__username",),
)

# Connected social accounts; not the data that the provider sent.
register_read_only(
    SocialAccount,
    list_display=("user", "provider", "last_login", "date_joined"),
    fields=("user", "provider", "uid", "last_login", "date_joined"),
    list_filter=("provider",),
    search_fields=("user__username", "=uid"),
)


class SignInActions(ModelAdmin):
    """Actions on a user who has lost the second factor, or whose password somebody else knows."""

    sign_in_actions: ClassVar = ("end_sessions", "remove_second_factor")

    def has_sign_in_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Superusers only: removing a second factor is a step towards taking an account over."""
        return bool(request.user.is_superuser)

    @action(
        description=gettext_lazy("End all sessions"),
        url_path="end-sessions",
        icon="logout",
        permissions=["sign_in"],
    )
    def end_sessions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Sign the user out everywhere."""
        words = _("They are signed out everywhere, and sign in again with what they have.")
        return self._confirm(request, object_id, _("End all sessions"), words, login_sessions.end_all)

    @action(
        description=gettext_lazy("Remove second factors"),
        url_path="remove-second-factor",
        icon="phonelink_erase",
        permissions=["sign_in"],
    )
    def remove_second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let the user sign in with the password alone."""
        words = _(
            "Be sure that it is them who asks. Apps, passkeys and recovery codes are gone; the password stays."
        )
        return self._confirm(request, object_id, _("Remove second factors"), words, second_factor.remove_all)

    def _confirm(
        self, request: HttpRequest, object_id: str, title: str, words: str, act: Any
    ) -> HttpResponse:
        user = object_or_404(self, request, object_id)
        back = change_url(user)
        form = ReasonForm(request.POST or None)
        if not form.is_valid():
            return ask_page(
                self, request, form, title=f"{title}: {user}", words=words, button=title, back=back
            )
        act(user, cast(User, request.user), form.cleaned_data["reason"])
        self.message_user(request, _("Done, and on record."), messages.SUCCESS)
        return redirect(back)
