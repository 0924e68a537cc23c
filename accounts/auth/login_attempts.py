"""Rate limits of sign-in attempts (passwords, second-factor codes), by user, device and network.

Counted by `accounts.auth.attempt_limits`. Wrong passwords on a known device (`known_devices`) count by user and device
alone; anywhere else by user and network, by user over all networks (far higher), and by network over all names (higher
still). Codes of the second factor count by user, since who gets there has the password; on a known device by that too.
Passkeys cannot be guessed and are not counted.

Only wrong ones count there; the work of comparing is limited separately, right or wrong (`WORK_LIMIT`). A user is one
subject by whatever spelling, name or address. The typed text is another subject, whether it names a user or not, and
only its limit states how long to wait: so nobody learns which names exist, or which belong to one user.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.adapter import get_adapter
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.auth import attempt_limits
from accounts.auth.attempt_limits import CountedAttempt, Limit, TooMany
from accounts.models import SignIn, User
from accounts.notifications import notices
from accounts.sessions import known_devices, login_history
from core.net import client_ip

_HOUR, _DAY = 3600, 24 * 3600
DEVICE_LIMIT, USER_NETWORK_LIMIT, USER_LIMIT, NETWORK_LIMIT = (10, 900), (5, 300), (50, _HOUR), (300, 600)
"""Wrong passwords, in so many seconds."""
CODE_LIMITS = (5, 300), (30, _DAY)
"""Wrong second-factor codes. Three of all 6-digit codes are valid at a time: a year of guessing finds one in thirty."""
PASSKEY_LIMIT = (20, 600)
"""Refused passkeys of one network that get a row in the sign-in history."""
WORK_LIMIT, NETWORK_WORK_LIMIT = (20, 60), (60, 60)
"""Passwords compared at all, right ones too: by user on their known devices, else by typed login and network, and by
network over all names. Each comparison is half a second of a core."""
NOTIFY_FROM = 20
"""Wrong passwords within an hour from unknown devices from which on the user is notified, once a day."""


class NotCompared(Exception):
    """Too many wrong passwords for the user, by other names than the typed one: respond as to a wrong password.

    To say so would reveal that the names belong to one user. The attempt stays counted against the typed login.
    """


def users_for(credentials: dict[str, Any]) -> list[User]:
    """The users whose password these credentials would be compared with: those that allauth's backend finds."""
    name, address = str(credentials.get("username") or ""), str(credentials.get("email") or "")
    users = [get_user_by_username(name)] if name else []
    for login in {address, name} - {""}:
        users += filter_users_by_email(login, prefer_verified=True, for_login=True)
    return [cast(User, user) for user in dict.fromkeys(users) if user is not None]


def count_password(request: HttpRequest, users: Sequence[User], login: str = "") -> CountedAttempt:
    """Count one attempt at the password of these users, or of an unknown `login`, before it is compared.

    Raises ValidationError with how long to wait, or NotCompared.
    """
    counted_work = _count_work(request, users, login)
    try:
        return _count_guess(request, users, login)
    except ValidationError:
        # Nothing is compared, so the work is free for others of the network.
        counted_work.give_back()
        raise


def _count_work(request: HttpRequest, users: Sequence[User], login: str) -> CountedAttempt:
    household = client_ip.rate_limit_key(request)
    limits = [
        Limit(f"{_subject(user)} devices", *WORK_LIMIT)
        for user in users
        if known_devices.device_for(request, user)
    ]
    if len(limits) < max(1, len(users)):
        typed = login.strip().casefold()
        limits.append(Limit(f"login {typed} network {household}", *WORK_LIMIT))
        limits.append(Limit(f"network {household}", *NETWORK_WORK_LIMIT))
    try:
        return attempt_limits.count_attempt("work", limits)
    except TooMany as error:
        message = _("Too many attempts. Try again in %(wait)s.")
        raise ValidationError(message % {"wait": _wait(error)}, code="too_many_login_attempts") from None


