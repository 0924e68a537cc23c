"""Admin of accounts and the ledger; users and API tokens with their limits have modules of their own."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display

from accounts import credits
from accounts.admin import credit_postings
from accounts.admin.users import MembershipInline
from accounts.credits import amounts, statement
from accounts.models import KINDS, Account, LedgerEntry, LedgerQuerySet, User
from accounts.staff import suspensions
from accounts.staff.list_search import IndexedSearchAdmin
from core.admin.cells import Badge, change_url
from core.admin.columns import choice_column, link_column, time_column, value_column
from core.admin.decorators import permission_check
from core.admin.export import CsvExportAdmin, CsvLayout
from core.admin.forms import ReasonForm, ask_page, object_or_404
from core.admin.list_filters import IndexedChoicesFilter, NumberedDateFilter
from core.admin.model_admins import LargeTableAdmin, ReadOnlyAdmin, ReadOnlyInline, mark_log_position
from core.http import csv_rows


class KindFilter(IndexedChoicesFilter):
    """Filter by the kind of a movement; kinds other than work use their own partial index."""

    def narrow(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        return cast(LedgerQuerySet, rows).of_kinds(value)


class LedgerInline(ReadOnlyInline):
    """The account's last movements."""

    model = LedgerEntry
    fields = ("created_at", "kind", "reference", "change", "change_on_hold", "balance", "reason", "actor")
    ordering = ("-id",)
    tab = True
    max_rows = 30
    change = value_column("balance_delta", gettext_lazy("change"), amounts.display_change)
    balance = value_column("balance_after", gettext_lazy("balance after"), amounts.display)

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

    @display(description=gettext_lazy("change on hold"))
    def change_on_hold(self, entry: LedgerEntry) -> str:
        return amounts.display_change(entry.held_delta) if entry.held_delta else ""


