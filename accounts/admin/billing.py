"""Admin of payments: purchases, disputes, refunds and the messages of payment providers; ended allowances."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.billing import refunds
from accounts.billing.currencies import format_money, parse, plain_amount
from accounts.credits import amounts
from accounts.credits.form_fields import OnceForm
from accounts.models import Account, Dispute, EndedAllowance, PaymentEvent, Purchase, User
from core.admin.cells import Badge, change_url
from core.admin.columns import choice_column, link_column, time_column, value_column
from core.admin.decorators import permission_check
from core.admin.export import CsvExportAdmin, CsvLayout
from core.admin.forms import ReasonForm, ask_page, object_or_404
from core.admin.model_admins import ReadOnlyAdmin, ReadOnlyInline, register_read_only
from core.http import csv_rows


class EventInline(ReadOnlyInline):
    """Messages of the payment provider about a purchase."""

    model = PaymentEvent
    fields = ("when", "kind", "event_id", "outcome")
    ordering = ("-id",)
    when = time_column("created_at", gettext_lazy("when"))


class DisputeInline(ReadOnlyInline):
    """Disputes of a purchase, as the provider reported them."""

    model = Dispute
    fields = ("when", "number", "amount_column", "state")
    ordering = ("-id",)
    show_change_link = False
    when = time_column("created_at", gettext_lazy("when"))

    @display(description=gettext_lazy("amount"))
    def amount_column(self, row: Dispute) -> str:
        return format_money(row.amount, row.purchase.currency)


class RefundForm(OnceForm):
    """Amount and reason of a refund."""

    field_order = ("amount", "reason", "once")

    amount = forms.CharField(
        label=gettext_lazy("Amount"),
        max_length=20,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text=gettext_lazy("In the currency itself, such as 5.00. Empty: all that is left."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        strip=True,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, purchase: Purchase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._purchase = purchase

    def clean_amount(self) -> int:
        """The amount in the currency's smallest unit; at most what has not been refunded."""
        left = self._purchase.refundable()
        text = self.cleaned_data["amount"].strip()
        try:
            amount = parse(text, self._purchase.currency) if text else left
        except ValueError:
            raise forms.ValidationError(_("Write a price such as 5.00, more than nothing.")) from None
        if not 0 < amount <= left:
            words = _("At most %(left)s are left to pay back.")
            raise forms.ValidationError(words % {"left": format_money(left, self._purchase.currency)})
        return amount


def _cells(row: Purchase) -> list[csv_rows.Cell]:
    """One CSV row of a purchase."""
    number = csv_rows.Number
    return [
        row.created_at.isoformat(timespec="seconds"), row.reference, row.account.name, row.user.username,
        number(amounts.decimal_text(row.credits)), number(plain_amount(row.price, row.currency)), row.currency,
        row.status,
        row.paid_at.isoformat(timespec="seconds") if row.paid_at else "", number(plain_amount(row.refunded,
        row.currency)),
        number(plain_amount(row.owed, row.currency)), number(amounts.decimal_text(row.taken_back)),
        number(amounts.decimal_text(row.credits_owed)), row.provider, row.payment,
    ]  # fmt: skip


_COLUMNS = [
    "when", "reference", "account", "user", "credits", "price", "currency", "status", "paid", "paid back", "owed",
    "credits taken back", "credits owed", "provider", "payment",
]  # fmt: skip
_CSV_LAYOUT = CsvLayout(_COLUMNS, _cells, related=("account", "user"))


class OwedFilter(admin.SimpleListFilter):
    """Filter: purchases to be refunded, automatically, or by staff where the provider could not."""

    title = gettext_lazy("owed to the buyer")
    parameter_name = "owed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext_lazy("something is owed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> QuerySet[Purchase]:
        return queryset.filter(owed__gt=0) if self.value() == "yes" else queryset


class CreditsOwedFilter(admin.SimpleListFilter):
    """Filter: purchases whose credits could not all be taken back, so that credits are owed."""

    title = gettext_lazy("credits owed by the account")
    parameter_name = "credits_owed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext_lazy("credits are owed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> QuerySet[Purchase]:
        if self.value() != "yes":
            return queryset
        return queryset.filter(to_take_back__gt=F("taken_back")).exclude(
            account__status=Account.Status.CLOSED
        )


