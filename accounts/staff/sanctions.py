"""Warnings, mutes and bans: the only writer of `Sanction`, of `User.is_active` after sign-up, and of `muted_until`.

A ban is one transaction: the user becomes inactive, their sessions end, their personal account is suspended, and what
apps above have to do (end queued work and webhooks, hide items) is recorded as owed. The previous state is stored in
the row, so that lifting restores exactly that: tokens were refused, not revoked, and work again; sessions stay ended.
An organisation's account is not suspended because of one member.
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
"""Value of `muted_until` for a mute without an end."""
END_PASSED = gettext_noop("Its time is over.")
PERMISSIONS = ("accounts.add_sanction", "gallery.decide_case")
"""Either permission lets staff impose and lift sanctions."""
_LONGEST_REASON = 200
_LONGEST_NOTE = 500

Closer = Callable[[User, Sanction], None]
"""Called in a ban's transaction, for what a few statements can end at once, such as pending webhooks."""
ConsequenceCounter = Callable[[User], dict[str, int]]
"""Counts what a ban would end, by name."""
_closers: list[Closer] = []
_tellers: list[ConsequenceCounter] = []


class NotAllowed(Exception):
    """The acting user may not sanction this one: oneself, staff without being an administrator, or no permission."""


class Already(Exception):
    """They are banned already; nothing was changed."""


def register_account_closer(closer: Closer) -> None:
    """Have an app above end its own part in the ban's transaction."""
    if closer not in _closers:
        _closers.append(closer)


def register_consequences(teller: ConsequenceCounter) -> None:
    """Have an app above count what a ban would end of its own."""
    if teller not in _tellers:
        _tellers.append(teller)


def outranks(by: User | None, user: User) -> bool:
    """Whether `by` may act on `user` at all, whatever else the action requires.

    Nobody may on themselves, and only administrators on staff. `by` None: the system, on users who are not staff.
    """
    if by is None:
        return not (user.is_staff or user.is_superuser)
    if by.pk == user.pk or not (by.is_active and by.is_staff):
        return False
    return by.is_superuser or not (user.is_staff or user.is_superuser)


def may_sanction(by: User | None, user: User) -> bool:
    """Whether `by` may warn, mute and ban `user`, and lift it (see `NotAllowed`). None: the system."""
    return outranks(by, user) and (by is None or any(by.has_perm(name) for name in PERMISSIONS))


def warn(
    user: User, by: User | None, reason: str, case: int | None = None, note: str = "", link: str = ""
) -> Sanction:
    """Warn a user. It is counted; nothing else changes."""
    with transaction.atomic(), audit_log.gathered():
        user = _locked(user, by)
        row = _create_row(user, Sanction.Kind.WARNING, by, reason, case, note, None)
        notices.notify(user, "sanction.warning", link=link, reason=row.reason)
        _write_log(by, "user.warn", user, row)
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
    """Stop a user from publishing, sharing and commenting until then (None: until lifted).

    They can still make predictions.
    """
    with transaction.atomic(), audit_log.gathered():
        user = _locked(user, by)
        row = _create_row(user, Sanction.Kind.MUTE, by, reason, case, note, until)
        _update_muted_until(user)
        params: dict[str, Any] = {} if until is None else {"until_at": until.astimezone(UTC).isoformat()}
        kind = "sanction.mute" if until is None else "sanction.mute_until"
        notices.notify(user, kind, link=link, reason=row.reason, **params)
        _write_log(by, "user.mute", user, row)
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
    """Block all access of a user at once, until then (None: until lifted). Raises NotAllowed and Already.

    Their queued work ends within seconds, one transaction each, and its holds are returned. `hide_public`: their
    public items are hidden too, and shown again when it is lifted.
    """
    with transaction.atomic(), audit_log.gathered():
        user = _locked(user, by)
        if Sanction.objects.filter(user=user, kind=Sanction.Kind.BAN, lifted_at__isnull=True).exists():
            raise Already
        own = personal_account(user)
        row = _create_row(
            user, Sanction.Kind.BAN, by, reason, case, note, until,
            work_owed=True, hides=hide_public, hiding_owed=hide_public,
            before={"is_active": user.is_active, "account": own.status if own is not None else ""},
        )  # fmt: skip
        User.objects.filter(pk=user.pk).update(is_active=False, session_epoch=F("session_epoch") + 1)
        for closer in _closers:
            closer(user, row)
        params: dict[str, Any] = {} if until is None else {"until_at": until.astimezone(UTC).isoformat()}
        kind = "sanction.ban" if until is None else "sanction.ban_until"
        notices.notify(user, kind, link=link, reason=row.reason, **params)
        if own is not None:
            Account.objects.filter(pk=own.pk, status=Account.Status.ACTIVE).update(
                status=Account.Status.SUSPENDED
            )
        _write_log(by, "user.ban", user, row)
    return row


