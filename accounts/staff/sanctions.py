"""Warnings, mutes and bans: the only writer of `Sanction`, of `User.is_active` after sign-up and of `muted_until`.

A ban is one transaction: the user is closed, their sessions are worth nothing any more, their own account is suspended,
and what the floors above owe (queued work, webhooks, pictures to be hidden) is noted as owed. What was before stands in
the row, so that lifting restores just that: tokens were refused and not revoked, so they work again; sessions stay
ended. An organisation's account is not suspended for one of its members.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Account, ApiToken, Sanction, User
from accounts.notifications import notices
from accounts.personal_accounts import personal_account
from accounts.staff import audit_log
from core import timezones
from core.clock import Now
from core.db.due_rows import AT_ONCE, DueRows

FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Until when somebody is muted who is muted until it is lifted."""
OVER = gettext_noop("Its time is over.")
PERMISSIONS = ("accounts.add_sanction", "gallery.decide_case")
"""Either lets a member of staff impose and lift sanctions."""
_LONGEST_REASON = 200
_LONGEST_NOTE = 500

Closer = Callable[[User, Sanction], None]
"""Called in a ban's transaction: ends at once what a few statements can end, such as webhooks that are owed."""
Teller = Callable[[User], dict[str, int]]
"""Tells what a ban would end, by name."""
_closers: list[Closer] = []
_tellers: list[Teller] = []


class NotAllowed(Exception):
    """Not this one by that one: oneself, staff by others than administrators, anybody without the right."""


class Already(Exception):
    """They are banned already; nothing was changed."""


def register_account_closer(closer: Closer) -> None:
    """Have a floor above end in the ban's transaction what is its own."""
    if closer not in _closers:
        _closers.append(closer)


def register_notifier(teller: Teller) -> None:
    """Have a floor above tell what of its own a ban would end."""
    if teller not in _tellers:
        _tellers.append(teller)


def outranks(by: User | None, user: User) -> bool:
    """Whether `by` may act upon `user` and what is theirs at all, whatever the act needs beside: nobody upon
    themselves, and upon staff administrators alone. None: the house itself, upon members.
    """
    if by is None:
        return not (user.is_staff or user.is_superuser)
    if by.pk == user.pk or not (by.is_active and by.is_staff):
        return False
    return by.is_superuser or not (user.is_staff or user.is_superuser)


def may(by: User | None, user: User) -> bool:
    """Whether `by` may warn, mute and ban `user`, and lift it: see `NotAllowed`. None: the house itself."""
    return outranks(by, user) and (by is None or any(by.has_perm(name) for name in PERMISSIONS))


def warn(
    user: User, by: User | None, reason: str, case: int | None = None, note: str = "", link: str = ""
) -> Sanction:
    """Tell a member that this must not happen again. It is counted, and nothing else changes."""
    with transaction.atomic(), audit_log.gathered():
        user = _locked(user, by)
        row = _row(user, Sanction.Kind.WARNING, by, reason, case, note, None)
        notices.notify(user, "sanction.warning", link=link, reason=row.reason)
        _write(by, "user.warn", user, row)
    return row


def mute(
    user: User,
    by: User | None,
    until: datetime | None,
    reason: str,
    case: int | None = None,
    note: str = "",
    link: str = "",
) -> Sanction:
    """Let a member publish, share and comment nothing until then (None: until it is lifted); they go on making."""
    with transaction.atomic(), audit_log.gathered():
        user = _locked(user, by)
        row = _row(user, Sanction.Kind.MUTE, by, reason, case, note, until)
        _say_until(user)
        when: dict[str, Any] = {} if until is None else {"until_at": until.astimezone(UTC).isoformat()}
        kind = "sanction.mute" if until is None else "sanction.mute_until"
        notices.notify(user, kind, link=link, reason=row.reason, **when)
        _write(by, "user.mute", user, row)
    return row


