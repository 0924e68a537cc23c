"""Roles and limits of members."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import credits
from accounts.models import Account, Membership, User
from accounts.organizations import roles
from accounts.organizations.founding import CannotDo, end_invitations, keep_an_owner


def give_role(account: Account, number: int, role: str, *, by: User) -> Membership:
    """Give a member another role. The last owner stays one. Raises CannotDo, and NotYourRole."""
    if role not in Membership.Role.values:
        raise CannotDo(_("There is no such role."))
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        # Asked again now that nobody can be removed: whoever just was makes nobody an owner any more.
        roles.need(by, account, roles.MANAGING)
        member = _member(account, number)
        if role != Membership.Role.OWNER:
            keep_an_owner(account, member)
            end_invitations(account, member.user)
        Membership.objects.filter(pk=member.pk).update(role=role)
    member.role = role
    return member


def limit(account: Account, number: int, month: int | None) -> Membership:
    """Set what a member may spend each month, in micro-credits; None: as much as there is. Raises CannotDo."""
    if month is not None and not 0 <= month <= credits.LARGEST:
        raise CannotDo(_("A limit is from 0 to 1,000,000,000 credits."))
    member = _member(account, number)
    credits.limit_member(member, month=month)
    return member


def _member(account: Account, number: int) -> Membership:
    found = Membership.objects.filter(account=account, pk=number).select_related("user").first()
    if found is None or account.kind != Account.Kind.ORGANIZATION:
        raise CannotDo(_("There is no such member."))
    return found
