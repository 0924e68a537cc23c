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

Done = dict[str, Any]
Decision = Case.Decision
TAKEN_BACK = gettext_noop("The decision was taken back.")


class NotPossible(Exception):
    """The subject's state forbids it: it was deleted, or changed since."""


def hide(thing: Subject, reason: str) -> bool:
    """Hide it from everybody but its owner. Returns whether it was visible until now."""
    if isinstance(thing, Item):
        return visibility_changes.hide(thing, reason)
    if isinstance(thing, Comment):
        return discussion.hide(thing)
    return visibility_changes.hide_collection(thing, reason)


def show(thing: Subject) -> bool:
    """Show it again to whom it was shown before. Returns whether it was hidden, by nothing but what is undone."""
    if isinstance(thing, Item):
        return visibility_changes.restore(thing) or _hand_over_to_refusal(thing)
    if isinstance(thing, Comment):
        return discussion.restore(thing)
    return visibility_changes.restore_collection(thing)


def undo_refusal(thing: Subject) -> bool:
    """Undo a refusal to publish, without an appeal. Returns whether there was one. With the item locked."""
    item = (
        Item.objects.filter(pk=thing.pk, hidden_at__isnull=False).first() if isinstance(thing, Item) else None
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


def mark_sensitive(case: Case, item: Item) -> Done:
    """Mark it as sensitive; its owner is notified if it was not."""
    changed = visibility_changes.mark_sensitive(item)
    if changed:
        member_notices.notify(case, "sensitive")
    return {"sensitive": changed}


def _allow(case: Case, thing: Subject | None, moderator: User, reason: str) -> Done:
    return {}


def _hide(case: Case, thing: Subject | None, moderator: User, reason: str) -> Done:
    if upload_cases.is_upload_case(case):
        member_notices.notify(case, "removed", reason)
        return {"taken": upload_cases.take_away(case)}
    changed = thing is not None and hide(thing, reason)
    before = (
        visibility_changes.hide_separately(thing, reason) if isinstance(thing, Item) and not changed else None
    )
    if changed or before is not None:
        member_notices.notify(case, "hidden", reason)
    return {"hidden": changed} if before is None else {"hidden": False, "before": before}


def _remove(case: Case, thing: Subject | None, moderator: User, reason: str) -> Done:
    if upload_cases.is_upload_case(case):
        member_notices.notify(case, "removed", reason)
        upload_cases.remove(case, moderator, reason)
        return {"removed": True}
    if not isinstance(thing, Item):
        raise NotPossible
    member_notices.notify(case, "removed", reason)
    takedown.remove(thing, moderator, reason, case)
    return {"removed": True}


def _publish(case: Case, thing: Subject | None, moderator: User, reason: str) -> Done:
    if not isinstance(thing, Item) or not publish_as_requested(thing, case.wish, case.opened_by):
        raise NotPossible
    member_notices.notify(case, "published")
    return {"published": True}


def publish_as_requested(item: Item, request: dict[str, Any], by: User | None = None) -> bool:
    """Publish it exactly as requested, in `by`'s name; False where that is no longer possible."""
    try:
        return publication.publish(item, **request, visibility=Item.Visibility.PUBLIC, reviewed=True, by=by)
    except (publication.Hidden, permissions.Suspended):
        return False


def _refuse(case: Case, thing: Subject | None, moderator: User, reason: str) -> Done:
    rows = Item.objects.filter(pk=case.item_id or 0, review=Item.Review.WAITING)
    if not isinstance(thing, Item) or not rows.update(review=Item.Review.REFUSED):
        return {"refused": False}
    hidden = visibility_changes.hide(thing, reason)
    before = None if hidden else visibility_changes.hide_separately(thing, reason)
    member_notices.notify(case, "refused", reason)
    return {"refused": True, "hidden": hidden} | ({"before": before} if before is not None else {})


def _restore(case: Case, thing: Subject | None, moderator: User, reason: str) -> Done:
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
    done: Done = {}
    if parent.decision == Decision.REFUSE:
        if not isinstance(thing, Item):
            raise NotPossible
        review.undo_hiding(thing, parent)
        done = {"published": publish_as_requested(thing, parent.wish, parent.opened_by)}
    elif parent.decision == Decision.REMOVE:
        changed = BlockedPicture.objects.filter(case=parent.pk, lifted_at__isnull=True)
        done = {"unblocked": bulk_hide.unblock(changed)}
    elif upload_cases.is_upload_case(parent):
        done = {}  # the file may be uploaded again
    elif parent.marks.get("all"):
        try:
            done = {"deed": bulk_hide.restore_all(parent, moderator, reason, appealed=True)}
        except bulk_hide.Busy:
            raise NotPossible from None
        except bulk_hide.NothingToHide:
            pass  # restored by somebody already; the appeal is granted all the same
    else:
        done = {"shown": thing is not None and show(thing)}
    member_notices.notify(case, "appeal_right", reason)
    return done


def _uphold(case: Case, thing: Subject | None, moderator: User, reason: str) -> Done:
    member_notices.notify(case, "upheld", reason)
    return {}


DO: dict[str, Callable[[Case, Subject | None, User, str], Done]] = {
    Decision.ALLOW: _allow,
    Decision.HIDE: _hide,
    Decision.REMOVE: _remove,
    Decision.PUBLISH: _publish,
    Decision.REFUSE: _refuse,
    Decision.RESTORE: _restore,
    Decision.UPHOLD: _uphold,
}


def _undo_allow(case: Case, thing: Subject | None, done: Done) -> None:
    if done.get("sensitive") and isinstance(thing, Item):
        visibility_changes.mark_sensitive(thing, False)


def _undo_hide(case: Case, thing: Subject | None, done: Done) -> None:
    if upload_cases.is_upload_case(case):
        # The file may be deleted already; it can be uploaded again.
        raise NotPossible
    if done.get("before") and isinstance(thing, Item):
        visibility_changes.undo_hide_separately(thing, done["before"])
    elif done.get("hidden") and thing is not None and show(thing):
        member_notices.notify(case, "restored", TAKEN_BACK)


def _undo_publish(case: Case, thing: Subject | None, done: Done) -> None:
    if not isinstance(thing, Item):
        raise NotPossible
    now = Item.objects.get(pk=thing.pk)
    if now.visibility != Item.Visibility.PUBLIC:
        # Its owner made it private meanwhile.
        raise NotPossible
    publication.unpublish(thing)
    Item.objects.filter(pk=thing.pk).update(review=Item.Review.WAITING)
    # Unpublishing closes the pending review as well; reopen this one.
    Case.objects.filter(pk=case.pk).update(decision="", decided_at=None)


def _undo_refuse(case: Case, thing: Subject | None, done: Done) -> None:
    refused = Item.objects.filter(pk=case.item_id or 0, review=Item.Review.REFUSED)
    if not isinstance(thing, Item) or not refused.exists():
        raise NotPossible
    # The row's own `done` was cleared before.
    case.done = done
    review.undo_hiding(thing, case)
    Item.objects.filter(pk=thing.pk).update(review=Item.Review.WAITING)


def _undo_restore(case: Case, thing: Subject | None, done: Done) -> None:
    if case.parent is None or not done.get("shown") or thing is None or not hide(thing, case.parent.told):
        raise NotPossible
    member_notices.notify(case, "hidden", case.parent.told)


def _undo_nothing(case: Case, thing: Subject | None, done: Done) -> None:
    return None


UNDO: dict[str, Callable[[Case, Subject | None, Done], None]] = {
    Decision.ALLOW: _undo_allow,
    Decision.HIDE: _undo_hide,
    Decision.PUBLISH: _undo_publish,
    Decision.REFUSE: _undo_refuse,
    Decision.RESTORE: _undo_restore,
    Decision.UPHOLD: _undo_nothing,
}
"""Removals and lifted sanctions can't be undone."""
