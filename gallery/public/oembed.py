"""oEmbed 1.0: what other sites show for the URL of an item, a collection or a share link (https://oembed.com)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.auth.member_pages import visible_to_visitors
from core.http.public_origin import trusted_origin
from gallery import safe_text
from gallery.collections import public_views, querysets
from gallery.items import access, tiles
from gallery.models import Collection, Item, ShareLink
from gallery.public.image_responses import CARD, CARD_FILE
from gallery.shares import link_access, link_preview

MAX_URL = 2000
MAX_PIXELS = 100_000
CACHE_S = 300
"""Seconds for which consumers may cache the answer: so soon what is unpublished is gone there too."""
_NUMBER = re.compile(r"[0-9]{1,6}")
_SIZES: tuple[access.Size, ...] = ("full", "medium", "small")


class InvalidSize(ValueError):
    """A size that is not a positive number of pixels."""


@require_safe
@visible_to_visitors
def oembed(request: HttpRequest) -> HttpResponse:
    """A photo for an open or shared item; a link for a collection, and for sensitive or locked content.

    404 where the URL is not ours or no longer opens, 501 for XML, 400 for invalid sizes.
    """
    if request.GET.get("format", "json") != "json":
        return _answer({"error": "Only JSON is spoken here: leave format out."}, 501)
    try:
        most = (_pixels(request, "maxwidth"), _pixels(request, "maxheight"))
    except InvalidSize as error:
        return _answer({"error": f"{error} is a number of pixels, at least 1."}, 400)
    try:
        content = _content(request, request.GET.get("url", ""), most)
    except (Http404, Resolver404):
        return _answer({"error": "There is no such picture, or it is not for everybody."}, 404)
    return _answer(content, 200)


def _answer(content: dict[str, Any], status: int) -> HttpResponse:
    response = JsonResponse(content, status=status, json_dumps_params={"ensure_ascii": False})
    # Scripts of other sites may read it: it holds only what everybody may see.
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = "no-cache"
    return response


def _pixels(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    if not text:
        return MAX_PIXELS
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise InvalidSize(name)
    return int(text)


def _content(request: HttpRequest, url: str, most: tuple[int, int]) -> dict[str, Any]:
    origin = trusted_origin(request)
    found = resolve(_path(url, {origin, f"{request.scheme}://{request.get_host()}"}))
    if found.url_name == "gallery_item":
        return _of_item(access.published(found.kwargs["public_id"]), origin, most)
    if found.url_name == "collection_public":
        return _of_collection(querysets.published(found.kwargs["public_id"]), origin, most)
    if found.url_name in ("share", "share_item"):
        link = link_access.open_link(found.kwargs["token"])
        return _of_link(link, found.kwargs.get("item_id", ""), origin, most)
    raise Http404


def _path(url: str, origins: set[str]) -> str:
    if len(url) > MAX_URL or not url.isprintable():
        raise Http404
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Http404 from None
    # Users paste what they see: http for https, or with a fragment.
    if parts.netloc.lower() not in {urlsplit(origin).netloc.lower() for origin in origins}:
        raise Http404
    if parts.scheme not in ("http", "https"):
        raise Http404
    return unquote(parts.path)


def _of_item(item: Item, origin: str, most: tuple[int, int]) -> dict[str, Any]:
    about = _attribution(item, origin, tiles.alt_text(item, own=False)) | {
        "author_url": origin + reverse("gallery_author", args=[item.user.username])
        if item.is_public
        else origin
    }
    if item.sensitive:
        return {"type": "link", **about, **_sensitive_card(origin, most)}
    size, width, height = _fitting(item, most)
    small = _thumbnail(item, most, _open_picture(item, origin))
    if not _is_picture(item, size):
        return {"type": "link", **about, **small}
    url = _open_picture(item, origin)(size)
    return {"type": "photo", **about, "url": url, "width": width, "height": height, **small}


def _provider(origin: str) -> dict[str, Any]:
    return {"version": "1.0", "provider_name": "Darkroom", "provider_url": origin, "cache_age": CACHE_S}


def _attribution(target: Item | Collection, origin: str, title: str) -> dict[str, Any]:
    name = safe_text.line(target.user.shown_name, 80) or target.user.username
    return _provider(origin) | {"title": safe_text.line(title, 120), "author_name": name}


def _open_picture(item: Item, origin: str) -> Callable[[str], str]:
    """The URLs of an open item's pictures, by size: those that other sites may embed."""
    return lambda size: origin + reverse("api_gallery_picture", args=[item.public_id, size])


