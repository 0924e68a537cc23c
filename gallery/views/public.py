"""What everybody may see: the gallery, public items, shared links, and the pictures behind all of them."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from gallery import access, facts, paging, rows, sharing, tiles
from gallery.models import Item
from gallery.pages import page
from gallery.views.library import neighbours
from predictions.files import media

PAGE = 48


@require_safe
def gallery(request: HttpRequest) -> HttpResponse:
    """Public items, newest first."""
    found = paging.page(
        access.with_files(Item.objects.public()), "published_at", PAGE, request.GET.get("after", "")
    )
    group = tiles.group(found.rows, own=False, widths=rows.GALLERY, more=bool(found.older))
    older = f"{reverse('gallery')}?{urlencode({'after': found.older})}" if found.older else ""
    part = request.headers.get("HX-Request") == "true" and "after" in request.GET
    template = "gallery/_gallery_rows.html" if part else "gallery/gallery.html"
    return page(request, template, {"group": group, "older": older, "first": "after" not in request.GET})


@require_safe
def item(request: HttpRequest, public_id: str) -> HttpResponse:
    """A public item's page, for everybody; its owner is led on to their own."""
    item = access.published(public_id)
    account = access.account_of(request.user)
    context = {
        "item": item,
        "tile": tiles.Tile(item, own=False),
        "own": False,
        "mine": account is not None and account.pk == item.account_id,
        "facts": facts.of(item, public=True),
        **_graph(request, item, reverse("item_picture", args=[item.public_id, "medium"])),
        **neighbours(access.with_files(Item.objects.public()), "published_at", item),
    }
    return page(request, "gallery/item.html", context)


@require_safe
def picture(request: HttpRequest, public_id: str, size: str) -> HttpResponse:
    """An item's picture: while it is public, or for its owner. Checked at each request."""
    item = access.visible(request.user, public_id)
    own = access.account_of(request.user)
    return _send(
        request, item, size, words=item.show_prompt or (own is not None and own.pk == item.account_id)
    )


@require_safe
def share(request: HttpRequest, token: str) -> HttpResponse:
    """The page of a share link. One that ended says so; a withdrawn one does not exist."""
    try:
        link = access.shared(token)
    except Http404:
        ended = access.ended(token)
        if ended is None:
            raise
        return page(request, "gallery/share_ended.html", {"link": ended}, status=404)
    account = access.account_of(request.user)
    if account is None or account.pk != link.item.account_id:
        sharing.count_view(link)
    item = link.item
    # The link decides what is told, whatever the public page shows.
    words = item.title or (item.prompt[:160] if link.show_prompt else "") or _("A shared picture")
    context = {
        "link": link,
        "item": item,
        "words": words,
        "placeholder": tiles.placeholder(item),
        **_graph(request, item, reverse("share_picture", args=[link.token, "medium"])),
    }
    response = page(request, "gallery/share.html", context)
    response["X-Robots-Tag"] = "noindex, nofollow"
    # The address is the key: it is not told to the sites that are opened from the page.
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_safe
def share_picture(request: HttpRequest, token: str, size: str) -> HttpResponse:
    """A shared item's picture, while its link is open. Checked at each request."""
    link = access.shared(token)
    response = _send(request, link.item, size, words=link.show_prompt)
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _graph(request: HttpRequest, item: Item, picture_path: str) -> dict[str, object]:
    """What a pasted link shows: the picture with its size, from the page's own checked address."""
    file = access.file_of(item, "medium")
    return {
        "og_image": request.build_absolute_uri(picture_path),
        "og_width": file.width or item.width,
        "og_height": file.height or item.height,
        "og_url": request.build_absolute_uri(request.path),
    }


def _send(request: HttpRequest, item: Item, size: str, *, words: bool) -> HttpResponse:
    if size not in ("small", "medium", "full"):
        raise Http404
    file = access.file_of(item, cast(access.Size, size))
    attachment = "download" in request.GET
    name = facts.download_name(item, file, words=words)
    # Kept by the browser, but asked for again each time: unpublishing, withdrawing and hiding end it at once.
    response = media.send(request, file, filename=name, attachment=attachment, revalidate=True)
    response["Content-Disposition"] = content_disposition_header(attachment, name) or "inline"
    response["Vary"] = "Cookie"
    # Unlike the API's own files these are for our pages alone.
    del response["Access-Control-Allow-Origin"]
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