def lift(sanction: Sanction, by: User | None, reason: str) -> bool:
    """End a sanction and restore the previous state. False where it was lifted already. Raises NotAllowed."""
    reason = _clean_reason(reason)
    with transaction.atomic(), audit_log.gathered():
        user = _locked(sanction.user, by, by_system=True)
        changed = Sanction.objects.filter(pk=sanction.pk, lifted_at__isnull=True).update(
            lifted_at=Now(), lifted_by=by, lift_reason=reason, work_owed=False
        )
        if not changed:
            return False
        row = Sanction.objects.get(pk=sanction.pk)
        if row.kind == Sanction.Kind.BAN:
            _restore(user, row)
        elif row.kind == Sanction.Kind.MUTE:
            _update_muted_until(user)
        notices.notify(user, f"sanction.{row.kind}_lifted", reason=reason)
        audit_log.write(
            by, f"user.un{_VERB[row.kind]}", user, reason=reason, account=personal_account(user), case=row.case,
            detail={"sanction": row.pk, "before": {"kind": row.kind, "since": row.created_at.isoformat()}},
        )  # fmt: skip
    return True


_VERB: dict[str, str] = {Sanction.Kind.WARNING: "warn", Sanction.Kind.MUTE: "mute", Sanction.Kind.BAN: "ban"}


def unban(user: User, by: User | None, reason: str) -> bool:
    """Lift the ban of a user, also of one deactivated before bans had rows. False where they are not banned."""
    row = Sanction.objects.filter(user=user, kind=Sanction.Kind.BAN, lifted_at__isnull=True).first()
    if row is not None:
        return lift(row, by, reason)
    with transaction.atomic(), audit_log.gathered():
        user = _locked(user, by)
        rows = User.objects.filter(pk=user.pk, is_active=False, erased_at__isnull=True)
        if not rows.update(is_active=True):
            return False
        audit_log.write(by, "user.unban", user, reason=_clean_reason(reason), account=personal_account(user))
    return True


def in_force(user: User) -> list[Sanction]:
    """Mutes and bans in force, newest first."""
    rows = Sanction.objects.filter(user=user, lifted_at__isnull=True).exclude(kind=Sanction.Kind.WARNING)
    return list(rows.filter(Q(until__isnull=True) | Q(until__gt=Now())).order_by("-id"))


def ban_of(user: User) -> Sanction | None:
    """The user's ban in force, or None."""
    return next((row for row in in_force(user) if row.kind == Sanction.Kind.BAN), None)


def warnings(user: User) -> int:
    """Number of warnings that were not lifted."""
    return Sanction.objects.filter(user=user, kind=Sanction.Kind.WARNING, lifted_at__isnull=True).count()


def is_muted(user_id: int) -> bool:
    """Whether the user is muted now, read from the database by its clock."""
    return User.objects.filter(pk=user_id, muted_until__gt=Now()).exists()


def mute_message(user: User) -> str:
    """The message for a muted user, with its end in the active time zone; empty for others."""
    row = next((sanction for sanction in in_force(user) if sanction.kind == Sanction.Kind.MUTE), None)
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
    """A moment in the reader's zone as pages format it; in UTC, with the zone's name, for API clients."""
    if timezone.get_current_timezone_name() == "UTC":
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return timezones.moment(at)


