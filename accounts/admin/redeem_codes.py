"""Admin of redeem codes and gifts: create batches (codes are downloaded once, as CSV), revoke, list redemptions."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.billing import redeem_codes
from accounts.credits import amounts
from accounts.credits.form_fields import AmountField, OnceForm
from accounts.models import CodeBatch, Gift, Plan, RedeemCode, Redemption, User
from core import timezones
from core.admin.cells import Badge, change_url, link
from core.admin.columns import Column, link_column, time_column, value_column
from core.admin.decorators import permission_check
from core.admin.export import CsvExportAdmin, CsvLayout
from core.admin.forms import ReasonForm, ask_page, object_or_404
from core.admin.model_admins import BaseAdmin, ReadOnlyAdmin, register_read_only
from core.http import csv_rows


class BatchForm(OnceForm):
    """Creates a batch of redeem codes."""

    field_order = ("name", "worth", "count", "uses", "expires", "plan", "reason", "once")

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=120, strip=True, widget=UnfoldAdminTextInputWidget()
    )
    worth = AmountField(label=gettext_lazy("Credits, each"), required=True, signed=True, max_length=30)
    count = forms.IntegerField(
        label=gettext_lazy("How many codes"),
        min_value=1,
        max_value=redeem_codes.MAX_CODES,
        initial=1,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    uses = forms.IntegerField(
        label=gettext_lazy("Uses"),
        min_value=1,
        max_value=1_000_000,
        initial=1,
        help_text=gettext_lazy("How many accounts may redeem each code; each account once."),
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    expires = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        help_text=gettext_lazy("Empty: it never ends by itself."),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )
    plan = forms.ModelChoiceField(
        Plan.objects.all(),
        label=gettext_lazy("Plan"),
        required=False,
        help_text=gettext_lazy("The plan that an account gets with it; empty: it keeps its own."),
        widget=UnfoldAdminSelectWidget(),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        strip=True,
        help_text=gettext_lazy("For the record; members do not see it."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )

    def clean_worth(self) -> int:
        """Micro-credits, more than none."""
        micro = int(self.cleaned_data["worth"])
        if micro <= 0:
            raise forms.ValidationError(_("A code is worth more than nothing."))
        return micro

    def clean_expires(self) -> datetime | None:
        """Midnight after the last day."""
        day = self.cleaned_data["expires"]
        if day is None:
            return None
        if not timezones.is_valid_day(day):
            raise forms.ValidationError(timezones.INVALID_DAY)
        ends = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
        if ends <= timezone.now():
            raise forms.ValidationError(_("The date has passed."))
        return ends


@admin.register(CodeBatch)
class CodeBatchAdmin(BaseAdmin):
    """Batches of codes. Adding one answers with the codes as a file; they are never shown again."""

    list_display = ("name", "worth", "uses", "codes_count", "redeemed", "plan", "ends", "state", "made_by")
    list_select_related = ("plan", "made_by")
    search_fields = ("name",)
    fields = (
        "name", "worth", "uses", "codes_count", "redeemed", "plan", "ends", "state", "made_by", "created_at",
    )  # fmt: skip
    readonly_fields = fields
    actions_detail = ("revoke_batch",)
    worth = value_column("credits", gettext_lazy("worth"), amounts.display)
    ends = time_column("expires_at", gettext_lazy("ends"))
    has_revoke_permission = permission_check("accounts.change_codebatch")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CodeBatch]:
        """Annotated with the number of codes and the uses left."""
        rows: QuerySet[CodeBatch] = super().get_queryset(request)
        return rows.annotate(codes_count=Count("codes"), left=Sum("codes__uses_left"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form; the response to a valid one is the CSV file."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BatchForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            answer = self._create(request, form)
            if answer is not None:
                return answer
        words = _(
            "The codes come as a file, this once: they are not kept, and nobody can look them up later. Keep it safe."
        )
        return ask_page(
            self, request, form, title=_("Make codes"), words=words, button=_("Make and download")
        )

    def _create(self, request: HttpRequest, form: BatchForm) -> HttpResponse | None:
        data = form.cleaned_data
        try:
            batch, codes = redeem_codes.create_batch(
                name=data["name"], credits=data["worth"], count=data["count"], uses=data["uses"],
                expires_at=data["expires"], plan=data["plan"], by=cast(User, request.user), reason=data["reason"],
                once=data["once"],
            )  # fmt: skip
        except redeem_codes.AlreadyMade as error:
            words = _(
                "This form was sent already, and made the batch “%(name)s”. Look at the list of batches."
            )
            form.add_error(None, words % {"name": error.batch.name})
            return None
        return cast(
            HttpResponse,
            csv_rows.download(
                f"codes-{batch.pk}", redeem_codes.CSV_HEADER, redeem_codes.csv_rows(batch, codes)
            ),
        )

    @action(
        description=gettext_lazy("Withdraw the batch"),
        url_path="revoke",
        icon="block",
        permissions=["revoke"],
    )
    def revoke_batch(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Revoke all codes of the batch."""
        return _revoke(self, request, object_id, _("Withdraw the batch"))

    @display(description=gettext_lazy("codes"))
    def codes_count(self, batch: Any) -> int:
        return int(batch.codes_count)

    @display(description=gettext_lazy("redeemed"))
    def redeemed(self, batch: Any) -> int:
        return int(batch.codes_count * batch.uses - (batch.left or 0))

    @display(
        description=gettext_lazy("state"), label={"open": "success", "over": "warning", "withdrawn": "danger"}
    )
    def state(self, batch: CodeBatch) -> Badge:
        if batch.revoked_at is not None:
            return Badge("withdrawn", _("withdrawn"))
        if batch.expires_at is not None and batch.expires_at <= timezone.now():
            return Badge("over", _("expired"))
        return Badge("open", _("can be redeemed"))


