"""Bulk hide and restore of all public items of a member: one decision, carried out in the background.

Items hidden by it have the bulk hide's own creation time as `hidden_at`, so that the restore finds just those,
and nothing hidden for another reason.
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from accounts.models import User
from accounts.organizations import management
from accounts.staff import audit_log, sanctions
from core.clock import Now
from core.db.due_rows import DueRows
from core.jobs import wakeups
from gallery.items import visibility
from gallery.models import AccountDeed, Case, Item
from gallery.moderation import member_notices
from predictions.models import BlockedPicture

AT_ONCE = 200
"""Items per transaction."""
_LONGEST_REASON = 200


class Busy(Exception):
    """A bulk hide or restore of this member is still running."""


class NotAllowed(Exception):
    """The moderator may not decide this: about themselves, or about staff."""


class NothingToHide(Exception):
    """Nothing of theirs is public, or all of it was restored already."""


def hide_all(user: User, moderator: User, reason: str, note: str = "") -> AccountDeed:
    """Hide all public and unlisted items of a member, as one decision that they may appeal.

    Raises NotAllowed, Busy and NothingToHide.
    """
    if not sanctions.outranks(moderator, user):
        raise NotAllowed
    reason, note = (text.replace("\x00", "").strip() for text in (reason, note))
    reason = reason[:_LONGEST_REASON]
    if not _to_hide(user.pk).exists():
        raise NothingToHide
    # The personal account, not the one they act for at present, which may be an organisation's.
    account = management.personal_account_of(user)
    with transaction.atomic():
        case = Case.objects.create(
            kind=Case.Kind.REPORT, user=user, account=account, about=user.username, count=0,
            opened_by=moderator, marks={"all": True}, decision=Case.Decision.HIDE, told=reason,
            note=note[:500], decided_at=Now(), decided_by=moderator,
        )  # fmt: skip
        bulk_hide = _create(user, case, moderator, reason, None)
        member_notices.notify(case, "hidden", reason)
        audit_log.write(
            moderator, "user.hide_pictures", user, reason=reason, account=account.pk, case=case.pk,
            detail={"deed": bulk_hide.pk},
        )  # fmt: skip
    return bulk_hide


def restore_all(case: Case, moderator: User, reason: str, *, appealed: bool = False) -> int:
    """Restore what the bulk hide of this case hid, in the background; returns the restore's id. Raises as
    `hide_all` does.

    `appealed`: the answer to the member's appeal notifies them; otherwise they are notified here.
    """
    if not sanctions.outranks(moderator, case.user):
        raise NotAllowed
    with transaction.atomic():
        hide = AccountDeed.objects.filter(case=case, of=None).order_by("-id").first()
        if hide is None or AccountDeed.objects.filter(of=hide).exists():
            raise NothingToHide
        operation = _create(case.user, case, moderator, reason, hide)
        if not appealed:
            member_notices.notify(case, "restored", reason)
        audit_log.write(
            moderator, "user.show_pictures", case.user, reason=reason, account=case.account_id, case=case.pk,
            detail={"deed": operation.pk},
        )  # fmt: skip
    return operation.pk


def _create(user: User, case: Case, moderator: User, reason: str, of: AccountDeed | None) -> AccountDeed:
    try:
        with transaction.atomic():
            wakeups.send_on_commit(wakeups.JOBS)
            return AccountDeed.objects.create(user=user, case=case, made_by=moderator, reason=reason, of=of)
    except IntegrityError:
        raise Busy from None


def run_once() -> bool:
    """Background job: one batch of each unfinished bulk hide or restore. Returns whether there were any."""
    return _JOB.step()


def _process(row: tuple[int]) -> bool:
    operation = unfinished().filter(pk=row[0]).select_related("of").first()
    if operation is None:
        return False
    rows = _remaining(operation).filter(pk__gt=operation.last_id).order_by("pk")
    found = list(rows.values_list("pk", flat=True)[:AT_ONCE])
    if not found:
        AccountDeed.objects.filter(pk=operation.pk).update(done_at=Now())
        return True
    # Filtered again: an item hidden meanwhile for another reason stays so.
    changed = _remaining(operation).filter(pk__in=found).update(**_change(operation))
    visibility.propagate(found)
    AccountDeed.objects.filter(pk=operation.pk).update(last_id=found[-1], changed=F("changed") + changed)
    return True


def unfinished() -> QuerySet[AccountDeed]:
    """Bulk hides and restores that `run_once` has to process."""
    return AccountDeed.objects.filter(done_at__isnull=True)


_JOB = DueRows("pictures of a member", lambda: unfinished().values_list("pk"), _process)


def _remaining(operation: AccountDeed) -> QuerySet[Item]:
    if operation.of is None:
        return _to_hide(operation.user_id)
    return Item.objects.filter(user=operation.user_id, hidden_at=operation.of.created_at)


def _to_hide(user_id: int) -> QuerySet[Item]:
    """All public and unlisted items of the member, also in the trash: restored from there they would be public
    again."""
    open_ones = (Item.Visibility.PUBLIC, Item.Visibility.UNLISTED)
    return Item.objects.filter(user=user_id, visibility__in=open_ones, hidden_at__isnull=True)


def _change(operation: AccountDeed) -> dict[str, Any]:
    if operation.of is None:
        return {"hidden_at": operation.created_at, "hidden_reason": operation.reason, "search_owed": True}
    return {"hidden_at": None, "hidden_reason": "", "search_owed": True}


def for_user(user: User) -> list[AccountDeed]:
    """A member's last bulk hides and restores, newest first."""
    rows = AccountDeed.objects.filter(user=user).select_related("made_by", "of").order_by("-id")
    return list(rows[:5])


def unblock(blocked: QuerySet[BlockedPicture]) -> int:
    """Lift these blocks: the pictures may be uploaded and generated again."""
    return blocked.update(lifted_at=Now())
