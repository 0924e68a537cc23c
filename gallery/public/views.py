"""What everybody may see: the gallery, public items, shared links, and the pictures behind all of them."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from gallery import access, facts, paging, rows, tiles
from gallery.library.views import neighbours
from gallery.models import Item
from gallery.pages import page
from gallery.public.pictures import graph, send_picture

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
        **graph(request, item, reverse("item_picture", args=[item.public_id, "medium"])),
        **neighbours(access.with_files(Item.objects.public()), "published_at", item),
    }
    return page(request, "gallery/item.html", context)


@require_safe
def picture(request: HttpRequest, public_id: str, size: str) -> HttpResponse:
    """An item's picture: while it is public, or for its owner. Checked at each request."""
    item = access.visible(request.user, public_id)
    own = access.account_of(request.user)
    return send_picture(
        request, item, size, words=item.show_prompt or (own is not None and own.pk == item.account_id)
    )
