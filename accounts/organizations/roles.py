"""Roles in an organisation and what they may do. A personal account has one member, its owner.

owner     everything: members, roles, limits, the name, the webhook secret, money
billing   money: statement, usage, codes, gifts, purchases, limits of the account
member    makes predictions on the balance, with tokens of their own, and sees what is left
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.models import Account, Membership, User
from core.http.denials import ExplainedDenial

OWNER, BILLING, MEMBER = Membership.Role.OWNER, Membership.Role.BILLING, Membership.Role.MEMBER
MONEY = frozenset({OWNER, BILLING})
MANAGING = frozenset({OWNER})


class NotYourRole(ExplainedDenial):
    """The member acts for the account, but not in a role that permits this: 403 with a message."""


def role_of(user: User, account: Account) -> str:
    """The user's role for the account; empty where they do not act for it."""
    if account.kind == Account.Kind.USER and user.account_id == account.pk:
        return OWNER.value
    role = Membership.objects.filter(user=user, account=account).values_list("role", flat=True).first()
    return role or ""


def require(user: User, account: Account, allowed: frozenset[Membership.Role]) -> None:
    """Raise NotYourRole where the user's role is not among `allowed`."""
    if role_of(user, account) in {role.value for role in allowed}:
        return
    if allowed == MONEY:
        raise NotYourRole(_("Only owners and billing members of the organisation see and move its money."))
    raise NotYourRole(_("Only owners of the organisation may do this."))
