"""Editors of a collection: members who may change somebody else's. Their items stay theirs and leave with them."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import User
from gallery.collections import positions
from gallery.models import Collection, CollectionEditor, CollectionItem

MAX_EDITORS = 20
"""Per collection, its owner not counted."""


class NoMember(ValueError):
    """No member who could be an editor has this name."""


class TooManyEditors(Exception):
    """The collection already has MAX_EDITORS."""


def for_collection(collection: Collection) -> QuerySet[CollectionEditor]:
    """Its editors, in the order they were added."""
    return CollectionEditor.objects.filter(collection=collection).select_related("user")


def invite(collection: Collection, username: str) -> User:
    """Make a member an editor, by user name. No-op for existing editors.

    Raises TooManyEditors, positions.Gone, and NoMember, also for the owner.
    """
    user = User.objects.filter(username=username.strip().removeprefix("@"), is_active=True).first()
    if user is None or user.account_id is None or user.account_id == collection.account_id:
        raise NoMember
    with positions.locked(collection) as now:
        rows = CollectionEditor.objects.filter(collection=now)
        if not rows.filter(user=user).exists():
            if rows.count() >= MAX_EDITORS:
                raise TooManyEditors
            CollectionEditor.objects.create(collection=now, user=user)
    return user


def remove(collection: Collection, user: User) -> bool:
    """Remove an editor: they lose access, and their items leave the collection. Returns whether they were an
    editor.

    Their items go because afterwards only the remaining editors could take them out.
    """
    with positions.locked(collection) as now:
        if not CollectionEditor.objects.filter(collection=now, user=user).delete()[0]:
            return False
        entries = CollectionItem.objects.filter(collection=now, item__account=user.account_id)
        if now.cover_id is not None and entries.filter(item=now.cover_id).exists():
            Collection.objects.filter(pk=now.pk).update(cover=None)
        entries.delete()
    return True
