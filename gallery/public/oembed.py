"""oEmbed 1.0: what another site shows where somebody pasted the address of a picture (https://oembed.com)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.urls import Resolver404, resolve, reverse
from django.views.decorators.http import require_safe

from gallery import access, tiles, words
from gallery.models import Item, ShareLink
from gallery.pages import base_url
from gallery.public.pictures import CARD, CARD_FILE

LONGEST_URL = 2000
LARGEST = 100_000
KEPT_S = 300
"""Seconds for which others may show it without asking again: so soon what is taken back is gone there too."""
_NUMBER = re.compile(r"[0-9]{1,6}")
_SIZES: tuple[access.Size, ...] = ("full", "medium", "small")


class BadNumber(ValueError):
    """A size that is no number of pixels."""


@require_safe
def oembed(request: HttpRequest) -> HttpResponse:
    """A photo for an open item, a link for a share link or for what is sensitive.

    404 where the address is none of ours or no longer opens, 501 for XML, 400 for sizes that are none.
    """
    if request.GET.get("format", "json") != "json":
        return _answer({"error": "Only JSON is spoken here: leave format out."}, 501)
    try:
        most = (_pixels(request, "maxwidth"), _pixels(request, "maxheight"))
    except BadNumber as error:
        return _answer({"error": f"{error} is a number of pixels, at least 1."}, 400)
    try:
        told = _told(request, request.GET.get("url", ""), most)
    except (Http404, Resolver404):
        return _answer({"error": "There is no such picture, or it is not for everybody."}, 404)
    return _answer(told, 200)


def _answer(told: dict[str, Any], status: int) -> HttpResponse:
    response = JsonResponse(told, status=status, json_dumps_params={"ensure_ascii": False})
    # Scripts of other sites may read it: there is nothing in it that not everybody may see.
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = "no-cache"
    return response


def _pixels(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    if not text:
        return LARGEST
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise BadNumber(name)
    return int(text)


def _told(request: HttpRequest, url: str, most: tuple[int, int]) -> dict[str, Any]:
    origin = base_url(request)
    found = resolve(_path(url, {origin, f"{request.scheme}://{request.get_host()}"}))
    if found.url_name == "gallery_item":
        return _of_item(access.published(found.kwargs["public_id"]), origin, most)
    if found.url_name == "share":
        return _of_link(found.kwargs["token"], origin)
    raise Http404


def _path(url: str, origins: set[str]) -> str:
    if len(url) > LONGEST_URL or not url.isprintable():
        raise Http404
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Http404 from None
    # People paste what they see: with http for https, or with a fragment.
    if parts.netloc.lower() not in {urlsplit(origin).netloc.lower() for origin in origins}:
        raise Http404
    if parts.scheme not in ("http", "https"):
        raise Http404
    return unquote(parts.path)


def _of_item(item: Item, origin: str, most: tuple[int, int]) -> dict[str, Any]:
    about = {
        "version": "1.0",
        "provider_name": "Darkroom",
        "provider_url": origin,
        "title": words.line(tiles.words_for(item, own=False), 120),
        "author_name": words.line(item.user.shown_name, 80) or item.user.username,
        "author_url": origin + reverse("gallery_author", args=[item.user.username])
        if item.is_public
        else origin,
        "cache_age": KEPT_S,
    }
    if item.sensitive:
        return {"type": "link", **about, **_card(origin, most)}
    size, width, height = _fitting(item, most)
    small = access.file_of(item, "small")
    url = reverse("api_gallery_picture", args=[item.public_id, size])
    if not _is_picture(item, size):
        return {"type": "link", **about, **_thumbnail(item, origin, most)}
    return {
        "type": "photo",
        **about,
        "url": origin + url,
        "width": width,
        "height": height,
        **(_thumbnail(item, origin, most) if small.content_type.startswith("image/") else {}),
    }


def _is_picture(item: Item, size: access.Size) -> bool:
    return access.file_of(item, size).content_type.startswith("image/")


def _fitting(item: Item, most: tuple[int, int]) -> tuple[access.Size, int, int]:
    """The smallest file that fills the room there is, and how large it stands there."""
    whole = (item.width, item.height)
    scale = min(1.0, most[0] / whole[0], most[1] / whole[1])
    width, height = max(1, int(whole[0] * scale)), max(1, int(whole[1] * scale))
    chosen: access.Size = "full"
    for size in _SIZES:
        file = access.file_of(item, size)
        if file.content_type.startswith("image/") and (file.width or item.width) >= width:
            chosen = size
    if not _is_picture(item, chosen):
        # A film: its still, as large as that is.
        file = access.file_of(item, "medium")
        return "medium", *_scaled(file.width or item.width, file.height or item.height, most)
    return chosen, width, height


def _scaled(width: int, height: int, most: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, most[0] / width, most[1] / height)
    return max(1, int(width * scale)), max(1, int(height * scale))


def _thumbnail(item: Item, origin: str, most: tuple[int, int]) -> dict[str, Any]:
    file = access.file_of(item, "small")
    width, height = file.width or item.width, file.height or item.height
    # A thumbnail is given whole or not at all.
    if width > most[0] or height > most[1] or not file.content_type.startswith("image/"):
        return {}
    url = origin + reverse("api_gallery_picture", args=[item.public_id, "small"])
    return {"thumbnail_url": url, "thumbnail_width": width, "thumbnail_height": height}


def _card(origin: str, most: tuple[int, int]) -> dict[str, Any]:
    if most[0] < CARD[0] or most[1] < CARD[1]:
        return {}
    return {
        "thumbnail_url": origin + static(CARD_FILE),
        "thumbnail_width": CARD[0],
        "thumbnail_height": CARD[1],
    }


def _of_link(token: str, origin: str) -> dict[str, Any]:
    """Of a share link its name alone: who has the link opens it. Locked and ended ones tell nothing."""
    link = (
        ShareLink.objects.open().select_related("item__user", "collection__user").filter(token=token).first()
    )
    if link is None or link.is_locked:
        raise Http404
    thing = link.item or link.collection
    assert thing is not None
    return {
        "type": "link",
        "version": "1.0",
        "provider_name": "Darkroom",
        "provider_url": origin,
        "title": words.line(thing.title, 120),
        "author_name": words.line(thing.user.shown_name, 80) or thing.user.username,
        "cache_age": KEPT_S,
    }
