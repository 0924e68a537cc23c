"""The desk for people and money: users, accounts, the ledger, API tokens."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import amounts, desk_money, tokens
from accounts.desk import Desk, HistoryDesk, HistoryInline, ask, link
from accounts.models import Account, ApiToken, LedgerEntry, Membership, User

admin.site.unregister(Group)
admin.site.unregister(EmailAddress)


@admin.register(Group)
class GroupDesk(GroupAdmin, ModelAdmin):
    """Groups carry the permissions of moderators and operators."""


@admin.register(EmailAddress)
class EmailAddressDesk(Desk):
    """Which addresses were checked."""

    list_display = ("email", "user", "verified", "primary")
    list_filter = ("verified", "primary")
    search_fields = ("email", "user__username")
    list_select_related = ("user",)
    autocomplete_fields = ("user",)


class MembershipInline(HistoryInline):
    """Whom a user acts for, or who acts for an account."""

    model = Membership
    fields = ("account", "user", "role", "created_at")
    readonly_fields = fields
    tab = True


@admin.register(User)
class UserDesk(UserAdmin, Desk):
    """Users with what their account has. Banning keeps everything and closes every door."""

    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    list_display = (
        "username",
        "email",
        "balance",
        "on_hold",
        "state",
        "is_staff",
        "last_login",
        "date_joined",
    )
    list_filter = ("is_active", "is_staff", "is_superuser", "account__status")
    list_select_related = ("account",)
    search_fields = ("username", "email", "display_name", "first_name", "last_name")
    readonly_fields = ("account_link", "last_login", "date_joined")
    ordering = ("-id",)
    actions = ("ban", "unban")
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("username", "password", "account_link")}),
        (gettext_lazy("Personal info"), {"fields": ("display_name", "first_name", "last_name", "email")}),
        (
            gettext_lazy("Permissions"),
            {
                "fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions"),
                "classes": ("tab",),
            },
        ),
        (gettext_lazy("Important dates"), {"fields": ("last_login", "date_joined"), "classes": ("tab",)}),
    )

    @display(description=gettext_lazy("balance"), ordering="account__balance")
    def balance(self, user: User) -> str:
        return amounts.shown(user.account.balance) if user.account else "–"

    @display(description=gettext_lazy("on hold"), ordering="account__held")
    def on_hold(self, user: User) -> str:
        return amounts.shown(user.account.held) if user.account else "–"

    @display(
        description=gettext_lazy("state"),
        label={"active": "success", "suspended": "warning", "banned": "danger"},
    )
    def state(self, user: User) -> tuple[str, str]:
        if not user.is_active:
            return "banned", _("banned")
        if user.account and user.account.status != Account.Status.ACTIVE:
            return "suspended", user.account.get_status_display()
        return "active", _("active")

    @display(description=gettext_lazy("account"))
    def account_link(self, user: User) -> str:
        return link(user.account)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Who may edit users may not thereby make himself or anybody an administrator."""
        fields = tuple(super().get_readonly_fields(request, obj))
        if request.user.is_superuser:
            return fields
        return (*fields, "is_staff", "is_superuser", "groups", "user_permissions")

    def get_inlines(self, request: HttpRequest, obj: Model | None = None) -> tuple[Any, ...]:
        """A user who is only being added has no membership yet."""
        return self.inlines if obj is not None else ()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if isinstance(obj, User) and obj.is_superuser and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    @admin.action(description=gettext_lazy("Ban: no sign-in, no API"), permissions=["change"])
    def ban(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """Close every door for these users; not for oneself, and for administrators only by one."""
        users = users.exclude(pk=cast(User, request.user).pk)
        if not request.user.is_superuser:
            users = users.exclude(is_superuser=True)
        self._set_active(request, users, active=False)

    @admin.action(description=gettext_lazy("Lift the ban"), permissions=["change"])
    def unban(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """Open the doors again."""
        self._set_active(request, users, active=True)

    def _set_active(self, request: HttpRequest, users: QuerySet[User], *, active: bool) -> None:
        changed = 0
        for user in users.exclude(is_active=active):
            User.objects.filter(pk=user.pk).update(is_active=active)
            self.log_change(request, user, "Ban lifted." if active else "Banned.")
            changed += 1
        words = ngettext("%(n)d user changed.", "%(n)d users changed.", changed) % {"n": changed}
        self.message_user(request, words, messages.SUCCESS if changed else messages.WARNING)


class LedgerInline(HistoryInline):
    """The account's last movements."""

    model = LedgerEntry
    fields = ("created_at", "kind", "reference", "change", "change_on_hold", "balance", "reason", "actor")
    readonly_fields = fields
    ordering = ("-id",)
    tab = True
    max_rows = 30

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        """The newest rows only: an account may have a million."""
        rows = super().get_queryset(request).select_related("actor")
        account_id = str(request.resolver_match.kwargs.get("object_id") if request.resolver_match else "")
        if not (account_id.isascii() and account_id.isdigit()):
            return cast("QuerySet[LedgerEntry]", rows.none())
        newest = (
            LedgerEntry.objects.filter(account_id=account_id).order_by("-id").values("pk")[: self.max_rows]
        )
        return cast("QuerySet[LedgerEntry]", rows.filter(pk__in=[row["pk"] for row in newest]))

    @display(description=gettext_lazy("change"))
    def change(self, entry: LedgerEntry) -> str:
        return amounts.shown_change(entry.balance_delta)

    @display(description=gettext_lazy("change on hold"))
    def change_on_hold(self, entry: LedgerEntry) -> str:
        return amounts.shown_change(entry.held_delta) if entry.held_delta else ""

    @display(description=gettext_lazy("balance after"))
    def balance(self, entry: LedgerEntry) -> str:
        return amounts.shown(entry.balance_after)


@admin.register(Account)
class AccountDesk(Desk):
    """Accounts with their ledger. Balances change through the two buttons alone."""

    list_display = ("name", "kind", "state", "balance_shown", "held_shown", "in_flight_limit", "created_at")
    list_filter = ("status", "kind")
    search_fields = ("name", "memberships__user__username", "memberships__user__email")
    ordering = ("-id",)
    fields = (
        "name",
        "kind",
        "status",
        "in_flight_limit",
        "balance_shown",
        "held_shown",
        "whole_ledger",
        "created_at",
    )
    readonly_fields = ("balance_shown", "held_shown", "whole_ledger", "created_at")
    inlines = (LedgerInline, MembershipInline)
    actions_detail = ("grant_credits", "adjust_credits")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_adjust_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whether one may move credits by hand: a permission of its own, `accounts.adjust_credits`."""
        return bool(request.user.has_perm("accounts.adjust_credits"))

    @display(
        description=gettext_lazy("status"),
        label={"active": "success", "suspended": "danger", "closing": "warning"},
    )
    def state(self, account: Account) -> tuple[str, str]:
        return account.status, account.get_status_display()

    @display(description=gettext_lazy("balance"), ordering="balance")
    def balance_shown(self, account: Account) -> str:
        return amounts.shown(account.balance)

    @display(description=gettext_lazy("on hold"), ordering="held")
    def held_shown(self, account: Account) -> str:
        return amounts.shown(account.held)

    @display(description=gettext_lazy("ledger"))
    def whole_ledger(self, account: Account) -> str:
        address = reverse("admin:accounts_ledgerentry_changelist")
        return format_html(
            '<a href="{}?account__id__exact={}">{}</a>', address, account.pk, _("All movements")
        )

    @action(
        description=gettext_lazy("Grant credits"), url_path="grant", icon="add_circle", permissions=["adjust"]
    )
    def grant_credits(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Add credits with a reason."""
        return self._move(request, object_id, desk_money.GrantForm, _("Grant credits"))

    @action(
        description=gettext_lazy("Adjust balance"), url_path="adjust", icon="balance", permissions=["adjust"]
    )
    def adjust_credits(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Correct the balance by a signed amount with a reason."""
        return self._move(request, object_id, desk_money.AdjustForm, _("Adjust the balance"))

    def _move(
        self, request: HttpRequest, object_id: str, form_class: type[desk_money.AmountForm], title: str
    ) -> HttpResponse:
        account = self.get_object(request, object_id)
        if account is None:
            raise Http404
        form = form_class(request.POST or None)
        back = reverse("admin:accounts_account_change", args=[account.pk])
        entry = desk_money.post(request, account, form) if form.is_valid() else None
        if entry is None:
            words = _("%(name)s has %(balance)s credits, and %(held)s on hold.") % {
                "name": account.name,
                "balance": amounts.shown(account.balance),
                "held": amounts.shown(account.held),
            }
            return ask(self, request, form, title=title, words=words, button=title, back=back)
        change, after = amounts.shown_change(entry.balance_delta), amounts.shown(entry.balance_after)
        self.log_change(request, account, f"{entry.get_kind_display()} {change}: {entry.reason}")
        words = _("%(change)s credits; the balance is now %(after)s.") % {"change": change, "after": after}
        self.message_user(request, words, messages.SUCCESS)
        return redirect(back)


@admin.register(LedgerEntry)
class LedgerEntryDesk(HistoryDesk):
    """Every movement of credits, as it was written."""

    list_display = (
        "created_at", "account_link", "kind_label", "reference", "change", "on_hold", "balance",
        "reason", "actor",
    )  # fmt: skip
    list_filter = ("kind", "created_at")
    list_select_related = ("account", "actor")
    search_fields = ("=reference", "account__name", "reason")
    fields = (
        "account_link", "kind", "reference", "change", "on_hold", "captured_shown", "released_shown", "balance",
        "held", "reason", "actor", "created_at",
    )  # fmt: skip
    readonly_fields = fields

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """The account's page links here with its id."""
        return lookup == "account__id__exact" or bool(super().lookup_allowed(lookup, value, request))

    @display(description=gettext_lazy("account"))
    def account_link(self, entry: LedgerEntry) -> str:
        return link(entry.account)

    @display(
        description=gettext_lazy("kind"),
        label={
            "grant": "success",
            "hold": "warning",
            "settle": "info",
            "refund": "success",
            "adjust": "danger",
        },
    )
    def kind_label(self, entry: LedgerEntry) -> tuple[str, str]:
        return entry.kind, entry.get_kind_display()

    @display(description=gettext_lazy("change"))
    def change(self, entry: LedgerEntry) -> str:
        return amounts.shown_change(entry.balance_delta)

    @display(description=gettext_lazy("change on hold"))
    def on_hold(self, entry: LedgerEntry) -> str:
        return amounts.shown_change(entry.held_delta)

    @display(description=gettext_lazy("charged"))
    def captured_shown(self, entry: LedgerEntry) -> str:
        return "–" if entry.captured is None else amounts.shown(entry.captured)

    @display(description=gettext_lazy("returned"))
    def released_shown(self, entry: LedgerEntry) -> str:
        return "–" if entry.released is None else amounts.shown(entry.released)

    @display(description=gettext_lazy("balance after"))
    def balance(self, entry: LedgerEntry) -> str:
        return amounts.shown(entry.balance_after)

    @display(description=gettext_lazy("on hold after"))
    def held(self, entry: LedgerEntry) -> str:
        return amounts.shown(entry.held_after)


@admin.register(ApiToken)
class ApiTokenDesk(HistoryDesk):
    """API tokens: whose, since when, last used. The token itself is nowhere, and its digest is shown to nobody."""

    list_display = ("name", "prefix", "user_link", "state", "created_at", "last_used_at", "expires_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("user", "account")
    search_fields = ("name", "=prefix", "user__username", "user__email")
    fields = (
        "name",
        "prefix",
        "user_link",
        "account",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    readonly_fields = fields
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may change tokens may end them."""
        return bool(request.user.has_perm("accounts.change_apitoken"))

    @display(description=gettext_lazy("user"))
    def user_link(self, token: ApiToken) -> str:
        return link(token.user)

    @display(
        description=gettext_lazy("state"),
        label={"open": "success", "revoked": "danger", "expired": "warning"},
    )
    def state(self, token: ApiToken) -> tuple[str, str]:
        if token.revoked_at is not None:
            return "revoked", _("revoked")
        return ("open", _("usable")) if token.is_usable else ("expired", _("expired"))

    @admin.action(description=gettext_lazy("Revoke for good"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiToken]) -> None:
        """End the chosen tokens."""
        ended = [token for token in chosen if tokens.revoke(token)]
        for token in ended:
            self.log_change(request, token, "Revoked.")
        words = ngettext("%(n)d token revoked.", "%(n)d tokens revoked.", len(ended)) % {"n": len(ended)}
        self.message_user(request, words, messages.SUCCESS if ended else messages.WARNING)


@admin.register(Membership)
class MembershipDesk(HistoryDesk):
    """Who acts for which account."""

    list_display = ("account", "user", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("account", "user")
    search_fields = ("account__name", "user__username")
