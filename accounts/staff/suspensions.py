"""Suspending an account by hand, and opening it again: with a reason, on record, and told to its owners.

A ban suspends the banned member's own account and lifting it opens that again (`sanctions`); closing has its own way
(`gallery.leaving`). This is for the rest: an organisation as a whole, or a member's account that is to wait.
"""

from __future__ import annotations

from typing import Protocol

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, Membership, User
from accounts.notifications import notices
from accounts.staff import audit_log, sanctions

_TOLD_AT_MOST = 20
_LONGEST = 200
Status = Account.Status


class CannotStand(Exception):
    """The account stays as it stands. The message is for staff."""

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
    """`suspend`, or `reopen`."""

    def __call__(self, account: Account, *, by: User, reason: str) -> None: ...


def suspend(account: Account, *, by: User, reason: str) -> None:
    """Let an active account hold, buy and give nothing, and refuse its tokens. Raises CannotStand."""
    _change(account, by, reason, Status.ACTIVE, Status.SUSPENDED, "suspend")


def reopen(account: Account, *, by: User, reason: str) -> None:
    """End a suspension. Raises CannotStand, also where a ban goes on that has suspended it."""
    _change(account, by, reason, Status.SUSPENDED, Status.ACTIVE, "reopen")


def _change(account: Account, by: User, reason: str, before: str, after: str, verb: str) -> None:
    reason = reason.replace("\x00", "").strip()[:_LONGEST]
    if not reason:
        raise CannotStand("reason")
    with transaction.atomic():
        if account.kind == Account.Kind.ORGANIZATION:
            # Before its owners, as they do who join, leave and close it; a member's own account comes after its owner.
            Account.objects.select_for_update(no_key=True).filter(pk=account.pk).values_list("pk").first()
        owners = _owners(account)
        _ask(account, by, owners, verb)
        if not Account.objects.filter(pk=account.pk, status=before).update(status=after):
            raise CannotStand("not active" if verb == "suspend" else "not suspended")
        for owner in owners[:_TOLD_AT_MOST]:
            kind = "account.suspended" if verb == "suspend" else "account.reopened"
            notices.notify(owner, kind, name=account.name, reason=reason)
        detail = {"before": {"status": before}, "after": {"status": after}}
        audit_log.write(by, f"account.{verb}", account, reason=reason, account=account, detail=detail)


def _owners(account: Account) -> list[User]:
    # Locked as a ban locks them, so that a ban is seen here or sees this.
    owned = Membership.objects.filter(account=account, role=Membership.Role.OWNER)
    rows = User.objects.select_for_update(no_key=True).filter(pk__in=owned.values("user"))
    return list(rows.order_by("pk"))


def _ask(account: Account, by: User, owners: list[User], verb: str) -> None:
    if any(owner.pk == by.pk for owner in owners):
        raise CannotStand("own")
    if not all(sanctions.outranks(by, owner) for owner in owners):
        raise CannotStand("staff")
    personal = account.kind == Account.Kind.USER
    if verb == "reopen" and personal and any(sanctions.ban_of(owner) is not None for owner in owners):
        raise CannotStand("banned")