@admin.register(Account)
class AccountAdmin(IndexedSearchAdmin, LargeTableAdmin):
    """Accounts with their ledger. Balances change only through the two buttons."""

    list_display = (
        "name",
        "kind",
        "state",
        "balance_column",
        "held_column",
        "plan",
        "in_flight_limit",
        "created_at",
    )
    list_filter = ("status", "kind", "plan")
    list_select_related = ("plan",)
    search_fields = ("name", "memberships__user__username", "memberships__user__email")
    search_help_text = gettext_lazy("The beginning of a name or an address")
    by_account = ("pk",)
    ordering = ("-id",)
    fields = (
        "name",
        "kind",
        "status",
        "plan",
        "in_flight_limit",
        "balance_column",
        "held_column",
        "owed_column",
        "ledger_link",
        "created_at",
    )
    # The kind never changes; the status changes only through its own actions: suspending, closing.
    readonly_fields = (
        "kind", "status", "balance_column", "held_column", "owed_column", "ledger_link", "created_at",
    )  # fmt: skip
    inlines = (LedgerInline, MembershipInline)
    actions_detail = ("grant_credits", "adjust_credits", "suspend", "reopen")
    state = choice_column(
        "status",
        gettext_lazy("status"),
        {"active": "success", "suspended": "danger", "closing": "warning", "closed": "default"},
    )
    balance_column = value_column("balance", gettext_lazy("balance"), amounts.display, ordering="balance")
    held_column = value_column("held", gettext_lazy("on hold"), amounts.display, ordering="held")
    has_adjust_permission = permission_check("accounts.adjust_credits")
    has_suspend_permission = permission_check("accounts.change_account")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        """Save only the changed columns, since balances move concurrently. The plan goes through `credits.set_plan`."""
        changed = [name for name in form.changed_data if name != "plan"]
        if changed:
            obj.save(update_fields=changed)
        if "plan" in form.changed_data:
            credits.set_plan(obj, obj.plan)

    @display(description=gettext_lazy("credits owed"), label={"owed": "danger"})
    def owed_column(self, account: Account) -> str | Badge:
        return Badge("owed", amounts.display(account.owed)) if account.owed else "–"

    @display(description=gettext_lazy("ledger"))
    def ledger_link(self, account: Account) -> str:
        address = reverse("admin:accounts_ledgerentry_changelist")
        return format_html(
            '<a href="{}?account__id__exact={}">{}</a>', address, account.pk, _("All movements")
        )

    @action(
        description=gettext_lazy("Grant credits"), url_path="grant", icon="add_circle", permissions=["adjust"]
    )
    def grant_credits(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Add credits with a reason."""
        return self._post(request, object_id, credit_postings.GrantForm, _("Grant credits"))

    @action(
        description=gettext_lazy("Adjust balance"), url_path="adjust", icon="balance", permissions=["adjust"]
    )
    def adjust_credits(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Correct the balance by a signed amount with a reason."""
        return self._post(request, object_id, credit_postings.AdjustForm, _("Adjust the balance"))

    @action(description=gettext_lazy("Suspend"), url_path="suspend", icon="block", permissions=["suspend"])
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Suspend the account, with a reason."""
        words = gettext_lazy(
            "Nothing new is made, bought or given with it; its tokens are refused. What is under way ends as it would."
        )
        return self._set_suspension(request, object_id, suspensions.suspend, gettext_lazy("Suspend"), words)

    @action(
        description=gettext_lazy("End the suspension"),
        url_path="reopen",
        icon="lock_open",
        permissions=["suspend"],
    )
    def reopen(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End the account's suspension, with a reason."""
        words = gettext_lazy("It can do everything again that it could before.")
        return self._set_suspension(
            request, object_id, suspensions.reopen, gettext_lazy("End the suspension"), words
        )

    def _set_suspension(
        self, request: HttpRequest, object_id: str, verb: suspensions.Verb, title: Any, words: Any
    ) -> HttpResponse:
        account = object_or_404(self, request, object_id)
        form = ReasonForm(request.POST or None)
        back = change_url(account)
        if request.method == "POST" and form.is_valid():
            try:
                verb(account, by=cast(User, request.user), reason=form.cleaned_data["reason"])
            except suspensions.CannotChange as error:
                form.add_error(None, str(error))
            else:
                self.message_user(request, _("Done, and on record."), messages.SUCCESS)
                return redirect(back)
        return ask_page(self, request, form, title=title, words=words, button=title, back=back)

    def _post(
        self, request: HttpRequest, object_id: str, form_class: type[credit_postings.AmountForm], title: str
    ) -> HttpResponse:
        account = object_or_404(self, request, object_id)
        form = form_class(request.POST or None)
        back = change_url(account)
        mark_log_position(request)
        posted = credit_postings.post(request, account, form) if form.is_valid() else None
        if posted is None:
            words = _("%(name)s has %(balance)s credits, and %(held)s on hold.") % {
                "name": account.name,
                "balance": amounts.display(account.balance),
                "held": amounts.display(account.held),
            }
            if account.owed:
                owed = _(
                    "%(owed)s credits are owed for returned payments. Whatever is added pays them off first."
                )
                words += " " + owed % {"owed": amounts.display(account.owed)}
            return ask_page(self, request, form, title=title, words=words, button=title, back=back)
        entry = posted.entry
        change, after = amounts.display_change(entry.balance_delta), _balance(entry)
        if posted.is_repeat:
            words = _(
                "This form was sent before, and counted once: %(change)s credits for %(name)s, “%(reason)s”."
            )
            values = {"change": change, "name": entry.account.name, "reason": entry.reason}
            self.message_user(request, words % values, messages.WARNING)
            return redirect("admin:accounts_account_change", entry.account_id)
        self.log_change(request, account, f"{entry.get_kind_display()} {change}: {entry.reason}")
        words = _("%(change)s credits; the balance is now %(after)s.") % {"change": change, "after": after}
        self.message_user(request, words, messages.SUCCESS)
        return redirect(back)


def _balance(entry: LedgerEntry) -> str:
    """The account's balance now; part of the movement may have paid a debt."""
    return amounts.display(Account.objects.values_list("balance", flat=True).get(pk=entry.account_id))


def _cells(row: LedgerEntry) -> list[csv_rows.Cell]:
    """One CSV row of a movement, as in its owner's statement."""
    when, *cells = statement.cells(row)
    actor = row.actor.username if row.actor else ""
    return [csv_rows.Number(row.pk), when, row.account.name, *cells, actor]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(IndexedSearchAdmin, CsvExportAdmin, ReadOnlyAdmin):
    """All movements of credits."""

    csv_layout = CsvLayout(
        ["id", "when", "account", *statement.COLUMNS[1:], "by"], _cells, related=("account", "actor")
    )

    list_display = (
        "when", "account_link", "kind_label", "reference", "change", "on_hold", "balance",
        "reason", "actor",
    )  # fmt: skip
    list_filter = (("kind", KindFilter), ("created_at", NumberedDateFilter))
    list_select_related = ("account", "actor")
    search_fields = ("reference", "account__name", "reason")
    search_help_text = gettext_lazy(
        "A whole reference, the beginning of an account's name, or words of a new reason"
    )
    exactly, by_account, in_newest = ("reference",), ("account",), ("reason",)
    allowed_lookups = ("account__id__exact",)
    fields = (
        "account_link", "kind", "reference", "change", "on_hold", "captured_column", "released_column", "balance",
        "held", "reason", "token", "actor", "created_at",
    )  # fmt: skip
    when = time_column("created_at", gettext_lazy("when"))
    account_link = link_column("account", gettext_lazy("account"))
    kind_label = choice_column(
        "kind", gettext_lazy("kind"), {kind: spec.badge for kind, spec in KINDS.items()}
    )
    change = value_column("balance_delta", gettext_lazy("change"), amounts.display_change)
    on_hold = value_column("held_delta", gettext_lazy("change on hold"), amounts.display_change)
    captured_column = value_column("captured", gettext_lazy("charged"), amounts.display)
    released_column = value_column("released", gettext_lazy("returned"), amounts.display)
    balance = value_column("balance_after", gettext_lazy("balance after"), amounts.display)
    held = value_column("held_after", gettext_lazy("on hold after"), amounts.display)