def ban(
    user: User,
    by: User | None,
    reason: str,
    case: int | None = None,
    until: datetime | None = None,
    note: str = "",
    hide_public: bool = False,
    link: str = "",
) -> Sanction:
    """Close every door to a member at once, until then (None: until it is lifted). Raises NotAllowed and Already.

    Their queued work ends within seconds, one transaction each, with its holds returned. `hide_public`: their public
    pictures leave the gallery too, and come back when it is lifted.
    """
    with transaction.atomic(), audit_log.gathered():
        user = _locked(user, by)
        if Sanction.objects.filter(user=user, kind=Sanction.Kind.BAN, lifted_at__isnull=True).exists():
            raise Already
        own = personal_account(user)
        row = _row(
            user, Sanction.Kind.BAN, by, reason, case, note, until,
            work_owed=True, hides=hide_public, hiding_owed=hide_public,
            before={"is_active": user.is_active, "account": own.status if own is not None else ""},
        )  # fmt: skip
        User.objects.filter(pk=user.pk).update(is_active=False, session_epoch=F("session_epoch") + 1)
        for closer in _closers:
            closer(user, row)
        when: dict[str, Any] = {} if until is None else {"until_at": until.astimezone(UTC).isoformat()}
        kind = "sanction.ban" if until is None else "sanction.ban_until"
        notices.notify(user, kind, link=link, reason=row.reason, **when)
        if own is not None:
            Account.objects.filter(pk=own.pk, status=Account.Status.ACTIVE).update(
                status=Account.Status.SUSPENDED
            )
        _write(by, "user.ban", user, row)
    return row


def lift(sanction: Sanction, by: User | None, reason: str) -> bool:
    """End a sanction before its time and restore what was. False where it was lifted already. Raises NotAllowed."""
    reason = _worded(reason)
    with transaction.atomic(), audit_log.gathered():
        user = _locked(sanction.user, by, house=True)
        changed = Sanction.objects.filter(pk=sanction.pk, lifted_at__isnull=True).update(
            lifted_at=Now(), lifted_by=by, lift_reason=reason, work_owed=False
        )
        if not changed:
            return False
        row = Sanction.objects.get(pk=sanction.pk)
        if row.kind == Sanction.Kind.BAN:
            _readmit(user, row)
        elif row.kind == Sanction.Kind.MUTE:
            _say_until(user)
        notices.notify(user, f"sanction.{row.kind}_lifted", reason=reason)
        audit_log.write(
            by, f"user.un{_VERB[row.kind]}", user, reason=reason, account=personal_account(user), case=row.case,
            detail={"sanction": row.pk, "before": {"kind": row.kind, "since": row.created_at.isoformat()}},
        )  # fmt: skip
    return True


_VERB: dict[str, str] = {Sanction.Kind.WARNING: "warn", Sanction.Kind.MUTE: "mute", Sanction.Kind.BAN: "ban"}


def unban(user: User, by: User | None, reason: str) -> bool:
    """Lift the ban of a member; also of one who was closed before bans had rows. False where they are not banned."""
    row = Sanction.objects.filter(user=user, kind=Sanction.Kind.BAN, lifted_at__isnull=True).first()
    if row is not None:
        return lift(row, by, reason)
    with transaction.atomic(), audit_log.gathered():
        user = _locked(user, by)
        rows = User.objects.filter(pk=user.pk, is_active=False, erased_at__isnull=True)
        if not rows.update(is_active=True):
            return False
        audit_log.write(by, "user.unban", user, reason=_worded(reason), account=personal_account(user))
    return True


def in_force(user: User) -> list[Sanction]:
    """The mutes and bans that count now, newest first."""
    rows = Sanction.objects.filter(user=user, lifted_at__isnull=True).exclude(kind=Sanction.Kind.WARNING)
    return list(rows.filter(Q(until__isnull=True) | Q(until__gt=Now())).order_by("-id"))


def ban_of(user: User) -> Sanction | None:
    """The ban of a member that counts now."""
    return next((row for row in in_force(user) if row.kind == Sanction.Kind.BAN), None)


def warnings(user: User) -> int:
    """How many warnings they have that were not taken back."""
    return Sanction.objects.filter(user=user, kind=Sanction.Kind.WARNING, lifted_at__isnull=True).count()


def is_muted(user_id: int) -> bool:
    """Whether they may publish, share and comment nothing now, by the database's word and clock."""
    return User.objects.filter(pk=user_id, muted_until__gt=Now()).exists()


def muted_words(user: User) -> str:
    """The sentence that a muted member is told, with the end of it in the active time zone; empty for others."""
    row = next((one for one in in_force(user) if one.kind == Sanction.Kind.MUTE), None)
    if row is None:
        return ""
    if row.until is None:
        return _("You are muted: you publish, share and comment nothing until it is lifted. %(reason)s") % {
            "reason": row.reason
        }
    return _("You are muted until %(until)s: you publish, share and comment nothing. %(reason)s") % {
        "until": _moment(row.until),
        "reason": row.reason,
    }


