"""Share links as whoever has them opens them: page, password, pictures. Everything is checked at each request."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.auth import attempt_limits, passwords
from core.http.pages import page
from gallery.collections import audiences, picture_rows, positions, querysets
from gallery.collections.views import neighbours
from gallery.items import tiles
from gallery.models import Item, ShareLink
from gallery.public.image_responses import send_picture
from gallery.shares import link_access, link_passwords, link_preview, share_links
from gallery.shares.forms import PasswordForm

PICTURES = 60


@require_safe
def page_of(request: HttpRequest, token: str) -> HttpResponse:
    """The page of a share link. One that ended says so; a withdrawn one does not exist; a locked one asks."""
    try:
        link = link_access.open_link(token)
    except Http404:
        over = link_access.ended_link(token)
        if over is None:
            raise
        return without_indexing(page(request, "shares/ended.html", {"link": over}, status=404))
    if not is_unlocked(request, link):
        return _asking(request, link, PasswordForm())
    part = request.headers.get("HX-Request") == "true" and "after" in request.GET
    if _counts(request, link):
        share_links.count_view(link)
    if link.item is not None:
        return without_indexing(page(request, "shares/item.html", _item_context(request, link, link.item)))
    return _collection(request, link, part=part)


def is_unlocked(request: HttpRequest, link: ShareLink) -> bool:
    """Whether this reader is not asked for a password: there is none, they knew it, or it is their own link."""
    request.is_private = link.is_locked  # type: ignore[attr-defined]
    return link_access.is_own(request.user, link) or link_passwords.is_open_for(request, link)


def _counts(request: HttpRequest, link: ShareLink) -> bool:
    """Whether this is an opening: not the owner's, not a further page of it, not fetched ahead or for its headers."""
    if request.method == "HEAD" or "after" in request.GET:
        return False
    ahead = request.headers.get("Sec-Purpose", request.headers.get("Purpose", ""))
    return "prefetch" not in ahead and not link_access.is_own(request.user, link)


def without_indexing(response: HttpResponse, *, asks: bool = False) -> HttpResponse:
    """For no search engine; and the address, which is the key, is not told to the sites that are opened from it.

    `asks`: a page with a form. Under `no-referrer` browsers would send it without saying where it comes from, and the
    protection against other sites' forms would refuse it.
    """
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "same-origin" if asks else "no-referrer"
    return response


def _asking(
    request: HttpRequest, link: ShareLink, form: PasswordForm, *, wait_s: int = 0, status: int = 200
) -> HttpResponse:
    context = {"link": link, "form": form, "wait_minutes": -(-wait_s // 60)}
    if request.method != "POST":
        context |= link_preview.meta_tags(request, link)
    response = without_indexing(page(request, "shares/password.html", context, status=status), asks=True)
    if wait_s:
        response["Retry-After"] = str(wait_s)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def unlock(request: HttpRequest, token: str) -> HttpResponse:
    """Try a password: the right one opens page and pictures for twelve hours, for this reader.

    After a wrong one this address stands in the browser: who reads it again is led to the page that asks.
    """
    link = link_access.open_link(token)
    target = HttpResponseRedirect(reverse("share", args=[link.token]))
    if request.method != "POST" or not link.is_locked:
        return without_indexing(target)
    with passwords.ROOM.enter():
        return _tried(request, link, target)


def _tried(request: HttpRequest, link: ShareLink, target: HttpResponse) -> HttpResponse:
    form = PasswordForm(request.POST)
    try:
        taken = link_passwords.count_try(request, link)
    except attempt_limits.TooMany as many:
        return _asking(request, link, form, wait_s=many.wait_s, status=429)
    if not form.is_valid():
        return _asking(request, link, form, status=422)
    if not link_passwords.matches(link, form.cleaned_data["password"]):
        form.add_error("password", _("That is not the password."))
        return _asking(request, link, form, status=422)
    taken.give_back()
    return without_indexing(link_passwords.open_for(target, link))


def _item_context(request: HttpRequest, link: ShareLink, item: Item) -> dict[str, Any]:
    """What the page of one shared picture shows. The link decides what is told, whatever the public page shows."""
    told = link_access.shows_prompt(link, item)
    words = item.title or (item.prompt[:160] if told else "") or _("A shared picture")
    if link.item_id is not None:
        report = reverse("share_report", args=[link.token])
    else:
        report = reverse("share_item_report", args=[link.token, item.public_id])
    return {
        "link": link,
        "item": item,
        "told": told,
        "words": words,
        "address": link_access.picture_path(link, item, "full").removesuffix("full"),
        "report": report,
        "placeholder": tiles.placeholder(item),
        **link_preview.meta_tags(request, link, item),
    }


def _collection(request: HttpRequest, link: ShareLink, *, part: bool) -> HttpResponse:
    look = audiences.guests(link)
    entries, older = positions.page(
        querysets.with_items(link_access.entries_of(link)), request.GET.get("after", ""), PICTURES
    )
    here = reverse("share", args=[link.token])
    context = {
        "link": link,
        "collection": link.collection,
        "rows": picture_rows.lay_out(entries, look, more=bool(older)),
        "older": f"{here}?{urlencode({'after': older})}" if older else "",
        "first": "after" not in request.GET,
        "report": reverse("share_report", args=[link.token]),
    }
    if part:
        return without_indexing(page(request, "collections/_more.html", context))
    return without_indexing(
        page(request, "shares/collection.html", context | link_preview.meta_tags(request, link))
    )


@require_safe
def item_of(request: HttpRequest, token: str, item_id: str) -> HttpResponse:
    """One picture of a shared collection."""
    link = link_access.open_link(token)
    if not is_unlocked(request, link):
        return HttpResponseRedirect(reverse("share", args=[link.token]))
    seen = link_access.entries_of(link)
    entry = querysets.entry(seen, item_id)
    context = _item_context(request, link, entry.item)
    return without_indexing(
        page(request, "shares/item.html", context | neighbours(seen, entry, audiences.guests(link)))
    )


@require_safe
def picture_of(request: HttpRequest, token: str, size: str) -> HttpResponse:
    """A shared item's picture, while its link is open."""
    link = link_access.open_link(token)
    if link.item is None:
        raise Http404
    return _picture(request, link, link.item, size)


@require_safe
def item_picture_of(request: HttpRequest, token: str, item_id: str, size: str) -> HttpResponse:
    """The picture of an item in a shared collection, while the link is open and the item in the collection."""
    link = link_access.open_link(token)
    return _picture(request, link, querysets.entry(link_access.entries_of(link), item_id).item, size)


def _picture(request: HttpRequest, link: ShareLink, item: Item, size: str) -> HttpResponse:
    if not is_unlocked(request, link):
        raise Http404
    if not link_access.allows(link, item, size) or (not link.allow_download and "download" in request.GET):
        raise Http404
    response = without_indexing(send_picture(request, item, size, words=link_access.shows_prompt(link, item)))
    if size in link_preview.THUMBNAILS and link_preview.may_show(link, item):
        # What the site shows where the link was pasted. Scripts there read nothing of it all the same.
        response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
