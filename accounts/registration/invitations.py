"""Invitations to sign up: links that work while registration is by invitation. The only writer of `Invitation`.

Only the SHA-256 of a link's secret is stored. Using one is a conditional UPDATE in the transaction that creates the
user, so that concurrent sign-ups cannot exceed its uses.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse

from accounts.models import Invitation, Plan, User
from accounts.notifications import notices
from accounts.staff import audit_log
from accounts.tokens import api_tokens
from core.clock import Now

MAX_AT_ONCE = 500
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,64}")
_HINT = 4


class InvitationState(StrEnum):
    """State of an invitation now."""

    GOOD = "good"
    UNKNOWN = "unknown"
    USED = "used"
    ENDED = "ended"
    REVOKED = "revoked"


def make(
    by: User | None,
    *,
    email: str = "",
    uses: int = 1,
    grant: int = 0,
    plan: Plan | None = None,
    days: int | None = None,
    note: str = "",
    language: str = "",
) -> tuple[Invitation, str]:
    """Create an invitation; returns it with its path, known only now. One for an address has one use and is mailed."""
    secret = secrets.token_urlsafe(24)
    path = reverse("entrance_invitation", args=[secret])
    with transaction.atomic(), audit_log.gathered():
        row = Invitation.objects.create(
            digest=api_tokens.digest(secret),
            hint=secret[-_HINT:],
            email=email.lower(),
            note=note,
            uses_left=1 if email else uses,
            grant=grant,
            plan=plan,
            made_by=by,
            expires_at=Now() + timedelta(days=days) if days else None,
        )
        audit_log.write(
            by,
            "invitation.make",
            row,
            name=str(row),
            detail={"after": {"uses": row.uses_left, "grant": grant, "plan": plan.name if plan else ""}},
        )
        if email:
            notices.notify_address(row.email, "entrance.invitation", language=language, link=path)
    return row, path


def make_many(
    by: User | None, emails: Sequence[str], count: int, **terms: object
) -> list[tuple[Invitation, str]]:
    """One for each address, or `count` for anybody who has the links; all or none."""
    with transaction.atomic(), audit_log.gathered():
        if emails:
            return [make(by, email=email, **terms) for email in emails]  # type: ignore[arg-type]
        return [make(by, **terms) for _number in range(count)]  # type: ignore[arg-type]


def revoke(row: Invitation, by: User | None, reason: str) -> bool:
    """Revoke an invitation; False where it was revoked before."""
    with transaction.atomic():
        if not Invitation.objects.filter(pk=row.pk, revoked_at__isnull=True).update(revoked_at=Now()):
            return False
        audit_log.write(by, "invitation.revoke", row, name=str(row), reason=reason)
    return True


def find(secret: str) -> Invitation | None:
    """The invitation of a link's secret, in whatever state."""
    if not _SECRET.fullmatch(secret):
        return None
    return Invitation.objects.filter(digest=api_tokens.digest(secret)).first()


def state_of(row: Invitation | None) -> InvitationState:
    """Its state now, by the database's clock."""
    if row is None:
        return InvitationState.UNKNOWN
    if row.revoked_at is not None:
        return InvitationState.REVOKED
    if row.uses_left == 0:
        return InvitationState.USED
    return InvitationState.GOOD if usable().filter(pk=row.pk).exists() else InvitationState.ENDED


def usable() -> QuerySet[Invitation]:
    """Invitations that can be used now."""
    return Invitation.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=Now()), uses_left__gt=0, revoked_at__isnull=True
    )


def use(row: Invitation) -> bool:
    """Take one use, in the transaction that creates the user; False where none is left or it ended."""
    return bool(usable().filter(pk=row.pk).update(uses_left=F("uses_left") - 1))