def _revoke(model_admin: Any, request: HttpRequest, object_id: str, title: str) -> HttpResponse:
    row = object_or_404(model_admin, request, object_id)
    form = ReasonForm(request.POST or None)
    back = change_url(row)
    if request.method != "POST" or not form.is_valid():
        words = _("What was redeemed stays with its members. This cannot be undone.")
        return ask_page(model_admin, request, form, title=title, words=words, button=title, back=back)
    done = redeem_codes.revoke(row, by=cast(User, request.user), reason=form.cleaned_data["reason"])
    model_admin.message_user(
        request,
        _("Withdrawn.") if done else _("It was withdrawn before."),
        messages.SUCCESS if done else messages.WARNING,
    )
    return redirect(back)


@admin.register(RedeemCode)
class RedeemCodeAdmin(ReadOnlyAdmin):
    """Single codes, by their last four characters: only a digest is stored. A whole code is found too."""

    list_display = ("hint_column", "batch_link", "uses_left", "withdrawn")
    list_select_related = ("batch",)
    search_fields = ("=hint", "batch__name")
    search_help_text = gettext_lazy("The last four signs of a code, a whole code, or the name of a batch.")
    fields = ("hint_column", "batch_link", "uses_left", "withdrawn")
    actions_detail = ("revoke_code",)
    batch_link = link_column("batch", gettext_lazy("batch of codes"))
    withdrawn = time_column("revoked_at", gettext_lazy("withdrawn"))
    has_revoke_permission = permission_check("accounts.change_codebatch")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look a whole code, as a member reports it, up by its digest."""
        plain = redeem_codes.normalize(search_term)
        if plain:
            return queryset.filter(digest=redeem_codes.digest(plain)), False
        return super().get_search_results(
            request, queryset, search_term.upper() if len(search_term) == 4 else search_term
        )

    @action(
        description=gettext_lazy("Withdraw the code"), url_path="revoke", icon="block", permissions=["revoke"]
    )
    def revoke_code(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Revoke this code alone."""
        return _revoke(self, request, object_id, _("Withdraw the code"))

    @display(description=gettext_lazy("ends in"))
    def hint_column(self, code: RedeemCode) -> str:
        return f"…{code.hint}"


def _redemption_cells(row: Redemption) -> list[csv_rows.Cell]:
    """A redemption as a CSV row."""
    worth = csv_rows.Number(amounts.decimal_text(row.code.batch.credits))
    return [
        row.created_at.isoformat(timespec="seconds"), row.account.name, row.user.username, row.code.hint,
        row.code.batch.name, worth,
    ]  # fmt: skip


def _code_link(row: Redemption) -> str:
    return link(row.code, f"…{row.code.hint} · {row.code.batch.name}")


# Redemptions: which account redeemed which code.
register_read_only(
    Redemption,
    list_display=(
        time_column("created_at", gettext_lazy("when")), link_column("account", gettext_lazy("account")),
        "user", Column("code", gettext_lazy("redeem code"), _code_link),
        Column("worth", gettext_lazy("worth"), lambda row: amounts.display(row.code.batch.credits)),
    ),
    mixins=(CsvExportAdmin,),
    list_select_related=("account", "user", "code__batch"),
    search_fields=("account__name", "user__username", "=code__hint", "code__batch__name"),
    csv_layout=CsvLayout(
        ["when", "account", "user", "code ends in", "batch", "credits"],
        _redemption_cells,
        related=("account", "user", "code__batch"),
    ),
)  # fmt: skip


def _gift_cells(row: Gift) -> list[csv_rows.Cell]:
    """A gift as a CSV row."""
    amount = csv_rows.Number(amounts.decimal_text(row.amount))
    return [
        row.created_at.isoformat(timespec="seconds"), row.reference, row.giver.name, row.receiver.name, amount,
        row.words, row.user.username,
    ]  # fmt: skip


# Gifts of credits between members.
register_read_only(
    Gift,
    list_display=(
        time_column("created_at", gettext_lazy("when")), link_column("giver", gettext_lazy("from")),
        link_column("receiver", gettext_lazy("to")),
        value_column("amount", gettext_lazy("amount"), amounts.display), "words", "user",
    ),
    fields=("created_at", "reference", "giver", "receiver", "amount", "words", "user"),
    mixins=(CsvExportAdmin,),
    search_fields=("=reference", "giver__name", "receiver__name"),
    csv_layout=CsvLayout(
        ["when", "reference", "from", "to", "credits", "words", "by"],
        _gift_cells,
        related=("giver", "receiver", "user"),
    ),
)  # fmt: skip
