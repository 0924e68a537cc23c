"""The forms to sign in, to sign up and to change the address with."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.account.forms import AddEmailForm as AllauthAddEmailForm
from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.forms import SignupForm as AllauthSignupForm
from allauth.account.models import EmailAddress
from allauth.account.utils import setup_user_email
from allauth.mfa.base.forms import AuthenticateForm as AllauthCodeForm
from allauth.mfa.base.forms import ReauthenticateForm as AllauthCodeAgainForm
from allauth.socialaccount.forms import SignupForm as AllauthSocialSignupForm
from django import forms
from django.contrib import messages
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.entrance import addresses, admission
from accounts.models import User

LONGEST = 320
"""Characters of a user name or an e-mail address: what is longer is nobody's, and SQLite compares no such pattern."""


class LoginForm(AllauthLoginForm):
    """A user name or an e-mail address, and the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].validators.append(MaxLengthValidator(LONGEST))
        self.fields["login"].widget.attrs["maxlength"] = LONGEST
        self.fields["login"].label = self.fields["login"].widget.attrs["placeholder"] = _(
            "User name or e-mail"
        )
        # The page has that link already, below.
        self.fields["password"].help_text = ""


class _Admitted(forms.Form):
    """What both forms of sign-up ask first: whether this one may, before their address is looked up at all."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invited = admission.invitation_of(_request())
        if self.invited is not None and self.invited.email:
            self.fields["email"].initial = self.invited.email

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        if admission.is_full(_request()):
            # The same for addresses that are known here and those that are not.
            raise forms.ValidationError(admission.FULL)
        if self.invited is None or self.invited.email.lower() != email:
            addresses.refuse_disposable(email)
        return cast(str, super().clean_email())  # type: ignore[misc]

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """The new user, or an answer that says why there is none."""
        try:
            return cast("tuple[User | None, HttpResponse | None]", super().try_save(request))  # type: ignore[misc]
        except admission.Refused as refused:
            return None, turned_away(request, refused)
        except IntegrityError:
            messages.error(request, _("Somebody just took that name. Please choose another."))
            return None, redirect("account_signup")


class SignupForm(_Admitted, AllauthSignupForm):
    """Name, address, password."""

    def save(self, request: HttpRequest) -> User:
        adapter = get_adapter()
        email = self.cleaned_data["email"]
        user = adapter.new_user(request)
        # Hashes the password, which takes its time: not inside the transaction.
        adapter.save_user(request, user, self, commit=False)
        with admission.opening(request, email) as opening:
            user.save()
            setup_user_email(request, user, [EmailAddress(email=email)])
            opening.give(user)
        return cast(User, user)


class SocialSignupForm(_Admitted, AllauthSocialSignupForm):
    """What another service did not tell: a name, an address."""


class AddEmailForm(AllauthAddEmailForm):
    """Another address; none that is made to be thrown away."""

    def clean_email(self) -> str:
        addresses.refuse_disposable(self.cleaned_data["email"].lower())
        return cast(str, super().clean_email())


class _Code(forms.Form):
    """The code of an app, or a recovery code; no code to redeem, for which other languages have another word."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = pgettext("to sign in", "Code")
        self.fields["code"].widget.attrs.pop("placeholder", None)


class CodeForm(_Code, AllauthCodeForm):
    """The second step of the sign-in."""


class CodeAgainForm(_Code, AllauthCodeAgainForm):
    """The same, from who has to show once more that it is them."""


def turned_away(request: HttpRequest, refused: admission.Refused) -> HttpResponse:
    """To where it is explained why somebody was not let in."""
    if refused.invitation:
        return redirect("entrance_invitation_ended")
    messages.error(request, str(refused.words))
    return redirect("account_signup")


def _request() -> HttpRequest:
    from allauth.core import context

    return cast(HttpRequest, context.request)
