"""Who acts, beside who pays. What judges persons judges them wherever they act: an organisation is no way around it.

What a plan limits by amount (pace, models, room, spending) goes by the account that pays. What is about conduct (rules
on prompts, review before publication, an account that staff closed) goes by the person too, and the stricter counts.
"""

from __future__ import annotations

from accounts.models import Account, User
from accounts.provisioning import personal_account


def person(user: User, account: Account) -> Account | None:
    """The account of their own of somebody who acts for an organisation; None where it is their own that pays."""
    return personal_account(user) if account.kind == Account.Kind.ORGANIZATION else None


def is_closed(user: User) -> bool:
    """Whether the account of their own is closed to new things, so that they begin nothing for another either."""
    own = personal_account(user)
    return own is not None and own.status != Account.Status.ACTIVE
