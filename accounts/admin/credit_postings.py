"""Manual credit movements by staff: the grant and adjust forms of the admin, and their posting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts import credits
from accounts.credits.form_fields import AmountField, OnceForm
from accounts.models import Account, LedgerEntry, Membership, User
from accounts.notifications import notices
from accounts.staff import audit_log

_MAX_NOTIFIED = 20


class AmountForm(OnceForm):
    """An amount of credits with a reason; a form sent twice is posted once."""

    field_order = ("amount", "reason", "once")

    amount = AmountField(label=gettext_lazy("Credits"), required=True, signed=True, max_length=30)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        strip=True,
        help_text=gettext_lazy("The member reads it in the statement."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )

    def clean_amount(self) -> int:
        """Micro-credits."""
        return int(self.cleaned_data["amount"])


class GrantForm(AmountForm):
    """Adds credits."""

    def clean_amount(self) -> int:
        micro = super().clean_amount()
        if micro <= 0:
            raise forms.ValidationError(_("A grant is more than nothing; to take credits away, adjust."))
        return micro


class AdjustForm(AmountForm):
    """Corrects by a signed amount."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].help_text = _("Signed: 5 adds five credits, -5 takes five away.")

    def clean_amount(self) -> int:
        micro = super().clean_amount()
        if micro == 0:
            raise forms.ValidationError(_("An adjustment changes something."))
        return micro


@dataclass(frozen=True)
class Posted:
    """The result of a form. `is_repeat`: it had been posted already, and this time changed nothing."""

    entry: LedgerEntry
    is_repeat: bool = False


def post(request: HttpRequest, account: Account, form: AmountForm) -> Posted | None:
    """Post the movement of a valid form, by the staff user who sent it.

    None, with a form error, where the balance is too small. A form sent again changes nothing and returns its first
    row, for whatever account and amount that was.
    """
    data, actor = form.cleaned_data, cast(User, request.user)
    kind = LedgerEntry.Kind.GRANT if isinstance(form, GrantForm) else LedgerEntry.Kind.ADJUST
    reference = f"{kind}-{data['once']}"
    write = credits.grant if kind == LedgerEntry.Kind.GRANT else credits.adjust
    try:
        with transaction.atomic(), audit_log.gathered():
            entry = write(account, data["amount"], reason=data["reason"], actor=actor, reference=reference)
            _log_and_notify(entry, account, actor)
            return Posted(entry)
    except credits.AlreadyPosted as error:
        return Posted(error.entry, is_repeat=True)
    except credits.InsufficientCredits:
        form.add_error("amount", _("The balance is smaller than that."))
    except credits.AccountClosed:
        form.add_error(None, _("This account is closed."))
    except credits.TooMuch:
        form.add_error("amount", _("The balance would be too large."))
    return None


def _log_and_notify(entry: LedgerEntry, account: Account, actor: User) -> None:
    """Write the audit log entry, and notify the owners of an account that was granted credits."""
    before = entry.balance_after - entry.balance_delta
    detail = {"before": before, "after": entry.balance_after, "reference": entry.reference}
    audit_log.write(
        actor, f"credits.{entry.kind}", account, reason=entry.reason, account=account, detail=detail
    )
    if entry.kind == LedgerEntry.Kind.GRANT:
        owners = Membership.objects.filter(account=account, role=Membership.Role.OWNER)
        for membership in owners.select_related("user")[:_MAX_NOTIFIED]:
            notices.notify(
                membership.user, "credits.granted", link="/account/", amount_micro=entry.balance_delta,
                reason=entry.reason,
            )  # fmt: skip
