"""Funds of an account that a user may see, by role.

Owners and billing members see all of it. A plain member sees only what is left of a limit of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from accounts import credits
from accounts.models import Account, Membership, User
from accounts.organizations import roles

_MONTH = "month"


@dataclass(frozen=True)
class VisibleFunds:
    """Amounts in micro-credits; None where the user may not see them or there is no limit."""

    balance: int | None = None
    held: int | None = None
    limit: int | None = None
    """The member's own monthly limit (UTC)."""
    left: int | None = None
    """What is left of it this month."""
    owed: int = 0
    """What the account owes, where the user sees its money."""

    @property
    def shown(self) -> int | None:
        """The one figure for the navigation bar: what the user knows they can spend."""
        return self.left if self.balance is None else self.balance


def sees_money(user: User, account: Account) -> bool:
    """Whether the user sees the account's balance, statement and usage."""
    return roles.role_of(user, account) in {role.value for role in roles.MONEY}


def for_user(user: User, account: Account, at: datetime | None = None) -> VisibleFunds:
    """What the user sees of an account they act for. No query for a personal account."""
    if account.kind == Account.Kind.USER and user.account_id == account.pk:
        return VisibleFunds(account.balance, account.held, owed=account.owed)
    member = Membership.objects.filter(user=user, account=account).select_related("account").first()
    return for_membership(member, at) if member is not None else VisibleFunds()


def for_membership(member: Membership, at: datetime | None = None) -> VisibleFunds:
    """The same for a membership."""
    account = member.account
    if member.role in {role.value for role in roles.MONEY}:
        return VisibleFunds(account.balance, account.held, *_limit(member, at), owed=account.owed)
    return VisibleFunds(None, None, *_limit(member, at))


def _limit(member: Membership, at: datetime | None) -> tuple[int | None, int | None]:
    if member.month_limit is None:
        return None, None
    spent = credits.spent(member.account_id, member.user_id, _MONTH, at or timezone.now())
    return member.month_limit, max(0, member.month_limit - spent)
