"""Suspend and reopen accounts by hand: with a reason, an audit entry, and a notice to the owners.

A ban suspends the banned user's personal account and lifting it reopens it (`sanctions`); deletion is separate
(`gallery.privacy`). This is for the rest: an organisation as a whole, or a personal account that is to wait.
"""

from __future__ import annotations

from typing import Protocol

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, Membership, User
from accounts.notifications import notices
from accounts.staff import audit_log, sanctions

_MAX_NOTIFIED = 20
_LONGEST = 200
Status = Account.Status


class CannotChange(Exception):
    """The status was not changed. The message is for staff."""

    WORDS: dict[str, str | Promise] = {
        "own": _("It is an account of your own: somebody else decides about it."),
        "staff": _("It is a colleague's: only an administrator decides about it."),
        "not active": _("Only an account that is active can be suspended."),
        "not suspended": _("It is not suspended."),
        "banned": _("Its owner is banned: lift the ban, and it opens again."),
        "reason": _("It wants a reason."),
    }

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)

    def __str__(self) -> str:
        return str(self.WORDS[self.why])


class Verb(Protocol):
    """`suspend` or `reopen`."""

    def __call__(self, account: Account, *, by: User, reason: str) -> None: ...


def suspend(account: Account, *, by: User, reason: str) -> None:
    """Suspend an active account: no holds, purchases or gifts, and its tokens are refused. Raises CannotChange."""
    _change(account, by, reason, Status.ACTIVE, Status.SUSPENDED, "suspend")


def reopen(account: Account, *, by: User, reason: str) -> None:
    """End a suspension. Raises CannotChange, also where it comes from a ban still in force."""
    _change(account, by, reason, Status.SUSPENDED, Status.ACTIVE, "reopen")


def _change(account: Account, by: User, reason: str, before: str, after: str, verb: str) -> None:
    reason = reason.replace("\x00", "").strip()[:_LONGEST]
    if not reason:
        raise CannotChange("reason")
    with transaction.atomic():
        if account.kind == Account.Kind.ORGANIZATION:
            # Locked before its owners, as on joining, leaving and closing; a personal account is locked after them.
            Account.objects.select_for_update(no_key=True).filter(pk=account.pk).values_list("pk").first()
        owners = _owners(account)
        _check_allowed(account, by, owners, verb)
        if not Account.objects.filter(pk=account.pk, status=before).update(status=after):
            raise CannotChange("not active" if verb == "suspend" else "not suspended")
        for owner in owners[:_MAX_NOTIFIED]:
            kind = "account.suspended" if verb == "suspend" else "account.reopened"
            notices.notify(owner, kind, name=account.name, reason=reason)
        detail = {"before": {"status": before}, "after": {"status": after}}
        audit_log.write(by, f"account.{verb}", account, reason=reason, account=account, detail=detail)


def _owners(account: Account) -> list[User]:
    # The same lock as a ban's, so that one of the two sees the other.
    owned = Membership.objects.filter(account=account, role=Membership.Role.OWNER)
    rows = User.objects.select_for_update(no_key=True).filter(pk__in=owned.values("user"))
    return list(rows.order_by("pk"))


def _check_allowed(account: Account, by: User, owners: list[User], verb: str) -> None:
    if any(owner.pk == by.pk for owner in owners):
        raise CannotChange("own")
    if not all(sanctions.outranks(by, owner) for owner in owners):
        raise CannotChange("staff")
    personal = account.kind == Account.Kind.USER
    if verb == "reopen" and personal and any(sanctions.ban_of(owner) is not None for owner in owners):
        raise CannotChange("banned")