def _count_guess(request: HttpRequest, users: Sequence[User], login: str) -> CountedAttempt:
    household, typed = client_ip.rate_limit_key(request), login.strip().casefold()
    subjects: Sequence[User | str] = users or [typed]
    stated: list[Limit] = []
    silent: list[Limit] = []
    for subject in subjects:
        name = _subject(subject)
        device = known_devices.device_for(request, subject) if isinstance(subject, User) else ""
        if device:
            stated.append(Limit(f"{name} device {device}", *DEVICE_LIMIT))
        else:
            silent += [Limit(f"{name} network {household}", *USER_NETWORK_LIMIT), Limit(name, *USER_LIMIT)]
    if silent:
        stated.append(Limit(f"network {household}", *NETWORK_LIMIT))
        if list(users) == [request.user]:
            # Signed-in users learn nothing new about themselves.
            stated, silent = stated + silent, []
        else:
            stated += [
                Limit(f"login {typed} network {household}", *USER_NETWORK_LIMIT),
                Limit(f"login {typed}", *USER_LIMIT),
            ]
    counted = _count_stated(stated)
    try:
        return counted + attempt_limits.count_attempt("password", silent) if silent else counted
    except TooMany:
        raise NotCompared from None


def _count_stated(limits: Sequence[Limit]) -> CountedAttempt:
    try:
        return attempt_limits.count_attempt("password", limits)
    except TooMany as error:
        message = _(
            "Too many wrong passwords. Try again in %(wait)s, or reset your password by e-mail to skip the wait."
        )
        raise ValidationError(message % {"wait": _wait(error)}, code="too_many_login_attempts") from None


def count_code(request: HttpRequest, user: User) -> CountedAttempt:
    """Count one attempt at a second-factor code. Raises ValidationError with how long to wait."""
    device = known_devices.device_for(request, user)
    subject = f"{_subject(user)} device {device}" if device else _subject(user)
    short_limit, day_limit = CODE_LIMITS
    try:
        return attempt_limits.count_attempt(
            "code", [Limit(subject, *short_limit), Limit(f"{subject} in a day", *day_limit)]
        )
    except TooMany as error:
        notify_guessing(user, "account.codes_guessed")
        message = _("Too many wrong codes. Try again in %(wait)s.")
        raise ValidationError(message % {"wait": _wait(error)}, code="too_many_login_attempts") from None


def consume_code(user: User, code: str) -> None:
    """Mark a right code as used; raises ValidationError where it was used already.

    allauth remembers this in the process's cache, for less time than it accepts the code.
    """
    valid_for_s = mfa_settings.TOTP_PERIOD * (2 * mfa_settings.TOTP_TOLERANCE + 1)
    try:
        attempt_limits.count_attempt(
            "used", [Limit(f"{_subject(user)} code {normalize_user_code(code)}", 1, valid_for_s)]
        )
    except TooMany:
        raise get_adapter().validation_error("incorrect_code") from None


def note_passkey(request: HttpRequest, user: User | None) -> None:
    """Record a refused passkey in the sign-in history, a limited number per network; never makes anybody wait."""
    try:
        attempt_limits.count_attempt(
            "passkey", [Limit(f"network {client_ip.rate_limit_key(request)}", *PASSKEY_LIMIT)]
        )
    except TooMany:
        return
    login_history.record(request, user, SignIn.How.PASSKEY, succeeded=False)


def on_wrong_password(counted: CountedAttempt, users: Sequence[User]) -> None:
    """The password was wrong: notify users with many wrong ones."""
    for user in users:
        count = counted.counts.get(_subject(user), 0)
        if count >= NOTIFY_FROM:
            notify_guessing(user, "account.guessed", n=count)


def notify_guessing(user: User, kind: str, **params: Any) -> None:
    """Notify a user that somebody is guessing, once a day."""
    with transaction.atomic():
        try:
            attempt_limits.count_attempt("told", [Limit(f"{_subject(user)} {kind}", 1, _DAY)])
        except TooMany:
            return
        notices.notify(user, kind, link="/accounts/sessions/", **params)


def _subject(user_or_login: User | str) -> str:
    return f"user {user_or_login.pk}" if isinstance(user_or_login, User) else f"nobody {user_or_login}"


def _wait(error: TooMany) -> str:
    minutes = -(-error.wait_s // 60)
    hours = -(-minutes // 60)
    if minutes < 120:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
