"""Effects of each decision, and their undo. Called by `decisions`, in its transaction, with the subject locked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_noop

from accounts.models import User
from accounts.staff import sanctions
from gallery import permissions
from gallery.items import publication
from gallery.models import Case, Comment, Item
from gallery.moderation import member_notices, review, upload_cases
from gallery.moderation.cases import Subject
from gallery.moderation.effects import bulk_hide, takedown, visibility_changes
from gallery.social import discussion
from predictions.models import BlockedPicture

Effects = dict[str, Any]
Decision = Case.Decision
TAKEN_BACK = gettext_noop("The decision was taken back.")


class NotPossible(Exception):
    """The subject's state forbids it: it was deleted, or changed since."""


def hide(subject: Subject, reason: str) -> bool:
    """Hide it from everybody but its owner. Returns whether it was visible until now."""
    if isinstance(subject, Item):
        return visibility_changes.hide(subject, reason)
    if isinstance(subject, Comment):
        return discussion.hide(subject)
    return visibility_changes.hide_collection(subject, reason)


def show(subject: Subject) -> bool:
    """Show it again to whom it was shown before. Returns whether it was hidden, by nothing but what is undone."""
    if isinstance(subject, Item):
        return visibility_changes.restore(subject) or _hand_over_to_refusal(subject)
    if isinstance(subject, Comment):
        return discussion.restore(subject)
    return visibility_changes.restore_collection(subject)


def undo_refusal(subject: Subject) -> bool:
    """Undo a refusal to publish, without an appeal. Returns whether there was one. With the item locked."""
    item = (
        Item.objects.filter(pk=subject.pk, hidden_at__isnull=False).first()
        if isinstance(subject, Item)
        else None
    )
    refused = review.refusal(item) if item is not None else None
    if item is None or refused is None:
        return False
    review.undo_hiding(item, refused)
    return True


def _hand_over_to_refusal(item: Item) -> bool:
    """Record that an item refused meanwhile is now hidden for the refusal alone, whose undo will show it.
    Always False."""
    now = Item.objects.filter(pk=item.pk, review=Item.Review.REFUSED, hidden_at__isnull=False).first()
    refused = review.refusal(now) if now is not None else None
    if refused is not None and not refused.done.get("hidden"):
        Case.objects.filter(pk=refused.pk).update(done={**refused.done, "hidden": True})
        Item.objects.filter(pk=item.pk).update(hidden_reason=refused.told)
    return False


def mark_sensitive(case: Case, item: Item) -> Effects:
    """Mark it as sensitive; its owner is notified if it was not."""
    changed = visibility_changes.mark_sensitive(item)
    if changed:
        member_notices.notify(case, "sensitive")
    return {"sensitive": changed}


def _allow(case: Case, subject: Subject | None, moderator: User, reason: str) -> Effects:
    return {}


def _hide(case: Case, subject: Subject | None, moderator: User, reason: str) -> Effects:
    if upload_cases.is_upload_case(case):
        member_notices.notify(case, "removed", reason)
        return {"taken": upload_cases.end_use(case)}
    changed = subject is not None and hide(subject, reason)
    before = (
        visibility_changes.hide_separately(subject, reason)
        if isinstance(subject, Item) and not changed
        else None
    )
    if changed or before is not None:
        member_notices.notify(case, "hidden", reason)
    return {"hidden": changed} if before is None else {"hidden": False, "before": before}


def _remove(case: Case, subject: Subject | None, moderator: User, reason: str) -> Effects:
    if upload_cases.is_upload_case(case):
        member_notices.notify(case, "removed", reason)
        upload_cases.remove(case, moderator, reason)
        return {"removed": True}
    if not isinstance(subject, Item):
        raise NotPossible
    member_notices.notify(case, "removed", reason)
    takedown.remove(subject, moderator, reason, case)
    return {"removed": True}


def _publish(case: Case, subject: Subject | None, moderator: User, reason: str) -> Effects:
    if not isinstance(subject, Item) or not publish_as_requested(subject, case.wish, case.opened_by):
        raise NotPossible
    member_notices.notify(case, "published")
    return {"published": True}


def publish_as_requested(item: Item, request: dict[str, Any], by: User | None = None) -> bool:
    """Publish it exactly as requested, in `by`'s name; False where that is no longer possible."""
    try:
        return publication.publish(item, **request, visibility=Item.Visibility.PUBLIC, reviewed=True, by=by)
    except (publication.Hidden, permissions.Suspended):
        return False


def _refuse(case: Case, subject: Subject | None, moderator: User, reason: str) -> Effects:
    rows = Item.objects.filter(pk=case.item_id or 0, review=Item.Review.WAITING)
    if not isinstance(subject, Item) or not rows.update(review=Item.Review.REFUSED):
        return {"refused": False}
    hidden = visibility_changes.hide(subject, reason)
    before = None if hidden else visibility_changes.hide_separately(subject, reason)
    member_notices.notify(case, "refused", reason)
    return {"refused": True, "hidden": hidden} | ({"before": before} if before is not None else {})


