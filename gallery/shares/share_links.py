"""Write operations on share links: create, withdraw, count views. Take effect at once."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F

from accounts.models import User
from accounts.site import feature_flags
from core.clock import Now
from gallery.items.publication import Hidden, check_open_account
from gallery.models import Collection, Item, ShareLink
from gallery.permissions import Suspended, check_may_post
from gallery.shares import link_passwords

__all__ = [
    "MAX_OPEN_LINKS",
    "Hidden",
    "Suspended",
    "TooManyLinks",
    "count_view",
    "share",
    "withdraw",
]
MAX_OPEN_LINKS = 50
"""Open links per item or collection: more than anybody sends, few enough for a list."""


class TooManyLinks(Exception):
    """The item or collection already has MAX_OPEN_LINKS."""


def share(
    thing: Item | Collection,
    user: User,
    *,
    show_prompt: bool = False,
    allow_download: bool = True,
    password: str = "",
    expires_at: datetime | None = None,
) -> ShareLink:
    """Create a link with a fresh random token, never one used before.

    `password` in clear; only its hash is stored. Raises Hidden, Suspended, TooManyLinks,
    feature_flags.FeatureOff, and ValueError for a password that is too long.
    """
    feature_flags.require("publishing")
    check_open_account(thing.account_id)
    check_may_post(user)
    # Reads the database, not the loaded row: it may have been hidden a moment ago.
    if type(thing)._default_manager.filter(pk=thing.pk, hidden_at__isnull=False).exists():
        raise Hidden
    of = {"item": thing} if isinstance(thing, Item) else {"collection": thing}
    if ShareLink.objects.open().filter(**of)[: MAX_OPEN_LINKS + 1].count() >= MAX_OPEN_LINKS:
        raise TooManyLinks
    return ShareLink.objects.create(
        **of,
        created_by=user,
        show_prompt=show_prompt,
        allow_download=allow_download,
        password=link_passwords.hash_password(password),
        expires_at=expires_at,
    )


def withdraw(link: ShareLink) -> bool:
    """End a link for good, page and pictures. Returns whether it was open until now."""
    return bool(ShareLink.objects.filter(pk=link.pk, withdrawn_at__isnull=True).update(withdrawn_at=Now()))


def count_view(link: ShareLink) -> None:
    """Count a view of the link's page, for its owner to see."""
    ShareLink.objects.filter(pk=link.pk).update(views=F("views") + 1)
