"""Admission to sign-up: open, by invitation or closed, limits by network, and what a new user starts with.

Everything runs in the one transaction that creates the user; no mail is sent and no password hashed in it. Concurrent
sign-ups wait for each other, so that none is counted too late.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Exists
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts import credits
from accounts.models import Invitation, Plan, Site, User
from accounts.personal_accounts import ensure_account
from accounts.registration import email_addresses, invitations
from accounts.registration.welcome_credits import grant_invited, grant_welcome
from accounts.sessions import client_info
from accounts.site import site_rules
from core.clock import Now

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

_SESSION_KEY = "entrance.invitation"
DAY = timedelta(days=1)


class Refused(Exception):
    """Sign-up is refused; nothing was created. `message` is for the visitor."""

    def __init__(self, message: str | Promise, *, invitation: bool = False) -> None:
        self.message, self.invitation = message, invitation
        super().__init__(str(message))


def remember_invitation(session: SessionBase, row: Invitation) -> None:
    """Store in the session which invitation the visitor came by."""
    session[_SESSION_KEY] = row.pk


def invitation_of(request: HttpRequest) -> Invitation | None:
    """The visitor's invitation, while it is usable."""
    pk = request.session.get(_SESSION_KEY) if hasattr(request, "session") else None
    return invitations.usable().filter(pk=pk).first() if isinstance(pk, int) else None


def is_open(request: HttpRequest) -> bool:
    """Whether the visitor may sign up: registration is open, or by invitation and they have one."""
    mode = site_rules.registration()
    return mode == "open" or (mode == "invite" and invitation_of(request) is not None)


@dataclass
class Admission:
    """A transaction in which one new user may be created."""

    key: str
    invitation: Invitation | None

    def give(self, user: User) -> None:
        """Set the new user up: plan, credits, language, and a verified address where the invitation proves it.

        Raises Refused where a concurrent sign-up took the name in another case.
        """
        _serialise()
        if User.objects.filter(username__iexact=user.username).exclude(pk=user.pk).exists():
            raise Refused(_("Somebody just took that name. Please choose another."))
        user.sign_up_key, user.invitation = self.key, self.invitation
        user.language = get_language() or ""
        user.save(update_fields=["sign_up_key", "invitation", "language"])
        account = ensure_account(user)
        plan = self.invitation.plan if self.invitation is not None else None
        plan = plan or Plan.objects.filter(is_default=True).first()
        if plan is not None:
            credits.set_plan(account, plan)
        if self.invitation is not None and self.invitation.email:
            # The invited address stays unverified where another account has verified it already.
            addresses = EmailAddress.objects.filter(
                email__in=email_addresses.spellings(self.invitation.email)
            )
            verified_elsewhere = addresses.filter(verified=True).exclude(user=user)
            addresses.filter(~Exists(verified_elsewhere), user=user).update(verified=True, primary=True)
        grant_welcome(user)
        if self.invitation is not None:
            grant_invited(user, self.invitation)


@contextmanager
def admit(request: HttpRequest, email: str) -> Iterator[Admission]:
    """Create the user inside, then call `give`. Raises Refused before anything is created.

    Invited users are not counted against their network: a class or an office shares one address.
    """
    invitation, mode = invitation_of(request), site_rules.registration()
    if mode == "closed" or (mode == "invite" and invitation is None):
        raise Refused(_("This invitation is used up or has ended."), invitation=True)
    if (
        invitation is not None
        and invitation.email
        and email_addresses.canonical(invitation.email) != email_addresses.canonical(email)
    ):
        if mode == "invite":
            raise Refused(_("This invitation is for another address."))
        invitation = None
    keys = client_info.sign_up_keys(request)
    with transaction.atomic():
        if invitation is not None and not invitations.use(invitation):
            raise Refused(_("This invitation is used up or has ended."), invitation=True)
        if invitation is None:
            _check_limit(keys)
        yield Admission(keys[0] if keys else "", invitation)
    request.session.pop(_SESSION_KEY, None)


def is_full(request: HttpRequest) -> bool:
    """Whether the visitor's network has reached its daily limit of sign-ups; checked before an address is looked up."""
    if invitation_of(request) is not None:
        return False
    keys, most = client_info.sign_up_keys(request), site_rules.current().sign_ups_per_network
    return bool(keys and most) and _recent_sign_ups(keys) >= most


def _check_limit(keys: list[str]) -> None:
    most = site_rules.current().sign_ups_per_network
    if not keys or not most:
        return
    _serialise()
    if _recent_sign_ups(keys) >= most:
        raise Refused(FULL)


def _serialise() -> None:
    # Sign-ups are few: they lock the row of the site rules one after the other.
    Site.objects.get_or_create(pk=1)
    Site.objects.select_for_update().get(pk=1)


def _recent_sign_ups(keys: list[str]) -> int:
    return User.objects.filter(sign_up_key__in=keys, date_joined__gt=Now() - DAY).count()


FULL = _("Too many new accounts came from your network today. Try again tomorrow, or ask the operator.")
