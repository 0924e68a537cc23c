"""URLs, captions and blurring of a collection's items for each audience: editors, readers, share link guests."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from gallery.collections.picture_rows import Presentation
from gallery.items import tiles
from gallery.models import Collection, Item, ShareLink
from gallery.public.reader_preferences import Reader
from gallery.shares import link_access


def members(user: User, collection: Collection, reader: Reader) -> Presentation:
    """For the owner and editors: an own item links to its library page, another's to its page in the
    collection."""

    def href(item: Item) -> str:
        if item.account_id == user.account_id:
            return reverse("library_item", args=[item.public_id])
        return reverse("collection_item", args=[collection.public_id, item.public_id])

    def pictures(item: Item) -> str:
        return _picture_base("collection_picture", collection.public_id, item.public_id)

    def own(item: Item) -> bool:
        return item.account_id == user.account_id

    return Presentation(
        href,
        pictures,
        caption=lambda item: tiles.alt_text(item, own=own(item)),
        blurs=lambda item: item.sensitive and not own(item) and not reader.shows,
    )


def readers(reader: Reader) -> Presentation:
    """For everybody, in public and unlisted collections: items link to their gallery pages."""
    return Presentation(
        href=lambda item: reverse("gallery_item", args=[item.public_id]),
        pictures=lambda item: _picture_base("item_picture", item.public_id),
        caption=lambda item: tiles.alt_text(item, own=False),
        blurs=lambda item: item.sensitive and not reader.shows,
    )


def guests(link: ShareLink) -> Presentation:
    """For holders of a share link: all URLs belong to the link and end with it."""

    def caption(item: Item) -> str:
        prompt = item.prompt[:160] if link_access.shows_prompt(link, item) else ""
        return item.title or prompt or _("A shared picture")

    return Presentation(
        href=lambda item: reverse("share_item", args=[link.token, item.public_id]),
        pictures=lambda item: _picture_base("share_item_picture", link.token, item.public_id),
        caption=caption,
        blurs=lambda item: item.sensitive,
    )


def _picture_base(name: str, *names: str) -> str:
    """The URL of an item's pictures without the size."""
    return reverse(name, args=[*names, "medium"]).removesuffix("medium")
