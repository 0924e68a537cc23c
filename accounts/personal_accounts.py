"""Every user gets an account of their own, whichever door they came in by."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.db.models.signals import post_save

from accounts.models import Account, Membership, User
from core.db.prepared import Prepared


def ensure_account(user: User) -> Account:
    """The account the user acts for, made with an owner's membership where there is none yet."""
    if user.account_id:
        assert user.account is not None
        return user.account
    with transaction.atomic():
        # Of two that come at once the second waits here, and finds what the first made.
        locked = User.objects.select_for_update().select_related(None).get(pk=user.pk)
        account = locked.account
        if account is None:
            account = Account.objects.create(name=user.username)
            Membership.objects.create(account=account, user=user, role=Membership.Role.OWNER)
            User.objects.filter(pk=user.pk).update(account=account)
    user.account = account
    return account


def personal_account(user: User) -> Account | None:
    """The account that is the member's own, whomever they act for now; None where they have none."""
    read: list[Membership] | None = getattr(user, _READ, None)
    found = _OWN.first(user=user.pk) if read is None else next(iter(read), None)
    return found.account if found is not None else None


def with_personal_account(rows: QuerySet[User]) -> QuerySet[User]:
    """The same users, for each of whom `personal_account` asks nothing more: for lists."""
    return rows.prefetch_related(Prefetch("memberships", queryset=_own(), to_attr=_READ))


_READ = "own_memberships"


def _own() -> QuerySet[Membership]:
    rows = Membership.objects.filter(account__kind=Account.Kind.USER, role=Membership.Role.OWNER)
    return rows.select_related("account__plan").order_by("pk")


# Asked by most pages of members.
_OWN = Prepared[Membership](lambda user: _own().filter(user_id=user)[:1], user=int)


def _user_saved(sender: type[User], instance: User, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created and not raw:
        ensure_account(instance)


def connect_signals() -> None:
    """Connect the receiver; called once when the app is ready."""
    post_save.connect(_user_saved, sender=User, dispatch_uid="accounts.personal_accounts")


def personal_account_behind(user: User, account: Account) -> Account | None:
    """The account of their own of somebody who acts for an organisation; None where it is their own that pays."""
    return personal_account(user) if account.kind == Account.Kind.ORGANIZATION else None


def is_personal_account_closed(user: User) -> bool:
    """Whether the account of their own is closed to new things, so that they begin nothing for another either."""
    own = personal_account(user)
    return own is not None and own.status != Account.Status.ACTIVE