def consequences(user: User) -> dict[str, int]:
    """What a ban would end: counts by name.

    `tokens`, `held_micro` (credits on hold to be returned), and those of apps above: `waiting` and `running`
    predictions, pending `webhooks`, `public_items`, `share_links` …
    """
    own = personal_account(user)
    counts = {
        "tokens": ApiToken.objects.usable().filter(user=user).count(),
        "held_micro": own.held if own is not None else 0,
    }
    for teller in _tellers:
        counts.update(teller(user))
    return counts


def lift_ended() -> bool:
    """Periodic job: lift sanctions whose end has passed; returns whether there may be more."""
    return _ENDED.work() >= AT_ONCE


def ended() -> QuerySet[Sanction]:
    """Sanctions to be lifted because their end has passed."""
    return Sanction.objects.filter(lifted_at__isnull=True, until__lte=Now())


_ENDED = DueRows(
    "sanctions",
    lambda: ended().values_list("pk"),
    lambda row: lift(Sanction.objects.select_related("user").get(pk=row[0]), None, END_PASSED),
)


def mark_work_stopped(sanction: Sanction) -> None:
    """Mark that no work of a banned user is live and none can start."""
    Sanction.objects.filter(pk=sanction.pk).update(work_owed=False)


def mark_items_updated(sanction: Sanction) -> None:
    """Mark that their items are hidden, or shown again."""
    # Only in the state that was handled: a ban lifted meanwhile now owes showing them again.
    lifted = Q(lifted_at__isnull=sanction.lifted_at is None)
    Sanction.objects.filter(lifted, pk=sanction.pk).update(hiding_owed=False)


def _locked(user: User, by: User | None, *, by_system: bool = False) -> User:
    """The user's current row, locked. Raises NotAllowed unless `by` may sanction them.

    `by_system`: the system (`by` None) may, whoever they are.
    """
    # FOR NO KEY UPDATE: inserts of rows that reference the user need not wait, which avoids deadlocks.
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not (may_sanction(by, row) or (by_system and by is None)):
        raise NotAllowed
    return row


def _clean_reason(reason: str) -> str:
    reason = reason.replace("\x00", "").strip()[:_LONGEST_REASON]
    if not reason:
        raise ValueError("A sanction has a reason, and so has lifting it.")
    return reason


def _create_row(
    user: User,
    kind: Sanction.Kind,
    by: User | None,
    reason: str,
    case: int | None,
    note: str,
    until: datetime | None,
    **values: Any,
) -> Sanction:
    note = note.replace("\x00", "").strip()[:_LONGEST_NOTE]
    row = Sanction.objects.create(
        user=user,
        kind=kind,
        made_by=by,
        reason=_clean_reason(reason),
        case=case,
        note=note,
        until=until,
        **values,
    )
    if until is not None and Sanction.objects.filter(pk=row.pk, until__lte=Now()).exists():
        raise ValueError("The end of a sanction lies ahead.")
    return row


def _update_muted_until(user: User) -> None:
    """Set `muted_until` from the user's remaining mutes."""
    rows = Sanction.objects.filter(user=user, kind=Sanction.Kind.MUTE, lifted_at__isnull=True)
    ends = [FOR_EVER if end is None else end for end in rows.values_list("until", flat=True)]
    User.objects.filter(pk=user.pk).update(muted_until=max(ends) if ends else None)


def _restore(user: User, row: Sanction) -> None:
    if row.hides:
        Sanction.objects.filter(pk=row.pk).update(hiding_owed=True)
    if row.before.get("is_active", True):
        User.objects.filter(pk=user.pk, erased_at__isnull=True).update(is_active=True)
    if row.before.get("account") == Account.Status.ACTIVE:
        own = personal_account(user)
        if own is not None:
            suspended = Account.objects.filter(pk=own.pk, status=Account.Status.SUSPENDED)
            suspended.update(status=Account.Status.ACTIVE)


def _write_log(by: User | None, action: str, user: User, row: Sanction) -> None:
    detail: dict[str, Any] = {"sanction": row.pk}
    if row.until is not None:
        detail["until"] = row.until.isoformat()
    if row.kind == Sanction.Kind.BAN:
        detail["hides"] = row.hides
    audit_log.write(
        by, action, user, reason=row.reason, account=personal_account(user), case=row.case, detail=detail
    )
