"""Template tags of the library: days left in the trash, expiry, storage used."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils.translation import ngettext

from accounts.models import Account
from gallery.library import lifetime, storage_usage, trash_views
from gallery.models import Item

register = template.Library()


@register.simple_tag
def days_left(item: Item) -> str:
    """How long an item in the trash can still be restored: `12 days left`."""
    days = trash_views.days_left(item)
    return ngettext("%(days)s day left", "%(days)s days left", days) % {"days": days}


@register.simple_tag
def leaves_at(item: Item) -> datetime | None:
    """When the item goes to the trash automatically; None where it does not."""
    return lifetime.expires_at(item)


@register.simple_tag
def room_used(account: Account) -> Any:
    """The storage used by the account, and its quota."""
    return storage_usage.for_account(account)
