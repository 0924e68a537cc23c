"""Template tag for the collections of an item."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse

from accounts.models import User
from gallery.collections import querysets
from gallery.models import CollectionItem, Item

register = template.Library()
MOST = 50
"""Collections listed on an item's page."""


@register.inclusion_tag("items/_collections.html", takes_context=True)
def item_collections(context: Context) -> dict[str, Any]:
    """The collections that an own item is in, and the link to add it to one."""
    item, request, user = context["item"], context["request"], context["user"]
    shown = {"item": item, "own": context["own"], "user": user, "request": request}
    if not context["own"] or not isinstance(user, User) or not isinstance(request, HttpRequest):
        return shown | {"own": False}
    return shown | {
        "csrf_token": context.get("csrf_token"),
        "entries": entries_of(user, item),
        "pick": f"{reverse('collection_pick')}?{urlencode({'ids': item.public_id, 'next': request.path})}",
    }


def entries_of(user: User, item: Item) -> list[CollectionItem]:
    """The collections with the item, the last added first; `kept`: whether the user may open that collection."""
    rows = CollectionItem.objects.filter(item=item).select_related("collection").order_by("-id")[:MOST]
    entries = list(rows)
    kept = set(
        querysets.editable(user)
        .filter(pk__in=[entry.collection_id for entry in entries])
        .values_list("pk", flat=True)
    )
    for entry in entries:
        entry.kept = entry.collection_id in kept  # type: ignore[attr-defined]
    return entries
