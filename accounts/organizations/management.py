"""Organisations: create, rename, switch to, leave; members, roles and limits."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import credits, personal_accounts
from accounts.models import Account, ApiToken, Membership, OrganizationInvitation, Plan, User
from accounts.notifications import notices
from accounts.organizations import roles
from accounts.personal_accounts import ensure_account, personal_account
from accounts.site import feature_flags, site_rules
from core.clock import Now

MAX_NAME_LENGTH = 80


class CannotDo(Exception):
    """The request was refused; the message is for the user. `field`: the input at fault, or empty."""

    def __init__(self, words: str, field: str = "") -> None:
        self.field = field
        super().__init__(words)


def create(user: User, name: str) -> Account:
    """Create an organisation owned by the user, on the configured plan. Raises CannotDo."""
    if not feature_flags.is_on("organizations"):
        raise CannotDo(_("New organisations are switched off on this server."))
    if personal_accounts.is_personal_account_closed(user):
        raise CannotDo(_("Your own account is closed to new things."))
    name = clean_name(name)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        owned = Membership.objects.filter(
            user=user, role=roles.OWNER, account__kind=Account.Kind.ORGANIZATION
        ).exclude(account__status=Account.Status.CLOSED)
        most = site_rules.current().organizations_owned
        if owned.count() >= most:
            raise CannotDo(
                ngettext(
                    "You own %(most)s organisation already.", "You own %(most)s organisations already.", most
                )
                % {"most": most}
            )
        account = Account.objects.create(name=name, kind=Account.Kind.ORGANIZATION)
        Membership.objects.create(account=account, user=user, role=roles.OWNER)
        # A new organisation must not escape its founder's plan.
        plan = plan_of_new_organization(user)
        if plan is not None:
            credits.set_plan(account, plan)
    return account


def plan_of_new_organization(founder: User) -> Plan | None:
    """Plan of a new organisation: the site's choice, else the default plan, else its founder's."""
    plan = Plan.objects.filter(pk=site_rules.current().organization_plan_id or 0).first()
    plan = plan or Plan.objects.filter(is_default=True).first()
    return plan or personal_account_of(founder).plan


def clean_name(name: str) -> str:
    """Normalised name. Raises CannotDo for an empty one."""
    name = " ".join(name.replace("\x00", "").split())[:MAX_NAME_LENGTH]
    if not name:
        raise CannotDo(_("An organisation has a name."), "name")
    return name


def rename(account: Account, name: str) -> None:
    """Rename an organisation. Raises CannotDo."""
    Account.objects.filter(pk=account.pk).update(name=clean_name(name))


def memberships_of(user: User) -> list[Membership]:
    """Memberships of the user, the personal account first."""
    rows = Membership.objects.filter(user=user).exclude(account__status=Account.Status.CLOSED)
    return sorted(
        rows.select_related("account"),
        key=lambda membership: (
            membership.account.kind != Account.Kind.USER,
            membership.account.name.casefold(),
            membership.pk,
        ),
    )


def act_for(user: User, account_id: int) -> Account | None:
    """Switch the user to that account on every page; None where they are no member of it.

    Tokens stay with the account they were made for.
    """
    with transaction.atomic():
        member = Membership.objects.select_for_update().filter(user=user, account_id=account_id).first()
        if member is None:
            return None
        User.objects.filter(pk=user.pk).update(account_id=account_id)
    user.account = Account.objects.get(pk=account_id)
    return user.account


def personal_account_of(user: User) -> Account:
    """The user's personal account, created where it is missing."""
    return personal_account(user) or ensure_account(user)


def leave(user: User, account: Account) -> None:
    """Leave an organisation. Raises CannotDo for its last owner."""
    remove(account, user, by=user)


def remove(account: Account, user: User, *, by: User) -> None:
    """End a membership. Raises CannotDo for the last owner.

    Revokes the member's tokens and invitations of this organisation, and switches them to their personal account. What
    they made stays with the organisation.
    """
    with transaction.atomic():
        # Locked first: two owners who remove each other must not both succeed. FOR NO KEY UPDATE, so that `act_for`,
        # which references the account with the membership locked, does not wait.
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        member = Membership.objects.filter(account=account, user=user).first()
        if member is None or account.kind != Account.Kind.ORGANIZATION:
            raise CannotDo(_("There is no such member."))
        require_other_owner(account, member)
        member.delete()
        ApiToken.objects.filter(account=account, user=user, revoked_at__isnull=True).update(revoked_at=Now())
        end_invitations(account, user)
        User.objects.filter(pk=user.pk, account=account).update(account=personal_account_of(user))
        credits.member_left(account.pk, user)
        if by.pk != user.pk:
            notices.notify(user, "organization.removed", name=account.name)
    user.refresh_from_db(fields=["account"])


def end_invitations(account: Account, maker: User) -> None:
    """Revoke pending invitations made by a former owner, so that nobody returns by a link of their own."""
    OrganizationInvitation.objects.filter(
        account=account, made_by=maker, accepted_at__isnull=True, revoked_at__isnull=True
    ).update(revoked_at=Now())


def require_other_owner(account: Account, leaving: Membership) -> None:
    """Raise CannotDo where nobody else would own the organisation. Call with the account's row locked."""
    if leaving.role != roles.OWNER:
        return
    # Inactive owners do not count: they may be banned for good or about to be deleted.
    others = Membership.objects.filter(account=account, role=roles.OWNER, user__is_active=True)
    if not others.exclude(pk=leaving.pk).exists():
        raise CannotDo(_("An organisation has an owner: name another one first, or close it."))


def give_role(account: Account, number: int, role: str, *, by: User) -> Membership:
    """Change a member's role; the last owner stays one. Raises CannotDo and NotYourRole."""
    if role not in Membership.Role.values:
        raise CannotDo(_("There is no such role."))
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        # Checked under the lock: a just removed owner must not make anybody an owner.
        roles.require(by, account, roles.MANAGING)
        member = _member(account, number)
        if role != Membership.Role.OWNER:
            require_other_owner(account, member)
            end_invitations(account, member.user)
        Membership.objects.filter(pk=member.pk).update(role=role)
    member.role = role
    return member


def set_limit(account: Account, number: int, month: int | None) -> Membership:
    """Set a member's monthly spending limit in micro-credits; None: no limit. Raises CannotDo."""
    if month is not None and not 0 <= month <= credits.LARGEST:
        raise CannotDo(_("A limit is from 0 to 1,000,000,000 credits."))
    member = _member(account, number)
    credits.limit_member(member, month=month)
    return member


def _member(account: Account, number: int) -> Membership:
    membership = Membership.objects.filter(account=account, pk=number).select_related("user").first()
    if membership is None or account.kind != Account.Kind.ORGANIZATION:
        raise CannotDo(_("There is no such member."))
    return membership
