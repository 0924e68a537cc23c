"""Invitations to join an organisation, by e-mail. The secret is in the e-mail only; its digest is stored."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Account, Membership, OrganizationInvitation, User
from accounts.notifications import notices
from accounts.organizations import roles
from accounts.organizations.management import CannotDo
from accounts.tokens import api_tokens
from core.clock import Now

VALID_FOR = timedelta(days=14)
MAX_PENDING = 100
"""Pending invitations of one organisation."""
MAX_PER_DAY, MAX_PER_ADDRESS = 200, 5
"""Invitation e-mails that one member may send in a day: in all, and to the same address."""


def pending(account: Account) -> QuerySet[OrganizationInvitation]:
    """Invitations neither accepted, revoked nor expired, newest first."""
    return OrganizationInvitation.objects.filter(
        account=account, accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=Now()
    )


def invite(account: Account, email: str, role: str, *, by: User) -> OrganizationInvitation:
    """Invite somebody, in a role; inviting an address again sends a new link and ends the old one. Raises CannotDo."""
    email = email.strip()[:254].lower()
    try:
        validate_email(email)
    except ValidationError:
        raise CannotDo(_("This is no e-mail address."), "email") from None
    if role not in Membership.Role.values:
        raise CannotDo(_("There is no such role."), "role")
    if Membership.objects.filter(account=account, user__email__iexact=email).exists():
        raise CannotDo(_("They are a member already."), "email")
    secret = secrets.token_urlsafe(24)
    try:
        with transaction.atomic():
            Account.objects.select_for_update().get(pk=account.pk)
            # Checked under the lock: a removed owner could otherwise invite themselves back.
            roles.require(by, account, roles.MANAGING)
            _limit_invitations(by, email)
            if pending(account).exclude(email=email).count() >= MAX_PENDING:
                raise CannotDo(_("%(most)s invitations wait for an answer already.") % {"most": MAX_PENDING})
            _end(account, email)
            invitation = OrganizationInvitation.objects.create(
                account=account,
                email=email,
                role=role,
                digest=api_tokens.digest(secret),
                made_by=by,
                expires_at=Now() + VALID_FOR,
            )
            notices.notify_address(
                email, "organization.invited", language=by.language, link=reverse("organization_join", args=[secret]),
                name=account.name, by=by.shown_name,
            )  # fmt: skip
    except IntegrityError:
        raise CannotDo(_("They were invited at this moment already.")) from None
    return invitation


def _limit_invitations(by: User, email: str) -> None:
    """Keep members from spamming strangers through us. Raises CannotDo."""
    today = OrganizationInvitation.objects.filter(made_by=by, created_at__gt=Now() - timedelta(days=1))
    if today.count() >= MAX_PER_DAY or today.filter(email=email).count() >= MAX_PER_ADDRESS:
        raise CannotDo(_("There were several tries today. Try again tomorrow."))


def _end(account: Account, email: str) -> None:
    OrganizationInvitation.objects.filter(
        account=account, email=email, accepted_at__isnull=True, revoked_at__isnull=True
    ).update(revoked_at=Now())


def find(secret: str) -> OrganizationInvitation | None:
    """The invitation of a link that can still be accepted."""
    if len(secret) > 100:
        return None
    rows = OrganizationInvitation.objects.filter(
        digest=api_tokens.digest(secret),
        accepted_at__isnull=True,
        revoked_at__isnull=True,
        expires_at__gt=Now(),
    )
    return rows.select_related("account", "made_by").exclude(account__status=Account.Status.CLOSED).first()


def accept(secret: str, user: User) -> Membership:
    """Accept an invitation, once. The link is proof enough: it was sent to the address alone. Raises CannotDo."""
    with transaction.atomic():
        invitation = find(secret)
        if invitation is None:
            raise CannotDo(_("This invitation has ended, or was accepted already. Ask for a new one."))
        accepted = OrganizationInvitation.objects.filter(
            pk=invitation.pk, accepted_at__isnull=True, revoked_at__isnull=True
        ).update(accepted_at=Now(), accepted_by=user)
        if not accepted:
            raise CannotDo(_("This invitation has ended, or was accepted already. Ask for a new one."))
        member, is_new = Membership.objects.get_or_create(
            account=invitation.account, user=user, defaults={"role": invitation.role}
        )
        if is_new and invitation.made_by_id != user.pk:
            notices.notify(
                invitation.made_by, "organization.joined", link=reverse("organization", args=[invitation.account_id]),
                name=invitation.account.name, who=user.shown_name,
            )  # fmt: skip
    return member


def revoke(account: Account, number: int) -> bool:
    """Revoke a pending invitation; False where it is not pending any more."""
    waiting = OrganizationInvitation.objects.filter(Q(accepted_at__isnull=True, revoked_at__isnull=True))
    return bool(waiting.filter(account=account, pk=number).update(revoked_at=Now()))
