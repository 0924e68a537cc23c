"""Personal accounts: every user gets one, however they signed up."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.db.models.signals import post_save

from accounts.models import Account, Membership, User


def ensure_account(user: User) -> Account:
    """The account the user acts for; a personal one is created where there is none yet."""
    if user.account_id:
        assert user.account is not None
        return user.account
    with transaction.atomic():
        # Of two concurrent calls the second waits here and finds the first one's account.
        locked = User.objects.select_for_update().select_related(None).get(pk=user.pk)
        account = locked.account
        if account is None:
            account = Account.objects.create(name=user.username)
            Membership.objects.create(account=account, user=user, role=Membership.Role.OWNER)
            User.objects.filter(pk=user.pk).update(account=account)
    user.account = account
    return account


def personal_account(user: User) -> Account | None:
    """The user's personal account, whichever they act for now; None where they have none."""
    prefetched: list[Membership] | None = getattr(user, _PREFETCHED, None)
    found = _personal_memberships().filter(user_id=user.pk)[:1] if prefetched is None else prefetched
    membership = next(iter(found), None)
    return membership.account if membership is not None else None


def with_personal_account(rows: QuerySet[User]) -> QuerySet[User]:
    """The same users with memberships prefetched, so that `personal_account` makes no query: for lists."""
    return rows.prefetch_related(
        Prefetch("memberships", queryset=_personal_memberships(), to_attr=_PREFETCHED)
    )


_PREFETCHED = "own_memberships"


def _personal_memberships() -> QuerySet[Membership]:
    rows = Membership.objects.filter(account__kind=Account.Kind.USER, role=Membership.Role.OWNER)
    return rows.select_related("account__plan").order_by("pk")


def _user_saved(sender: type[User], instance: User, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created and not raw:
        ensure_account(instance)


def connect_signals() -> None:
    """Connect the receiver; called from AppConfig.ready."""
    post_save.connect(_user_saved, sender=User, dispatch_uid="accounts.personal_accounts")


def personal_account_behind(user: User, account: Account) -> Account | None:
    """The personal account of a user acting for an organisation; None where their own account pays."""
    return personal_account(user) if account.kind == Account.Kind.ORGANIZATION else None


def is_personal_account_closed(user: User) -> bool:
    """Whether the user's personal account is not active; such users may start nothing for an organisation either."""
    own = personal_account(user)
    return own is not None and own.status != Account.Status.ACTIVE