def _restore(case: Case, subject: Subject | None, moderator: User, reason: str) -> Effects:
    """Grant the appeal: undo whatever the decision did."""
    if case.sanction is not None:
        # Lifting notifies the member itself.
        try:
            lifted = sanctions.lift(case.sanction, moderator, reason or TAKEN_BACK)
        except sanctions.NotAllowed:
            raise NotPossible from None
        return {"lifted": lifted}
    parent = case.parent
    assert parent is not None
    effects: Effects = {}
    if parent.decision == Decision.REFUSE:
        if not isinstance(subject, Item):
            raise NotPossible
        review.undo_hiding(subject, parent)
        effects = {"published": publish_as_requested(subject, parent.wish, parent.opened_by)}
    elif parent.decision == Decision.REMOVE:
        changed = BlockedPicture.objects.filter(case=parent.pk, lifted_at__isnull=True)
        effects = {"unblocked": bulk_hide.unblock(changed)}
    elif upload_cases.is_upload_case(parent):
        effects = {}  # the file may be uploaded again
    elif parent.marks.get("all"):
        try:
            effects = {"deed": bulk_hide.restore_all(parent, moderator, reason, appealed=True)}
        except bulk_hide.Busy:
            raise NotPossible from None
        except bulk_hide.NothingToHide:
            pass  # restored by somebody already; the appeal is granted all the same
    else:
        effects = {"shown": subject is not None and show(subject)}
    member_notices.notify(case, "appeal_right", reason)
    return effects


def _uphold(case: Case, subject: Subject | None, moderator: User, reason: str) -> Effects:
    member_notices.notify(case, "upheld", reason)
    return {}


DO: dict[str, Callable[[Case, Subject | None, User, str], Effects]] = {
    Decision.ALLOW: _allow,
    Decision.HIDE: _hide,
    Decision.REMOVE: _remove,
    Decision.PUBLISH: _publish,
    Decision.REFUSE: _refuse,
    Decision.RESTORE: _restore,
    Decision.UPHOLD: _uphold,
}


def _undo_allow(case: Case, subject: Subject | None, effects: Effects) -> None:
    if effects.get("sensitive") and isinstance(subject, Item):
        visibility_changes.mark_sensitive(subject, False)


def _undo_hide(case: Case, subject: Subject | None, effects: Effects) -> None:
    if upload_cases.is_upload_case(case):
        # The file may be deleted already; it can be uploaded again.
        raise NotPossible
    if effects.get("before") and isinstance(subject, Item):
        visibility_changes.undo_hide_separately(subject, effects["before"])
    elif effects.get("hidden") and subject is not None and show(subject):
        member_notices.notify(case, "restored", TAKEN_BACK)


def _undo_publish(case: Case, subject: Subject | None, effects: Effects) -> None:
    if not isinstance(subject, Item):
        raise NotPossible
    now = Item.objects.get(pk=subject.pk)
    if now.visibility != Item.Visibility.PUBLIC:
        # Its owner made it private meanwhile.
        raise NotPossible
    publication.unpublish(subject)
    Item.objects.filter(pk=subject.pk).update(review=Item.Review.WAITING)
    # Unpublishing closes the pending review as well; reopen this one.
    Case.objects.filter(pk=case.pk).update(decision="", decided_at=None)


def _undo_refuse(case: Case, subject: Subject | None, effects: Effects) -> None:
    refused = Item.objects.filter(pk=case.item_id or 0, review=Item.Review.REFUSED)
    if not isinstance(subject, Item) or not refused.exists():
        raise NotPossible
    # The row's own `done` was cleared before.
    case.done = effects
    review.undo_hiding(subject, case)
    Item.objects.filter(pk=subject.pk).update(review=Item.Review.WAITING)


def _undo_restore(case: Case, subject: Subject | None, effects: Effects) -> None:
    if (
        case.parent is None
        or not effects.get("shown")
        or subject is None
        or not hide(subject, case.parent.told)
    ):
        raise NotPossible
    member_notices.notify(case, "hidden", case.parent.told)


def _undo_nothing(case: Case, subject: Subject | None, effects: Effects) -> None:
    return None


UNDO: dict[str, Callable[[Case, Subject | None, Effects], None]] = {
    Decision.ALLOW: _undo_allow,
    Decision.HIDE: _undo_hide,
    Decision.PUBLISH: _undo_publish,
    Decision.REFUSE: _undo_refuse,
    Decision.RESTORE: _undo_restore,
    Decision.UPHOLD: _undo_nothing,
}
"""Removals and lifted sanctions can't be undone."""
