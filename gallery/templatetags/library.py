"""Words of the library for templates."""

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
    """How long an item of the trash can still be brought back: `12 days left`."""
    days = trash_views.days_left(item)
    return ngettext("%(days)s day left", "%(days)s days left", days) % {"days": days}


@register.simple_tag
def leaves_at(item: Item) -> datetime | None:
    """When the item goes to the trash by itself; None where it does not."""
    return lifetime.leaves_at(item)


@register.simple_tag
def room_used(account: Account) -> Any:
    """What the account's files take, and how much it has."""
    return storage_usage.used(account)