def _moment(at: datetime) -> str:
    """As pages write moments, in the reader's zone; for programs, and where that is not known, with the zone's name."""
    if timezone.get_current_timezone_name() == "UTC":
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return timezones.moment(at)


def consequences(user: User) -> dict[str, int]:
    """What a ban would end, by name: `tokens`, `held_micro` (credits on hold that return), and what the floors above
    tell: `waiting` and `running` predictions, `webhooks` that are owed, `public_items`, `share_links` …
    """
    own = personal_account(user)
    told = {
        "tokens": ApiToken.objects.usable().filter(user=user).count(),
        "held_micro": own.held if own is not None else 0,
    }
    for teller in _tellers:
        told.update(teller(user))
    return told


def lift_ended() -> bool:
    """A chore: lift what has an end that has passed. Whether there may be more."""
    return _ENDED.work() >= AT_ONCE


def ended() -> QuerySet[Sanction]:
    """What has an end that has passed."""
    return Sanction.objects.filter(lifted_at__isnull=True, until__lte=Now())


_ENDED = DueRows(
    "sanctions",
    lambda: ended().values_list("pk"),
    lambda row: lift(Sanction.objects.select_related("user").get(pk=row[0]), None, OVER),
)


def work_is_done(sanction: Sanction) -> None:
    """Nothing of a banned member is live any more, and nothing can come."""
    Sanction.objects.filter(pk=sanction.pk).update(work_owed=False)


def hiding_is_done(sanction: Sanction) -> None:
    """Their pictures are hidden, or shown again."""
    # Only for what was found: a ban that was lifted meanwhile owes the way back.
    lifted = Q(lifted_at__isnull=sanction.lifted_at is None)
    Sanction.objects.filter(lifted, pk=sanction.pk).update(hiding_owed=False)


def _locked(user: User, by: User | None, *, house: bool = False) -> User:
    """The user's row, locked and as it is now, if `by` may. `house`: the house may too, whoever they are."""
    # No key: who writes a notice or a report that names them need not wait, and so nobody waits in a circle.
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not (may(by, row) or (house and by is None)):
        raise NotAllowed
    return row


def _worded(reason: str) -> str:
    reason = reason.replace("\x00", "").strip()[:_LONGEST_REASON]
    if not reason:
        raise ValueError("A sanction has a reason, and so has lifting it.")
    return reason


def _row(
    user: User,
    kind: Sanction.Kind,
    by: User | None,
    reason: str,
    case: int | None,
    note: str,
    until: datetime | None,
    **more: Any,
) -> Sanction:
    note = note.replace("\x00", "").strip()[:_LONGEST_NOTE]
    row = Sanction.objects.create(
        user=user, kind=kind, made_by=by, reason=_worded(reason), case=case, note=note, until=until, **more
    )
    if until is not None and Sanction.objects.filter(pk=row.pk, until__lte=Now()).exists():
        raise ValueError("The end of a sanction lies ahead.")
    return row


def _say_until(user: User) -> None:
    """Note on the user until when they are muted, by the mutes that are left."""
    rows = Sanction.objects.filter(user=user, kind=Sanction.Kind.MUTE, lifted_at__isnull=True)
    ends = [FOR_EVER if end is None else end for end in rows.values_list("until", flat=True)]
    User.objects.filter(pk=user.pk).update(muted_until=max(ends) if ends else None)


def _readmit(user: User, row: Sanction) -> None:
    if row.hides:
        Sanction.objects.filter(pk=row.pk).update(hiding_owed=True)
    if row.before.get("is_active", True):
        User.objects.filter(pk=user.pk, erased_at__isnull=True).update(is_active=True)
    if row.before.get("account") == Account.Status.ACTIVE:
        own = personal_account(user)
        if own is not None:
            suspended = Account.objects.filter(pk=own.pk, status=Account.Status.SUSPENDED)
            suspended.update(status=Account.Status.ACTIVE)


def _write(by: User | None, action: str, user: User, row: Sanction) -> None:
    detail: dict[str, Any] = {"sanction": row.pk}
    if row.until is not None:
        detail["until"] = row.until.isoformat()
    if row.kind == Sanction.Kind.BAN:
        detail["hides"] = row.hides
    audit_log.write(
        by, action, user, reason=row.reason, account=personal_account(user), case=row.case, detail=detail
    )
