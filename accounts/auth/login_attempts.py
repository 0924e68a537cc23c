"""Limits on guessing passwords and codes, by whose they are and where the tries come from.
`accounts.auth.attempt_limits` counts.

A password, where the member signed in before (`devices`): by member and device, and by nothing else. Anywhere else: by
member and network; by member over all networks, far higher; by network over all names, higher still.
A code of the second factor: by member, since whoever gets there has the password; on a known device by that too.

Only what is wrong counts there; the work of comparing is counted apart, right or wrong (`OF_WORK`). A member is counted
as one, by whatever spelling, name or address they are named. So is what was typed, whether it names somebody or nobody,
and only that makes us say how long to wait: nobody learns which names there are, nor which are one member's.
Passkeys cannot be guessed and are not counted.
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
from accounts.auth.attempt_limits import Limit, Taken, TooMany
from accounts.models import SignIn, User
from accounts.notifications import notices
from accounts.sessions import known_devices, login_history
from core.net import client_ip

_HOUR, _DAY = 3600, 24 * 3600
OF_DEVICE, OF_PAIR, OF_MEMBER, OF_NETWORK = (10, 900), (5, 300), (50, _HOUR), (300, 600)
"""Wrong passwords, and in how many seconds."""
OF_CODES = (5, 300), (30, _DAY)
"""Wrong codes of a second factor: of 6 digits three count at a time, so that a year of guessing finds one in thirty."""
OF_PASSKEYS = (20, 600)
"""Passkeys of one network that were refused and of which there is a row in the history."""
OF_WORK, OF_WORK_OF_NETWORK = (20, 60), (60, 60)
"""Passwords that are compared at all, right ones too: by member on their known devices, else by what was typed and
network, and by network over all names. Each is half a second of a core."""
TOLD_FROM = 20
"""Wrong passwords within an hour from devices that are not known, of which the member is told, once a day."""


class NotCompared(Exception):
    """The member has had too many wrong passwords, by other names than this one: to be answered as one more of them.

    To say so would tell that the names are one member's. The try stays counted against what was typed.
    """


def named(credentials: dict[str, Any]) -> list[User]:
    """Everybody whose password these credentials would be compared with: whom allauth's backend finds by them."""
    name, address = str(credentials.get("username") or ""), str(credentials.get("email") or "")
    found = [get_user_by_username(name)] if name else []
    for one in {address, name} - {""}:
        found += filter_users_by_email(one, prefer_verified=True, for_login=True)
    return [cast(User, user) for user in dict.fromkeys(found) if user is not None]


def password(request: HttpRequest, users: Sequence[User], login: str = "") -> Taken:
    """Count one try at the password of these, or of nobody who is called `login`, before it is compared.

    Raises ValidationError with how long to wait, or NotCompared.
    """
    work = _work(request, users, login)
    try:
        return _guess(request, users, login)
    except ValidationError:
        # Nothing is compared: the network's other members may have that half second.
        work.give_back()
        raise


def _work(request: HttpRequest, users: Sequence[User], login: str) -> Taken:
    household = client_ip.household(request)
    limits = [
        Limit(f"{_name(user)} devices", *OF_WORK) for user in users if known_devices.device_for(request, user)
    ]
    if len(limits) < max(1, len(users)):
        typed = login.strip().casefold()
        limits.append(Limit(f"login {typed} network {household}", *OF_WORK))
        limits.append(Limit(f"network {household}", *OF_WORK_OF_NETWORK))
    try:
        return attempt_limits.take("work", limits)
    except TooMany as error:
        words = _("Too many attempts. Try again in %(wait)s.")
        raise ValidationError(words % {"wait": _wait(error)}, code="too_many_login_attempts") from None


def _guess(request: HttpRequest, users: Sequence[User], login: str) -> Taken:
    household, typed = client_ip.household(request), login.strip().casefold()
    whose: Sequence[User | str] = users or [typed]
    said: list[Limit] = []
    of_member: list[Limit] = []
    for who in whose:
        name, device = _name(who), known_devices.device_for(request, who) if isinstance(who, User) else ""
        if device:
            said.append(Limit(f"{name} device {device}", *OF_DEVICE))
        else:
            of_member += [Limit(f"{name} network {household}", *OF_PAIR), Limit(name, *OF_MEMBER)]
    if of_member:
        said.append(Limit(f"network {household}", *OF_NETWORK))
        if list(users) == [request.user]:
            # Who is signed in learns nothing new of themselves.
            said, of_member = said + of_member, []
        else:
            said += [
                Limit(f"login {typed} network {household}", *OF_PAIR),
                Limit(f"login {typed}", *OF_MEMBER),
            ]
    taken = _said(said)
    try:
        return taken + attempt_limits.take("password", of_member) if of_member else taken
    except TooMany:
        raise NotCompared from None


def _said(limits: Sequence[Limit]) -> Taken:
    try:
        return attempt_limits.take("password", limits)
    except TooMany as error:
        words = _(
            "Too many wrong passwords. Try again in %(wait)s, or reset your password by e-mail to skip the wait."
        )
        raise ValidationError(words % {"wait": _wait(error)}, code="too_many_login_attempts") from None


def code(request: HttpRequest, user: User) -> Taken:
    """Count one try at a code of the second factor. Raises ValidationError with how long to wait."""
    device = known_devices.device_for(request, user)
    who = f"{_name(user)} device {device}" if device else _name(user)
    few, many = OF_CODES
    try:
        return attempt_limits.take("code", [Limit(who, *few), Limit(f"{who} in a day", *many)])
    except TooMany as error:
        tell(user, "account.codes_guessed")
        words = _("Too many wrong codes. Try again in %(wait)s.")
        raise ValidationError(words % {"wait": _wait(error)}, code="too_many_login_attempts") from None


def use_up(user: User, code: str) -> None:
    """A right code opens once: raises ValidationError where it did already.

    allauth remembers this in a cache of the process, for a shorter time than it takes the code.
    """
    taken_for_s = mfa_settings.TOTP_PERIOD * (2 * mfa_settings.TOTP_TOLERANCE + 1)
    try:
        attempt_limits.take(
            "used", [Limit(f"{_name(user)} code {normalize_user_code(code)}", 1, taken_for_s)]
        )
    except TooMany:
        raise get_adapter().validation_error("incorrect_code") from None


def note_passkey(request: HttpRequest, user: User | None) -> None:
    """Write down that a passkey was refused, so many of one network as are worth a row; nobody waits for it."""
    try:
        attempt_limits.take("passkey", [Limit(f"network {client_ip.household(request)}", *OF_PASSKEYS)])
    except TooMany:
        return
    login_history.note(request, user, SignIn.How.PASSKEY, succeeded=False)


def wrong(taken: Taken, users: Sequence[User]) -> None:
    """The password was wrong: tell the member of many such."""
    for user in users:
        count = taken.counts.get(_name(user), 0)
        if count >= TOLD_FROM:
            tell(user, "account.guessed", n=count)


def tell(user: User, kind: str, **params: Any) -> None:
    """Tell a member that somebody guesses, once a day."""
    with transaction.atomic():
        try:
            attempt_limits.take("told", [Limit(f"{_name(user)} {kind}", 1, _DAY)])
        except TooMany:
            return
        notices.notify(user, kind, link="/accounts/sessions/", **params)


def _name(who: User | str) -> str:
    return f"user {who.pk}" if isinstance(who, User) else f"nobody {who}"


def _wait(error: TooMany) -> str:
    minutes = -(-error.wait_s // 60)
    hours = -(-minutes // 60)
    if minutes < 120:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
