"""Link previews of share links on other sites: a picture, or only that something was shared.

Whoever has an open link sees its pictures without signing in, so sites where it is pasted may show them. Locked
links and sensitive items show nothing, in no kind of preview.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from gallery.collections import querysets
from gallery.items import access
from gallery.models import Item, ShareLink
from gallery.public.image_responses import oembed_url, open_graph
from gallery.shares import link_access

THUMBNAILS = ("small", "medium")


def may_show(link: ShareLink, item: Item) -> bool:
    """Whether other sites may show a thumbnail of this item of the link."""
    if link.is_locked or item.sensitive or not link_access.allows(link, item, "medium"):
        return False
    return access.file_of(item, "medium").content_type.startswith("image/")


def preview_item(link: ShareLink, item: Item | None = None) -> Item | None:
    """The item that represents the link, or one `item` of its collection; None where nothing may be shown."""
    item = item or link.item
    if item is None and link.collection is not None and not link.is_locked:
        item = querysets.cover(link.collection, link_access.entries_of(link))
    return item if item is not None and may_show(link, item) else None


def meta_tags(request: HttpRequest, link: ShareLink, item: Item | None = None) -> dict[str, Any]:
    """Context for the page's head: the oEmbed URL, and Open Graph tags where a picture may be shown."""
    found = preview_item(link, item)
    if found is None:
        return {"oembed_url": oembed_url(request)}
    return open_graph(request, found, link_access.picture_path(link, found, "medium"))
