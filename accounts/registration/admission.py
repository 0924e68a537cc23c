"""Whether somebody may become a member, and what a new member begins with: in the one transaction that makes them.

Nothing is sent and no password is hashed in here. Of many who come at once from one network each waits for the one
before, so that none is counted too late.
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

_KEPT = "entrance.invitation"
DAY = timedelta(days=1)


class Refused(Exception):
    """Not now, or not this one; nothing was made. The words are for the one who asked."""

    def __init__(self, words: str | Promise, *, invitation: bool = False) -> None:
        self.words, self.invitation = words, invitation
        super().__init__(str(words))


def keep(session: SessionBase, row: Invitation) -> None:
    """Remember by which invitation this visitor came."""
    session[_KEPT] = row.pk


def invitation_of(request: HttpRequest) -> Invitation | None:
    """The invitation that this visitor came by, while it is good."""
    kept = request.session.get(_KEPT) if hasattr(request, "session") else None
    return invitations.usable().filter(pk=kept).first() if isinstance(kept, int) else None


def is_open(request: HttpRequest) -> bool:
    """Whether the one who asks may sign up: registration is open, or by invitation and they have one."""
    how = site_rules.registration()
    return how == "open" or (how == "invite" and invitation_of(request) is not None)


@dataclass
class Opening:
    """A transaction in which one new user may be made."""

    key: str
    invitation: Invitation | None

    def give(self, user: User) -> None:
        """What a new member begins with: a plan, credits, their language, and a checked address where it is known.

        Raises Refused where somebody made one of that name at the same moment, written with other capitals.
        """
        _wait_for_others()
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
            # Who was invited at an address that another account has confirmed stays with one that nobody confirmed.
            same = EmailAddress.objects.filter(email__in=email_addresses.spellings(self.invitation.email))
            taken = same.filter(verified=True).exclude(user=user)
            same.filter(~Exists(taken), user=user).update(verified=True, primary=True)
        grant_welcome(user)
        if self.invitation is not None:
            grant_invited(user, self.invitation)


@contextmanager
def opening(request: HttpRequest, email: str) -> Iterator[Opening]:
    """Make the user inside, then call `give`. Raises Refused before anything is made.

    Who comes by an invitation is not counted against their network: a class or an office sits behind one address.
    """
    invitation, how = invitation_of(request), site_rules.registration()
    if how == "closed" or (how == "invite" and invitation is None):
        raise Refused(_("This invitation is used up or has ended."), invitation=True)
    if (
        invitation is not None
        and invitation.email
        and email_addresses.folded(invitation.email) != email_addresses.folded(email)
    ):
        if how == "invite":
            raise Refused(_("This invitation is for another address."))
        invitation = None
    keys = client_info.sign_up_keys(request)
    with transaction.atomic():
        if invitation is not None and not invitations.use(invitation):
            raise Refused(_("This invitation is used up or has ended."), invitation=True)
        if invitation is None:
            _count(keys)
        yield Opening(keys[0] if keys else "", invitation)
    request.session.pop(_KEPT, None)


def is_full(request: HttpRequest) -> bool:
    """Whether this visitor's network has had its sign-ups for today; asked before an address is looked at."""
    if invitation_of(request) is not None:
        return False
    keys, most = client_info.sign_up_keys(request), site_rules.current().sign_ups_per_network
    return bool(keys and most) and _came(keys) >= most


def _count(keys: list[str]) -> None:
    most = site_rules.current().sign_ups_per_network
    if not keys or not most:
        return
    _wait_for_others()
    if _came(keys) >= most:
        raise Refused(FULL)


def _wait_for_others() -> None:
    # The row of the house rules is what they wait for, one after the other; sign-ups are few.
    Site.objects.get_or_create(pk=1)
    Site.objects.select_for_update().get(pk=1)


def _came(keys: list[str]) -> int:
    return User.objects.filter(sign_up_key__in=keys, date_joined__gt=Now() - DAY).count()


FULL = _("Too many new accounts came from your network today. Try again tomorrow, or ask the operator.")
