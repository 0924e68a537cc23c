"""Admin of users, groups, e-mail addresses and memberships."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Exists, Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.admin.sanctions import SanctionActions
from accounts.admin.sign_in import SignInActions
from accounts.credits import amounts
from accounts.models import Account, Membership, User
from accounts.personal_accounts import personal_account, with_personal_account
from accounts.staff.list_search import IndexedSearchAdmin
from core.admin.cells import link, text_link
from core.admin.columns import value_column
from core.admin.model_admins import (
    AuditedAdmin,
    LargeTableAdmin,
    ReadOnlyInline,
    register_read_only,
)

admin.site.unregister(Group)
admin.site.unregister(EmailAddress)


class AdministratorsOnly(AuditedAdmin):
    """Readable with the view permission, writable by superusers only: these rows grant permissions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser and super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser and super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser and super().has_delete_permission(request, obj))


@admin.register(Group)
class StaffGroupAdmin(AdministratorsOnly, GroupAdmin):
    """Groups, which carry the permissions of moderators and operators."""


@admin.register(EmailAddress)
class EmailAddressAdmin(IndexedSearchAdmin, AdministratorsOnly, LargeTableAdmin):
    """E-mail addresses and whether they are verified. Setting one allows a password reset to be sent to it."""

    list_display = ("email", "user", "verified", "primary")
    list_filter = ("verified", "primary")
    search_fields = ("email", "user__username")
    by_user = ("user",)
    list_select_related = ("user",)
    autocomplete_fields = ("user",)


class MembershipInline(ReadOnlyInline):
    """Accounts a user acts for, or users who act for an account."""

    model = Membership
    fields = ("account", "user", "role", "created_at")
    tab = True


class PersonalStatusFilter(admin.SimpleListFilter):
    """Filter users by the status of their personal account, whichever account they act for now."""

    title = gettext_lazy("account")
    parameter_name = "own"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(value), str(words)) for value, words in Account.Status.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        """Users whose personal account has the chosen status."""
        if self.value() not in Account.Status.values:
            return queryset
        own = Membership.objects.filter(
            account__kind=Account.Kind.USER, account__status=self.value(), role="owner"
        )
        if self.value() == Account.Status.ACTIVE:
            return queryset.filter(Exists(own.filter(user=OuterRef("pk"))))
        # Few rows: found from the accounts, not by a subquery a user.
        return queryset.filter(pk__in=own.values("user"))


@admin.register(User)
class MemberAdmin(IndexedSearchAdmin, UserAdmin, SignInActions, SanctionActions, LargeTableAdmin):
    """Users with the state of their personal account. A ban deletes nothing and blocks every kind of access."""

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
    list_filter = ("is_active", "is_staff", "is_superuser", PersonalStatusFilter)
    search_fields = ("username", "email", "display_name")
    search_help_text = gettext_lazy("The beginning of a name or an address")
    by_user = ("pk",)
    # Indexed columns only: sorting by balance would read all users.
    sortable_by = ("username", "date_joined")
    readonly_fields = ("account_link", "related_lists", "last_login", "date_joined")
    ordering = ("-id",)
    actions = ("warn", "mute", "unmute", "ban", "unban")
    actions_detail = SignInActions.sign_in_actions
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("username", "password", "account_link", "related_lists")}),
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
    balance = value_column("own_balance", gettext_lazy("balance"), amounts.display, ordering="own_balance")
    on_hold = value_column("own_held", gettext_lazy("on hold"), amounts.display, ordering="own_held")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Annotated with the personal account's balance and holds, whichever account they act for now."""
        own = Membership.objects.filter(user=OuterRef("pk"), account__kind=Account.Kind.USER, role="owner")
        rows: QuerySet[User] = super().get_queryset(request)
        return with_personal_account(rows).annotate(
            own_balance=Subquery(own.order_by("pk").values("account__balance")[:1]),
            own_held=Subquery(own.order_by("pk").values("account__held")[:1]),
        )

    @display(
        description=gettext_lazy("state"),
        label={"active": "success", "suspended": "warning", "banned": "danger"},
    )
    def state(self, user: User) -> tuple[str, str]:
        if not user.is_active:
            return "banned", _("banned")
        own = personal_account(user)
        if own is not None and own.status != Account.Status.ACTIVE:
            return "suspended", own.get_status_display()
        return "active", _("active")

    @display(description=gettext_lazy("account"))
    def account_link(self, user: User) -> str:
        return link(personal_account(user))

    @display(description=gettext_lazy("theirs"))
    def related_lists(self, user: User) -> str:
        """Links to the user's rows, by admin URL name, since apps of higher layers cannot be imported."""
        lists = (
            (_("Predictions"), "predictions_prediction"), (_("Items"), "gallery_item"),
            (_("Share links"), "gallery_sharelink"), (_("API tokens"), "accounts_apitoken"),
        )  # fmt: skip
        query = urlencode({"q": user.username})
        links = (text_link(f"{reverse(f'admin:{name}_changelist')}?{query}", title) for title, name in lists)
        return format_html_join(" · ", "{}", ((one,) for one in links))

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Without money and addresses for staff who may only decide cases."""
        hidden = () if _sees_money(request) else ("email", "balance", "on_hold")
        return tuple(str(name) for name in super().get_list_display(request) if name not in hidden)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Without e-mail addresses for staff who may not see them: a search result would reveal one."""
        names = tuple(super().get_search_fields(request))
        return names if _sees_money(request) else tuple(name for name in names if name != "email")

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        hidden = {"password"} | (set() if _sees_money(request) else {"email", "first_name", "last_name"})
        return [
            (title, {**rest, "fields": tuple(name for name in rest["fields"] if name not in hidden)})
            for title, rest in super().get_fieldsets(request, obj)
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Only superusers grant staff rights and groups; `is_active` is changed by a ban, never by a tick."""
        fields = (*super().get_readonly_fields(request, obj), "is_active")
        if request.user.is_superuser:
            return fields
        return (*fields, "is_staff", "is_superuser", "groups", "user_permissions")

    def get_inlines(self, request: HttpRequest, obj: Model | None = None) -> tuple[Any, ...]:
        """None on the add page: a new user has no membership yet."""
        return self.inlines if obj is not None else ()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # Staff who could edit other staff could set a new password and take over the other's permissions.
        other = isinstance(obj, User) and obj.pk != request.user.pk and (obj.is_staff or obj.is_superuser)
        if other and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))


def _sees_money(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("accounts.view_account"))


# Memberships: who acts for which account.
register_read_only(
    Membership,
    list_display=("account", "user", "role", "created_at"),
    fields=None,
    mixins=(IndexedSearchAdmin,),
    list_filter=("role",),
    search_fields=("account__name", "user__username"),
    by_user=("user",),
    by_account=("account",),
)
