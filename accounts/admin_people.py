"""The desk for people: users, groups, e-mail addresses, memberships."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import amounts
from accounts.desk import Desk, HistoryDesk, HistoryInline, link
from accounts.models import Account, Membership, User

admin.site.unregister(Group)
admin.site.unregister(EmailAddress)


class AdministratorsOnly(ModelAdmin):
    """Read by whoever may; written by administrators alone, because whoever writes here can become one."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser and super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser and super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser and super().has_delete_permission(request, obj))


@admin.register(Group)
class GroupDesk(AdministratorsOnly, GroupAdmin):
    """Groups carry the permissions of moderators and operators."""


@admin.register(EmailAddress)
class EmailAddressDesk(AdministratorsOnly, Desk):
    """Which addresses were checked. Whoever sets an address can have the password sent there."""

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
    readonly_fields = ("account_link", "theirs", "last_login", "date_joined")
    ordering = ("-id",)
    actions = ("ban", "unban")
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("username", "password", "account_link", "theirs")}),
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

    @display(description=gettext_lazy("theirs"))
    def theirs(self, user: User) -> str:
        """Ways to everything that the user made. The floors above are named, never imported."""
        lists = (
            (_("Predictions"), "predictions_prediction"), (_("Items"), "gallery_item"),
            (_("Share links"), "gallery_sharelink"), (_("API tokens"), "accounts_apitoken"),
        )  # fmt: skip
        query = urlencode({"q": user.username})
        ways = ((f"{reverse(f'admin:{name}_changelist')}?{query}", words) for words, name in lists)
        return format_html_join(
            " · ", '<a class="text-primary-600 dark:text-primary-400" href="{}">{}</a>', ways
        )

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
        # A helper who may edit another helper could set a new password and take over the other's permissions.
        other = isinstance(obj, User) and obj.pk != request.user.pk and (obj.is_staff or obj.is_superuser)
        if other and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    @admin.action(description=gettext_lazy("Ban: no sign-in, no API"), permissions=["change"])
    def ban(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """Close every door for these users; not for oneself, and for staff only by an administrator."""
        users = users.exclude(pk=cast(User, request.user).pk)
        if not request.user.is_superuser:
            users = users.exclude(is_superuser=True).exclude(is_staff=True)
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


@admin.register(Membership)
class MembershipDesk(HistoryDesk):
    """Who acts for which account."""

    list_display = ("account", "user", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("account", "user")
    search_fields = ("account__name", "user__username")
