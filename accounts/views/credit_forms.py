"""Forms of the account pages about credits: redeem, gift, limits, statement filters."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.credits import gifts
from accounts.credits.form_fields import (
    WRITE_AN_AMOUNT,
    AmountField,
    LimitField,
    OnceForm,
    member_widget,
)
from accounts.credits.statement import GROUPS, Filters
from accounts.models import Account, ApiToken, LedgerEntry
from core import timezones


class RedeemForm(forms.Form):
    """A redeem code, however it is typed."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=64,
        widget=forms.TextInput(
            attrs={
                "placeholder": "DR-XXXX-XXXX-XXXX-XXXX",
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "class": "mono",
            }
        ),
        help_text=gettext_lazy("Capitals, blanks and dashes do not matter."),
    )


class GiftForm(OnceForm):
    """A gift of credits to another member."""

    to = forms.CharField(
        label=pgettext_lazy("gift", "To"),
        max_length=150,
        strip=True,
        help_text=gettext_lazy("A member's user name."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    amount = AmountField(
        label=gettext_lazy("Credits"),
        required=True,
        signed=True,
        max_length=30,
        widget=member_widget(),
        error_messages={"invalid": WRITE_AN_AMOUNT},
    )
    words = forms.CharField(
        label=gettext_lazy("Words"),
        required=False,
        strip=True,
        max_length=gifts.LONGEST_WORDS,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("If you like: they stand in both statements."),
    )

    def clean_amount(self) -> int:
        """Micro-credits, more than none."""
        micro = int(self.cleaned_data["amount"])
        if micro <= 0:
            raise forms.ValidationError(str(gifts.CannotGive(gifts.RefusalReason.AMOUNT)))
        return micro


class LimitsForm(forms.Form):
    """Spending limits of an account, and its low-balance threshold."""

    day_limit = LimitField(gettext_lazy("Credits a day"))
    month_limit = LimitField(gettext_lazy("Credits a month"))
    low_at = LimitField(gettext_lazy("Tell me below"))

    def __init__(self, data: Any = None, *, account: Account) -> None:
        names = ("day_limit", "month_limit", "low_at")
        super().__init__(data, initial={name: getattr(account, name) for name in names})
        self.fields["low_at"].widget.attrs["placeholder"] = _("as the site has it")
        self.fields["low_at"].help_text = _("Credits below which you get a notice. 0: never.")


_TOKENS_LISTED = 100


class StatementForm(forms.Form):
    """Filters of the account's statement. Invalid values are ignored and reported."""

    group = forms.ChoiceField(choices=[(name, name) for name in GROUPS], required=False)
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[("", gettext_lazy("All kinds")), *LedgerEntry.Kind.choices],
        required=False,
    )
    since = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=gettext_lazy("To"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    token = forms.IntegerField(
        label=gettext_lazy("Token"),
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        widget=forms.Select,
        error_messages={"invalid": gettext_lazy("There is no such token.")},
    )
    q = forms.CharField(
        label=gettext_lazy("Reference or reason"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, account: Account) -> None:
        super().__init__(data)
        self._tokens = ApiToken.objects.filter(account=account)
        # Revoked tokens are listed too: they have spending.
        newest = list(self._tokens.order_by("-id")[:_TOKENS_LISTED])
        widget = self.fields["token"].widget
        widget.choices = [("", _("All tokens")), *((token.pk, str(token)) for token in newest)]
        self.has_tokens = bool(newest)

    def clean_token(self) -> int | None:
        """One of the account's own tokens, also one too old for the list."""
        number = self.cleaned_data["token"]
        if number is None:
            return None
        token = self._tokens.filter(pk=number).first()
        if token is None:
            raise forms.ValidationError(_("There is no such token."))
        widget = self.fields["token"].widget
        if all(key != number for key, _words in widget.choices):
            widget.choices = [*widget.choices, (token.pk, str(token))]
        return int(number)

    def clean(self) -> dict[str, Any]:
        """Refuse days out of the supported range, and an end before the start."""
        cleaned: dict[str, Any] = super().clean() or {}
        for name in ("since", "until"):
            day = cleaned.get(name)
            if day is not None and not timezones.is_valid_day(day):
                self.add_error(name, timezones.INVALID_DAY)
        if cleaned.get("since") and cleaned.get("until") and cleaned["since"] > cleaned["until"]:
            self.add_error("until", _("The last day is before the first."))
        return cleaned

    def filters(self) -> Filters:
        """The filters, with days in the current time zone; invalid fields count as empty."""
        self.is_valid()
        cleaned = self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        return Filters(
            kind=cleaned.get("kind") or "",
            group=cleaned.get("group") or "",
            since=_start_of(since) if since else None,
            until=_start_of(until + timedelta(days=1)) if until else None,
            text=(cleaned.get("q") or "").strip(),
            token=cleaned.get("token"),
        )


def _start_of(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
