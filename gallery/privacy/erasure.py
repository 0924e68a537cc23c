"""Erasure of an account after the grace period, in stages; what is deleted is counted for the receipt.

Each stage deletes some of what is left, so that it can be killed anywhere and continues. Bare rows stay for the
books, cleared by `anonymization`; `retention` lists all that stays. The user's row is cleared too, and renamed
`deleted-` and a number.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.db.models import Model, Q

from accounts import credits
from accounts.models import (
    Account,
    ApiToken,
    LedgerEntry,
    Membership,
    Notice,
    OrganizationInvitation,
    User,
)
from accounts.notifications import notices
from accounts.organizations import management
from core.clock import Now
from gallery.items import deletion, item_tags
from gallery.models import (
    Closure,
    Collection,
    CollectionEditor,
    CollectionItem,
    Export,
    Follow,
    Item,
    ItemTag,
    Report,
    ShareLink,
)
from gallery.privacy import anonymization, exports, third_party_rows
from gallery.social import discussion, likes
from predictions.lifecycle import personal_data
from predictions.models import Prediction

BATCH = 25
PREDICTIONS = "predictions"


def is_personal(closure: Closure) -> bool:
    """Whether a member's account is deleted, not an organisation."""
    return closure.account.kind == Account.Kind.USER


def begin(closure: Closure) -> None:
    """Block sign-in and tokens; once."""
    with transaction.atomic():
        if not Closure.objects.filter(
            pk=closure.pk, called_off_at__isnull=True, begun_at__isnull=True
        ).update(begun_at=Now()):
            return
        owned = Q(account=closure.account)
        if is_personal(closure):
            User.objects.filter(pk=closure.user_id).update(is_active=False)
            owned |= Q(user=closure.user)
        Account.objects.filter(pk=closure.account_id).update(status=Account.Status.CLOSING)
        tokens = ApiToken.objects.filter(owned, revoked_at__isnull=True).update(revoked_at=Now())
        _count(closure, "tokens", tokens)
        # Those whose data was removed long ago count as well.
        _count(closure, PREDICTIONS, Prediction.objects.owned_by(closure.account).count())


def run_stage(closure: Closure) -> bool:
    """Delete some of what is left, from the first stage that has anything. Returns whether anything was done."""
    if is_personal(closure):
        # A ban that has expired meanwhile made them active again.
        User.objects.filter(pk=closure.user_id, is_active=True).update(is_active=False)
    if personal_data.end_live(closure.account):
        return True
    if not personal_data.is_quiet(closure.account):
        # Wait for a provider that is still at work; the sweep asks it to stop.
        return False
    for name, remove in STAGES if is_personal(closure) else ORGANIZATION_STAGES:
        removed = remove(closure)
        if removed:
            if name != PREDICTIONS:
                _count(closure, name, removed)
            return True
    _finish(closure)
    return True


def _count(closure: Closure, name: str, number: int) -> None:
    if not number:
        return
    with transaction.atomic():
        row = Closure.objects.select_for_update().get(pk=closure.pk)
        receipt = {**row.receipt, name: row.receipt.get(name, 0) + number}
        Closure.objects.filter(pk=closure.pk).update(receipt=receipt)


def _items(closure: Closure) -> int:
    batch = list(Item.objects.filter(account=closure.account)[:BATCH])
    tags = set(ItemTag.objects.filter(item__in=batch).values_list("tag_id", flat=True))
    anonymization.clear_admin_log(Item, [item.pk for item in batch])
    for item in batch:
        deletion.delete(item)
    item_tags.drop_unused(tags)
    return len(batch)


def _collections(closure: Closure) -> int:
    with transaction.atomic():
        batch = list(Collection.objects.filter(account=closure.account).values_list("pk", flat=True)[:BATCH])
        Report.objects.filter(collection_id__in=batch).delete()
        for kind in (CollectionItem, CollectionEditor, ShareLink):
            kind.objects.filter(collection_id__in=batch).delete()
        Collection.objects.filter(pk__in=batch).delete()
    return len(batch)


