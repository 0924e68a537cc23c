"""Text of allauth's e-mails (confirmation, password reset, security notices), and the layout that all e-mails share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from allauth.core import context as allauth_context
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.sessions import client_info
from core.http.public_origin import trusted_origin, with_trusted_origin


@dataclass(frozen=True)
class EmailText:
    """Subject and text of an e-mail: at most one button, and small print below."""

    subject: str
    lines: Sequence[str]
    button: str = ""
    address: str = ""
    small: Sequence[str] = field(default_factory=tuple)


def compose(
    letter: EmailText, to: Sequence[str], *, headers: dict[str, str] | None = None
) -> EmailMultiAlternatives:
    """The message, plain text and HTML, in the active language."""
    context = {"letter": letter, "language": get_language()}
    mail = EmailMultiAlternatives(
        subject=f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{letter.subject}",
        body=render_to_string("email/letter.txt", context).strip() + "\n",
        to=list(to),
        headers={"Auto-Submitted": "auto-generated", **(headers or {})},
    )
    mail.attach_alternative(render_to_string("email/letter.html", context), "text/html")
    return mail


def allauth_text(prefix: str, context: dict[str, Any]) -> EmailText | None:
    """The text of one of allauth's e-mails, by its template prefix; None for an unknown one."""
    maker = _REQUESTED.get(prefix)
    if maker is not None:
        text = maker(context)
        # allauth builds its URLs from the request's Host header.
        address = text.address and with_trusted_origin(allauth_context.request, text.address)
        return replace(text, address=address)
    notice = _SECURITY_NOTICES.get(prefix)
    return _security_notice(*notice(context)) if notice is not None else None


def _confirmation(context: dict[str, Any]) -> EmailText:
    user = context.get("user")
    name = getattr(user, "username", "")
    return EmailText(
        _("Confirm your address"),
        [_("Somebody gave this address for the account %(name)s. Is it yours?") % {"name": name}],
        _("Confirm"),
        context.get("activate_url", ""),
        [_("If that was not you, do nothing.")],
    )


def _already(context: dict[str, Any]) -> EmailText:
    return EmailText(
        _("You have an account already"),
        [
            _("Somebody wanted to sign up with the address %(email)s, which has an account here already.")
            % {"email": context["email"]},
            _("If that was you and the password is forgotten, set a new one."),
        ],
        _("Reset the password"),
        context["password_reset_url"],
        [_("If that was not you, do nothing.")],
    )


def _reset(context: dict[str, Any]) -> EmailText:
    lines = [_("Somebody asked to set a new password for your account.")]
    if context.get("username"):
        lines.append(_("Your user name is %(name)s.") % {"name": context["username"]})
    return EmailText(
        _("Set a new password"),
        lines,
        _("Choose a new password"),
        context["password_reset_url"],
        [_("If that was not you, do nothing: the old one stays.")],
    )


def _unknown(context: dict[str, Any]) -> EmailText:
    return EmailText(
        _("No open account has this address"),
        [
            _(
                "Somebody asked to set a new password for %(email)s, but no open account here has this address."
            )
            % {"email": context["email"]},
            _("If that was you, try another address of yours."),
        ],
        small=[_("If that was not you, do nothing.")],
    )


_REQUESTED: dict[str, Callable[[dict[str, Any]], EmailText]] = {
    "account/email/email_confirmation": _confirmation,
    "account/email/email_confirmation_signup": _confirmation,
    "account/email/account_already_exists": _already,
    "account/email/password_reset_key": _reset,
    "account/email/unknown_account": _unknown,
}


def _provider_name(context: dict[str, Any]) -> str:
    provider = context.get("provider")
    return str(getattr(provider, "name", provider) or "")


_SECURITY_NOTICES: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "account/email/email_changed": lambda c: (
        _("Your address is changed"),
        _("The address of your account is now %(email)s.") % {"email": c.get("to_email", "")},
    ),
    "account/email/email_confirm": lambda c: (
        _("Your address is confirmed"),
        _("The address of your account is confirmed."),
    ),
    "account/email/email_deleted": lambda c: (
        _("An address was removed"),
        _("The address %(email)s was removed from your account.") % {"email": c.get("deleted_email", "")},
    ),
    "account/email/password_changed": lambda c: (
        _("Your password is changed"),
        _("The password of your account was changed."),
    ),
    "account/email/password_reset": lambda c: (
        _("Your password is changed"),
        _("A new password was set for your account by a link in a mail."),
    ),
    "account/email/password_set": lambda c: (
        _("A password is set"),
        _("Your account has a password now."),
    ),
    "mfa/email/recovery_codes_generated": lambda c: (
        _("New recovery codes"),
        _("New recovery codes were made for your account. The old ones no longer work."),
    ),
    "mfa/email/totp_activated": lambda c: (
        _("Signing in asks for a code now"),
        _("An authenticator app was set up for your account."),
    ),
    "mfa/email/totp_deactivated": lambda c: (
        _("Signing in asks for no code any more"),
        _("The authenticator app was removed from your account."),
    ),
    "mfa/email/webauthn_added": lambda c: (
        _("A passkey was added"),
        _("A passkey was added to your account."),
    ),
    "mfa/email/webauthn_removed": lambda c: (
        _("A passkey was removed"),
        _("A passkey was removed from your account."),
    ),
    "socialaccount/email/account_connected": lambda c: (
        _("Another way to sign in"),
        _("One can now sign in to your account by %(service)s.") % {"service": _provider_name(c)},
    ),
    "socialaccount/email/account_disconnected": lambda c: (
        _("One way less to sign in"),
        _("One can no longer sign in to your account by %(service)s.") % {"service": _provider_name(c)},
    ),
}


def _security_notice(subject: str, line: str) -> EmailText:
    request = allauth_context.request
    agent = client_info.browser(request.META.get("HTTP_USER_AGENT", ""))
    place = client_info.network_of(request) or _("unknown")
    return EmailText(
        subject,
        [line, _("It was done with %(browser)s from %(network)s.") % {"browser": agent, "network": place}],
        _("Look after your account"),
        trusted_origin(request) + reverse("mfa_index"),
        [_("If that was not you, change your password and end the other sessions at once.")],
    )
