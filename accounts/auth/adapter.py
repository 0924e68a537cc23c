"""allauth account adapter: open or closed registration, rate-limited sign-in, banned users, e-mail rendering."""

from __future__ import annotations

import smtplib
from typing import Any, cast

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation

from accounts.auth import blocked_login, emails, login_attempts, login_redirect, passwords, second_factor
from accounts.models import SignIn, User
from accounts.registration import admission, email_addresses, usernames
from accounts.sessions import client_info, login_history

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Banned users learn the reason only after the right password and second factor."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return admission.is_open(request)

    def clean_username(self, username: str, shallow: bool = False) -> str:
        usernames.refuse_misleading(username)
        return cast(str, super().clean_username(username, shallow))

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_info.rate_limit_address(request)

    def pre_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse | None:
        # A banned user passes their second factor first: a password alone reveals nothing. Then `login` refuses.
        if not user.is_active and second_factor.has_second_factor(cast(User, user)):
            return None
        return cast("HttpResponse | None", super().pre_login(request, user, **kwargs))

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        if not user.is_active:
            raise ImmediateHttpResponse(self.respond_user_inactive(request, user))
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse:
        response = cast(HttpResponse, super().post_login(request, user, **kwargs))
        path = login_redirect.path_for(cast(User, user))
        return redirect(path) if path else response

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        blocked_login.remember_user(request, cast(User, user))
        return redirect("account_inactive")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        with passwords.HASHING_SLOTS.enter():
            return self._authenticate(request, **credentials)

    def _authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        if credentials.get("username"):
            # allauth looks the username up as an address too; with both it would hash twice for known addresses.
            credentials.pop("email", None)
        # Counted before it is compared, so that concurrent attempts cannot exceed the limit.
        users = login_attempts.users_for(credentials)
        login = str(credentials.get("email") or credentials.get("username") or "")
        try:
            counted = login_attempts.count_password(request, users, login)
        except login_attempts.NotCompared:
            # Spend the same work as for a wrong password, so that the timing reveals nothing.
            for _one in users:
                make_password(str(credentials.get("password") or ""))
            login_history.record(request, users[0], SignIn.How.PASSWORD, succeeded=False)
            return None
        user = cast("AbstractBaseUser | None", super().authenticate(request, **credentials))
        if user is not None:
            counted.give_back()
        else:
            login_history.record(request, users[0] if users else None, SignIn.How.PASSWORD, succeeded=False)
            login_attempts.on_wrong_password(counted, users)
        return user

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        user = context.get("user") or _user_with_email(email)
        language = getattr(user, "language", "") or translation.get_language() or "en"
        try:
            with translation.override(language):
                super().send_mail(template_prefix, email, {**context, "recipient": user})
        except (OSError, smtplib.SMTPException) as error:
            # The action itself is done and the mail can be requested again. The recipient is kept out of the log.
            log.error("mail_failed", mail=template_prefix, error=type(error).__name__)

    def send_notification_mail(
        self,
        template_prefix: str,
        user: AbstractBaseUser,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        to = email or EmailAddress.objects.get_primary_email(user)
        # An explicit recipient is the former address, which was verified while it was theirs.
        if to and (email or email_addresses.may_receive_mail(cast(User, user), to)):
            super().send_notification_mail(template_prefix, user, context, to)

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> EmailMessage:
        text = emails.allauth_text(template_prefix, context)
        if text is None:
            return super().render_mail(template_prefix, email, context, headers)
        return emails.compose(text, [email] if isinstance(email, str) else email, headers=headers)


def _user_with_email(email: str) -> User | None:
    """The user with this address, so that a mail is written in their language."""
    users = filter_users_by_email(email, prefer_verified=True)
    return cast(User, users[0]) if users else None
