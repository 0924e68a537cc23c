"""allauth forms: sign-in, sign-up, e-mail address, password, second factor, passkeys."""

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
from allauth.core import context as allauth_context
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

MAX_LOGIN_LENGTH = 320
"""Longest user name or e-mail address, in characters: no user has a longer one, and SQLite fails on such a pattern."""


MAX_CREDENTIAL_LENGTH = 16_384
"""Longest passkey credential, in characters of JSON; the longest contain a certificate chain."""


class LoginForm(AllauthLoginForm):
    """User name or e-mail address, and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].validators.append(MaxLengthValidator(MAX_LOGIN_LENGTH))
        self.fields["login"].widget.attrs["maxlength"] = MAX_LOGIN_LENGTH
        self.fields["login"].label = self.fields["login"].widget.attrs["placeholder"] = _(
            "User name or e-mail"
        )
        # The page already has a password reset link below the form.
        self.fields["password"].help_text = ""


class _AdmissionMixin(forms.Form):
    """Checks admission (open, invited, full) before the address is looked up at all."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invited = admission.invitation_of(_request())
        if self.invited is not None and self.invited.email:
            self.fields["email"].initial = self.invited.email

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        if admission.is_full(_request()):
            # The same for known and unknown addresses.
            raise forms.ValidationError(admission.FULL)
        if self.invited is None or self.invited.email.lower() != email:
            email_addresses.refuse_disposable(email)
        return cast(str, super().clean_email())  # type: ignore[misc]

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """The new user, or a response that says why there is none."""
        try:
            return cast("tuple[User | None, HttpResponse | None]", super().try_save(request))  # type: ignore[misc]
        except admission.Refused as refused:
            return None, refusal_response(request, refused)
        except IntegrityError:
            messages.error(request, _("Somebody just took that name. Please choose another."))
            return None, redirect("account_signup")


class SignupForm(_AdmissionMixin, AllauthSignupForm):
    """Sign-up by name, address and password."""

    def save(self, request: HttpRequest) -> User:
        adapter = get_adapter()
        email = self.cleaned_data["email"]
        user = adapter.new_user(request)
        # Hashes the password, which is slow: kept outside the transaction.
        adapter.save_user(request, user, self, commit=False)
        with admission.admit(request, email) as opening:
            user.save()
            setup_user_email(request, user, [EmailAddress(email=email)])
            opening.give(user)
        return cast(User, user)


class SocialSignupForm(_AdmissionMixin, AllauthSocialSignupForm):
    """Sign-up by a social account: asks for what the provider did not send, a name or an address."""


class AddEmailForm(AllauthAddEmailForm):
    """Adds an address; disposable ones are refused."""

    def clean_email(self) -> str:
        email_addresses.refuse_disposable(self.cleaned_data["email"].lower())
        return cast(str, super().clean_email())


class ChangePasswordForm(AllauthChangePasswordForm):
    """Changes the password. The current one counts as a sign-in attempt."""

    def clean_oldpassword(self) -> str:
        with passwords.HASHING_SLOTS.enter():
            counted = login_attempts.count_password(_request(), [cast(User, self.user)])
            old = cast(str, super().clean_oldpassword())
            counted.give_back()
            return old


class _SecondFactorCode(forms.Form):
    """A code of an authenticator app, or a recovery code.

    The label has a translation context of its own: redeem codes are another word in some languages.
    """

    user: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = pgettext("to sign in", "Code")
        self.fields["code"].widget.attrs.pop("placeholder", None)

    def clean_code(self) -> str:
        counted = login_attempts.count_code(_request(), self.user)
        code = cast(str, super().clean_code())  # type: ignore[misc]
        login_attempts.consume_code(self.user, code)
        counted.give_back()
        return code


class CodeForm(_SecondFactorCode, AllauthCodeForm):
    """The second step of the sign-in."""


class ReauthenticateCodeForm(_SecondFactorCode, AllauthCodeAgainForm):
    """Reauthentication by a code."""


class _CredentialField(forms.JSONField):
    """A passkey credential as the browser sends it: a JSON object of some kilobytes."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        try:
            found = super().to_python(value) if len(value or "") <= MAX_CREDENTIAL_LENGTH else None
        except RecursionError:
            found = None
        if value and not isinstance(found, dict):
            raise get_mfa_adapter().validation_error("incorrect_code")
        return found


class _PasskeyMixin(forms.Form):
    """Signs in by a passkey; refused ones are recorded in the history, as wrong passwords are."""

    user: User | None
    credential = _CredentialField()

    def clean_credential(self) -> Authenticator:
        try:
            return cast(Authenticator, _validated(super().clean_credential))  # type: ignore[misc]
        except forms.ValidationError:
            login_attempts.note_passkey(_request(), self.user)
            raise


class PasskeyForm(_PasskeyMixin, AllauthPasskeyForm):
    """Sign-in by passkey instead of name and password."""


class PasskeyStepForm(_PasskeyMixin, AllauthPasskeyStepForm):
    """The second step of the sign-in."""


class ReauthenticatePasskeyForm(_PasskeyMixin, AllauthPasskeyAgainForm):
    """Reauthentication by a passkey."""


class AddPasskeyForm(AllauthAddPasskeyForm):
    """Adds a passkey."""

    credential = _CredentialField()

    def clean(self) -> dict[str, Any]:
        return cast("dict[str, Any]", _validated(super().clean))


def _validated(clean: Callable[[], Any]) -> Any:
    """Call allauth's `clean`; a malformed passkey, whose parts it reads unchecked, is a validation error."""
    try:
        return clean()
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError, struct.error):
        raise get_mfa_adapter().validation_error("incorrect_code") from None


def refusal_response(request: HttpRequest, refused: admission.Refused) -> HttpResponse:
    """Redirect to the page that explains why a sign-up was refused."""
    if refused.invitation:
        return redirect("entrance_invitation_ended")
    messages.error(request, str(refused.message))
    return redirect("account_signup")


def _request() -> HttpRequest:
    return cast(HttpRequest, allauth_context.request)
