"""Members who keep somebody else's collection too. What they add stays theirs, and leaves when they leave."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import User
from gallery.collections import positions
from gallery.models import Collection, CollectionEditor, CollectionItem

MAX_EDITORS = 20
"""Of one collection, its owner not counted."""


class NoMember(ValueError):
    """Nobody who could be an editor has this name."""


class TooManyEditors(Exception):
    """The collection has MAX_EDITORS."""


def for_collection(collection: Collection) -> QuerySet[CollectionEditor]:
    """Its editors, the first first."""
    return CollectionEditor.objects.filter(collection=collection).select_related("user")


def invite(collection: Collection, username: str) -> User:
    """Make a member an editor, by user name. Raises NoMember, TooManyEditors, ordering.Gone.

    The owner and who is an editor already stay what they are.
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


def leave(collection: Collection, user: User) -> bool:
    """End somebody's part in it: they no longer see it, and their own items leave it. Whether they had one.

    Their items go because nobody could take them out afterwards but those who are left.
    """
    with positions.locked(collection) as now:
        if not CollectionEditor.objects.filter(collection=now, user=user).delete()[0]:
            return False
        theirs = CollectionItem.objects.filter(collection=now, item__account=user.account_id)
        if now.cover_id is not None and theirs.filter(item=now.cover_id).exists():
            Collection.objects.filter(pk=now.pk).update(cover=None)
        theirs.delete()
    return True