def _is_picture(item: Item, size: access.Size) -> bool:
    return access.file_of(item, size).content_type.startswith("image/")


def _fitting(item: Item, most: tuple[int, int]) -> tuple[access.Size, int, int]:
    """The smallest file that is large enough for the space, and the size at which it is displayed."""
    whole = (item.width, item.height)
    scale = min(1.0, most[0] / whole[0], most[1] / whole[1])
    width, height = max(1, int(whole[0] * scale)), max(1, int(whole[1] * scale))
    best: access.Size = "full"
    for size in _SIZES:
        file = access.file_of(item, size)
        if file.content_type.startswith("image/") and (file.width or item.width) >= width:
            best = size
    if not _is_picture(item, best):
        # A video: its still, as large as that is.
        file = access.file_of(item, "medium")
        return "medium", *_scaled(file.width or item.width, file.height or item.height, most)
    return best, width, height


def _scaled(width: int, height: int, most: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, most[0] / width, most[1] / height)
    return max(1, int(width * scale)), max(1, int(height * scale))


def _thumbnail(item: Item, most: tuple[int, int], url: Callable[[str], str]) -> dict[str, Any]:
    file = access.file_of(item, "small")
    width, height = file.width or item.width, file.height or item.height
    # oEmbed has thumbnails at their full size or not at all.
    if width > most[0] or height > most[1] or not file.content_type.startswith("image/"):
        return {}
    return {"thumbnail_url": url("small"), "thumbnail_width": width, "thumbnail_height": height}


def _sensitive_card(origin: str, most: tuple[int, int]) -> dict[str, Any]:
    if most[0] < CARD[0] or most[1] < CARD[1]:
        return {}
    return {
        "thumbnail_url": origin + static(CARD_FILE),
        "thumbnail_width": CARD[0],
        "thumbnail_height": CARD[1],
    }


def _of_collection(collection: Collection, origin: str, most: tuple[int, int]) -> dict[str, Any]:
    item = public_views.cover(collection)
    small = _thumbnail(item, most, _open_picture(item, origin)) if item is not None else {}
    return {"type": "link", **_attribution(collection, origin, collection.title), **small}


def _of_link(link: ShareLink, item_id: str, origin: str, most: tuple[int, int]) -> dict[str, Any]:
    """A shared item, or the title of a shared collection; of locked or sensitive content only that it is
    shared."""
    shared_item = None
    if item_id and not link.is_locked:
        shared_item = querysets.entry(link_access.entries_of(link), item_id).item
    item = link_preview.preview_item(link, shared_item)
    if item is None:
        return {"type": "link", **_provider(origin), "title": _("Shared with you")}

    def url(size: str) -> str:
        return origin + link_access.picture_path(link, item, size)

    small = _thumbnail(item, most, url)
    if shared_item is None and link.collection is not None:
        return {"type": "link", **_attribution(link.collection, origin, link.collection.title), **small}
    prompt = item.prompt if link_access.shows_prompt(link, item) else ""
    about = _attribution(item, origin, item.title or prompt or _("A shared picture"))
    file = access.file_of(item, "medium")
    width, height = _scaled(file.width or item.width, file.height or item.height, most)
    size = "small" if (access.file_of(item, "small").width or 0) >= width else "medium"
    return {"type": "photo", **about, "url": url(size), "width": width, "height": height, **small}
