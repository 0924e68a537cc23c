"""Credits by hand: the two questions of the account's page in the panel, and what is done with the answers."""

from __future__ import annotations

import re
import secrets
from typing import Any, cast

from django import forms
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts import amounts, credits
from accounts.models import Account, LedgerEntry, User

_ONCE = re.compile(r"[0-9a-f]{24}")


class AmountForm(forms.Form):
    """An amount of credits with a reason. `once` makes a form that is sent twice count once."""

    amount = forms.CharField(
        label=gettext_lazy("Credits"),
        max_length=30,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        strip=True,
        help_text=gettext_lazy("The member reads it in the statement."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )
    once = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["once"].initial = secrets.token_hex(12)

    def clean_amount(self) -> int:
        """Micro-credits."""
        try:
            return amounts.parse(self.cleaned_data["amount"].replace("\u2212", "-"))
        except amounts.NotAnAmount as error:
            raise forms.ValidationError(str(error)) from None

    def clean_once(self) -> str:
        if not _ONCE.fullmatch(self.cleaned_data["once"]):
            raise forms.ValidationError(_("Open the form again."))
        return str(self.cleaned_data["once"])


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


def post(request: HttpRequest, account: Account, form: AmountForm) -> LedgerEntry | None:
    """Write the movement that a valid form asks for, by the staff user who sent it.

    None, with the reason as an error of the form, where the balance is too small. A form sent again changes nothing and
    answers the row that it made the first time.
    """
    answers, actor = form.cleaned_data, cast(User, request.user)
    kind = LedgerEntry.Kind.GRANT if isinstance(form, GrantForm) else LedgerEntry.Kind.ADJUST
    reference = f"{kind}-{answers['once']}"
    write = credits.grant if kind == LedgerEntry.Kind.GRANT else credits.adjust
    try:
        with transaction.atomic():
            return write(
                account, answers["amount"], reason=answers["reason"], actor=actor, reference=reference
            )
    except credits.InsufficientCredits:
        form.add_error("amount", _("The balance is smaller than that."))
        return None
    except IntegrityError:
        return LedgerEntry.objects.get(reference=reference, kind=kind, account=account)
