"""The forms to sign in, to sign up and to change the address with."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.account.forms import AddEmailForm as AllauthAddEmailForm
from allauth.account.forms import ChangePasswordForm as AllauthChangePasswordForm
from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.forms import SignupForm as AllauthSignupForm
from allauth.account.models import EmailAddress
from allauth.account.utils import setup_user_email
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.base.forms import AuthenticateForm as AllauthCodeForm
from allauth.mfa.base.forms import ReauthenticateForm as AllauthCodeAgainForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AddWebAuthnForm as AllauthAddPasskeyForm
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm as AllauthPasskeyStepForm
from allauth.mfa.webauthn.forms import LoginWebAuthnForm as AllauthPasskeyForm
from allauth.mfa.webauthn.forms import ReauthenticateWebAuthnForm as AllauthPasskeyAgainForm
from allauth.socialaccount.forms import SignupForm as AllauthSocialSignupForm
from django import forms
from django.contrib import messages
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.auth import login_attempts, passwords
from accounts.models import User
from accounts.registration import admission, email_addresses

LONGEST = 320
"""Characters of a user name or an e-mail address: what is longer is nobody's, and SQLite compares no such pattern."""


LONGEST_CREDENTIAL = 16_384
"""Characters of what a browser says of a passkey; the longest have a chain of certificates."""


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
            email_addresses.refuse_disposable(email)
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
        email_addresses.refuse_disposable(self.cleaned_data["email"].lower())
        return cast(str, super().clean_email())


class ChangePasswordForm(AllauthChangePasswordForm):
    """The password that was, which counts as a try at it, and the new one."""

    def clean_oldpassword(self) -> str:
        with passwords.ROOM.enter():
            taken = login_attempts.password(_request(), [cast(User, self.user)])
            old = cast(str, super().clean_oldpassword())
            taken.give_back()
            return old


class _Code(forms.Form):
    """The code of an app, or a recovery code; no code to redeem, for which other languages have another word."""

    user: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = pgettext("to sign in", "Code")
        self.fields["code"].widget.attrs.pop("placeholder", None)

    def clean_code(self) -> str:
        taken = login_attempts.code(_request(), self.user)
        code = cast(str, super().clean_code())  # type: ignore[misc]
        login_attempts.use_up(self.user, code)
        taken.give_back()
        return code


class CodeForm(_Code, AllauthCodeForm):
    """The second step of the sign-in."""


class CodeAgainForm(_Code, AllauthCodeAgainForm):
    """The same, from who has to show once more that it is them."""


class _Credential(forms.JSONField):
    """What a browser says of a passkey: an object of some kilobytes."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        try:
            found = super().to_python(value) if len(value or "") <= LONGEST_CREDENTIAL else None
        except RecursionError:
            found = None
        if value and not isinstance(found, dict):
            raise get_mfa_adapter().validation_error("incorrect_code")
        return found


class _Passkey(forms.Form):
    """A passkey at a sign-in; what is refused is written down, as wrong passwords are."""

    user: User | None
    credential = _Credential()

    def clean_credential(self) -> Authenticator:
        try:
            return cast(Authenticator, _read(super().clean_credential))  # type: ignore[misc]
        except forms.ValidationError:
            login_attempts.note_passkey(_request(), self.user)
            raise


class PasskeyForm(_Passkey, AllauthPasskeyForm):
    """In place of name and password."""


class PasskeyStepForm(_Passkey, AllauthPasskeyStepForm):
    """The second step of the sign-in."""


class PasskeyAgainForm(_Passkey, AllauthPasskeyAgainForm):
    """The same, from who has to show once more that it is them."""


class AddPasskeyForm(AllauthAddPasskeyForm):
    """A new one."""

    credential = _Credential()

    def clean(self) -> dict[str, Any]:
        return cast("dict[str, Any]", _read(super().clean))


def _read(clean: Callable[[], Any]) -> Any:
    """What allauth makes of a passkey; it looks for the parts of one without asking whether they are there."""
    try:
        return clean()
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError, struct.error):
        raise get_mfa_adapter().validation_error("incorrect_code") from None


def turned_away(request: HttpRequest, refused: admission.Refused) -> HttpResponse:
    """To where it is explained why somebody was not let in."""
    if refused.invitation:
        return redirect("entrance_invitation_ended")
    messages.error(request, str(refused.words))
    return redirect("account_signup")


def _request() -> HttpRequest:
    from allauth.core import context

    return cast(HttpRequest, context.request)