def _shares(closure: Closure) -> int:
    return _delete_some(ShareLink, Q(created_by=closure.user))


def _comments(closure: Closure) -> int:
    return discussion.delete_batch(closure.user, BATCH)


def _likes(closure: Closure) -> int:
    return likes.delete_batch(closure.user, BATCH)


def _follows(closure: Closure) -> int:
    return _delete_some(Follow, Q(follower=closure.user) | Q(followed=closure.user))


def _exports(closure: Closure) -> int:
    ready = list(Export.objects.filter(user=closure.user, state=Export.State.READY)[:BATCH])
    for export in ready:
        exports.remove(export)
    Export.objects.filter(user=closure.user, state__in=exports.PENDING_STATES).update(
        state=Export.State.FAILED, claim="", lease_until=None
    )
    return len(ready)


def _predictions(closure: Closure) -> int:
    return personal_data.erase_predictions(closure.account)


def _uploads(closure: Closure) -> int:
    return personal_data.erase_uploads(closure.account)


def _notices(closure: Closure) -> int:
    return _delete_some(Notice, Q(user=closure.user))


def _delete_some(kind: type[Model], which: Q) -> int:
    rows = kind._default_manager
    batch = list(rows.filter(which).values_list("pk", flat=True)[: BATCH * 8])
    return rows.filter(pk__in=batch).delete()[0] if batch else 0


Stages = tuple[tuple[str, Callable[[Closure], int]], ...]
ORGANIZATION_STAGES: Stages = (
    ("collections", _collections),
    ("pictures", _items),
    ("uploads", _uploads),
    (PREDICTIONS, _predictions),
)
STAGES: Stages = (
    ("exports", _exports),
    ("shares", _shares),
    *ORGANIZATION_STAGES,
    ("comments", _comments),
    ("likes", _likes),
    ("follows", _follows),
    ("notices", _notices),
)
"""The stages in order; each deletes some rows and returns how many, 0 where none are left."""


def _finish(closure: Closure) -> None:
    """Clear the rows that stay, close the account, and send the receipt; all or nothing."""
    account, personal_one = closure.account, is_personal(closure)
    personal_data.erase_rest(closure.user if personal_one else None, account)
    if personal_one:
        third_party_rows.remove(closure.user)
    with transaction.atomic():
        kept = LedgerEntry.objects.filter(account=account).count()
        receipt = {**Closure.objects.get(pk=closure.pk).receipt, "ledger_rows_kept": kept}
        done = Closure.objects.filter(pk=closure.pk, finished_at__isnull=True)
        if not done.update(finished_at=Now(), receipt=receipt, address=""):
            return
        anonymization.account(account)
        if personal_one:
            anonymization.user(closure.user, account)
        # Close before clearing; and lock the organisation before its members, as suspending one does.
        Account.objects.filter(pk=account.pk).update(
            name=f"deleted-{closure.user_id}" if personal_one else f"deleted-organisation-{account.pk}",
            status=Account.Status.CLOSED,
            webhook_secret="",
            webhook_secret_old="",
        )
        credits.clear(account, reason="The account was deleted.")
        if not personal_one:
            _detach_members(account)
        if closure.address:
            named = {} if personal_one else {"name": account.name}
            notices.notify_address(
                closure.address, "account.closed" if personal_one else "organization.closed", language=closure.language,
                link=f"/account/receipt/{closure.reference}/", **named,
            )  # fmt: skip


def _detach_members(account: Account) -> None:
    """Let the members of an organisation act for themselves again."""
    OrganizationInvitation.objects.filter(account=account).delete()
    for member in Membership.objects.filter(account=account).select_related("user"):
        # The membership first: a member who switches to the organisation at this moment waits, and finds
        # none.
        member.delete()
        User.objects.filter(pk=member.user_id, account=account).update(
            account=management.personal_account_of(member.user)
        )