@admin.register(Purchase)
class PurchaseAdmin(CsvExportAdmin, ReadOnlyAdmin):
    """Purchases. A refund is requested from the provider; its confirmation takes the credits back."""

    list_display = (
        "when",
        "account_link",
        "credits_column",
        "price_column",
        "state",
        "refunded_column",
        "owed_column",
        "credits_owed_column",
        "reference",
    )
    list_filter = ("status", OwedFilter, CreditsOwedFilter, "created_at")
    list_select_related = ("account",)
    search_fields = ("=reference", "=session", "=payment", "account__name")
    fields = (
        "when", "reference", "account_link", "user", "credits_column", "price_column", "state", "paid_column",
        "refunded_column", "owed_column", "taken_back_column", "credits_owed_column", "provider", "session", "payment",
    )  # fmt: skip
    inlines = (DisputeInline, EventInline)
    actions_detail = ("pay_back", "paid_otherwise")
    csv_layout = _CSV_LAYOUT
    when = time_column("created_at", gettext_lazy("ordered"))
    account_link = link_column("account", gettext_lazy("account"))
    credits_column = value_column("credits", gettext_lazy("credits"), amounts.display)
    paid_column = time_column("paid_at", gettext_lazy("paid"))
    taken_back_column = value_column(
        "taken_back", gettext_lazy("credits taken back"), amounts.display, dash_zero=True
    )
    state = choice_column(
        "status",
        gettext_lazy("status"),
        {
            "open": "warning",
            "paid": "success",
            "disputed": "danger",
            "refunded": "info",
            "expired": "default",
        },
    )
    has_refund_permission = permission_check("accounts.change_purchase")

    @action(description=gettext_lazy("Pay back"), url_path="refund", icon="undo", permissions=["refund"])
    def pay_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Request a full or partial refund from the provider."""
        purchase = object_or_404(self, request, object_id)
        back = change_url(purchase)
        if not refunds.is_refundable(purchase):
            self.message_user(request, _("There is nothing to pay back."), messages.WARNING)
            return redirect(back)
        form = RefundForm(request.POST or None, purchase=purchase)
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            try:
                refunds.refund(
                    purchase,
                    data["amount"],
                    by=cast(User, request.user),
                    reason=data["reason"],
                    once=data["once"],
                )
            except refunds.CannotRefund as error:
                form.add_error(None, str(error))
            else:
                words = _("%(amount)s are being paid back. The credits go when the provider has told us.")
                values = {"amount": format_money(data["amount"], purchase.currency)}
                self.message_user(request, words % values, messages.SUCCESS)
                return redirect(back)
        words = _("%(name)s paid %(price)s for %(credits)s credits; %(refunded)s were paid back.") % {
            "name": purchase.account.name,
            "price": format_money(purchase.price, purchase.currency),
            "credits": amounts.display(purchase.credits),
            "refunded": format_money(purchase.refunded, purchase.currency),
        }
        return ask_page(
            self, request, form, title=_("Pay back"), words=words, button=_("Pay back"), back=back
        )

    @action(
        description=gettext_lazy("Paid another way"),
        url_path="otherwise",
        icon="task_alt",
        permissions=["refund"],
    )
    def paid_otherwise(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Record that the buyer was refunded by other means, such as a bank transfer."""
        purchase = object_or_404(self, request, object_id)
        back = change_url(purchase)
        form = ReasonForm(request.POST or None)
        title = _("Paid another way")
        if purchase.owed and not (request.method == "POST" and form.is_valid()):
            words = _("%(owed)s are owed to the buyer. Say how they were paid; nothing is sent from here.")
            words %= {"owed": format_money(purchase.owed, purchase.currency)}
            return ask_page(self, request, form, title=title, words=words, button=title, back=back)
        by = cast(User, request.user)
        if purchase.owed and refunds.mark_paid_otherwise(purchase, by=by, reason=form.cleaned_data["reason"]):
            self.message_user(request, _("Nothing is owed for this purchase any more."), messages.SUCCESS)
        else:
            self.message_user(request, _("Nothing is owed for this purchase."), messages.WARNING)
        return redirect(back)

    @display(description=gettext_lazy("price"))
    def price_column(self, row: Purchase) -> str:
        return format_money(row.price, row.currency)

    @display(description=gettext_lazy("paid back"))
    def refunded_column(self, row: Purchase) -> str:
        return format_money(row.refunded, row.currency) if row.refunded else "–"

    @display(description=gettext_lazy("owed to the buyer"), label={"owed": "danger"})
    def owed_column(self, row: Purchase) -> str | Badge:
        return Badge("owed", format_money(row.owed, row.currency)) if row.owed else "–"

    @display(description=gettext_lazy("credits owed"), label={"owed": "danger", "lost": "default"})
    def credits_owed_column(self, row: Purchase) -> str | Badge:
        if not row.credits_owed:
            return "–"
        if row.account.status == Account.Status.CLOSED:
            words = _("%(amount)s, from an account that is closed")
            return Badge("lost", words % {"amount": amounts.display(row.credits_owed)})
        return Badge("owed", amounts.display(row.credits_owed))


# Payment disputes (chargebacks); their share of the credits is taken back while they stand.
register_read_only(
    Dispute,
    list_display=("__str__", "purchase", "amount", "state", "created_at"),
    fields=("purchase", "number", "amount", "state", "created_at"),
    list_filter=("state",),
    search_fields=("=number", "=purchase__reference"),
)


_ALLOWANCE = (
    "period",
    link_column("account", gettext_lazy("account")),
    value_column("given", gettext_lazy("given"), amounts.display),
    value_column("left", gettext_lazy("left"), amounts.display),
    value_column("on_hold", gettext_lazy("on hold"), amounts.display),
)
# Allowances that ended while credits were on hold that may belong to them.
register_read_only(
    EndedAllowance,
    list_display=_ALLOWANCE,
    fields=(*_ALLOWANCE, "first", "last"),
    search_fields=("=account__name",),
)

# Messages of payment providers and their effects.
register_read_only(
    PaymentEvent,
    list_display=(
        time_column("created_at", gettext_lazy("when")), "provider", "kind", "outcome",
        link_column("purchase", gettext_lazy("purchase")), "event_id",
    ),
    fields=("created_at", "provider", "event_id", "kind", "outcome", "purchase"),
    list_filter=("provider", "kind"),
    search_fields=("=event_id", "=purchase__reference"),
)  # fmt: skip
