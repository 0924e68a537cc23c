"""Pages of a share link for guests: target, password form, pictures. Access is checked at each request."""

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
    """The page of a share link. An expired link says so, a withdrawn one is a 404, a locked one shows the
    password form."""
    try:
        link = link_access.open_link(token)
    except Http404:
        expired = link_access.ended_link(token)
        if expired is None:
            raise
        return without_indexing(page(request, "shares/ended.html", {"link": expired}, status=404))
    if not is_unlocked(request, link):
        return _password_page(request, link, PasswordForm())
    part = request.headers.get("HX-Request") == "true" and "after" in request.GET
    if _is_view(request, link):
        share_links.count_view(link)
    if link.item is not None:
        return without_indexing(page(request, "shares/item.html", _item_context(request, link, link.item)))
    return _collection(request, link, part=part)


def is_unlocked(request: HttpRequest, link: ShareLink) -> bool:
    """Whether no password is needed: there is none, it was entered, or the link is the viewer's own."""
    request.is_private = link.is_locked  # type: ignore[attr-defined]
    return link_access.is_own(request.user, link) or link_passwords.is_open(request, link)


def _is_view(request: HttpRequest, link: ShareLink) -> bool:
    """Whether the request counts as a view: not the owner's, not a further page, neither prefetch nor HEAD."""
    if request.method == "HEAD" or "after" in request.GET:
        return False
    ahead = request.headers.get("Sec-Purpose", request.headers.get("Purpose", ""))
    return "prefetch" not in ahead and not link_access.is_own(request.user, link)


def without_indexing(response: HttpResponse, *, asks: bool = False) -> HttpResponse:
    """Exclude the response from search engines, and keep the URL, which is the key, from sites opened from it.

    `asks`: a page with a form. Under `no-referrer` browsers would submit it without an origin, and CSRF
    protection would refuse it.
    """
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "same-origin" if asks else "no-referrer"
    return response


def _password_page(
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
    """Check a password: the right one opens page and pictures for twelve hours, in this browser.

    After a wrong one the browser stays at this URL; reloading it redirects to the page with the form.
    """
    link = link_access.open_link(token)
    target = HttpResponseRedirect(reverse("share", args=[link.token]))
    if request.method != "POST" or not link.is_locked:
        return without_indexing(target)
    with passwords.HASHING_SLOTS.enter():
        return _check_password(request, link, target)


def _check_password(request: HttpRequest, link: ShareLink, target: HttpResponse) -> HttpResponse:
    form = PasswordForm(request.POST)
    try:
        attempt = link_passwords.count_attempt(request, link)
    except attempt_limits.TooMany as error:
        return _password_page(request, link, form, wait_s=error.wait_s, status=429)
    if not form.is_valid():
        return _password_page(request, link, form, status=422)
    if not link_passwords.matches(link, form.cleaned_data["password"]):
        form.add_error("password", _("That is not the password."))
        return _password_page(request, link, form, status=422)
    attempt.give_back()
    return without_indexing(link_passwords.set_open_cookie(target, link))


def _item_context(request: HttpRequest, link: ShareLink, item: Item) -> dict[str, Any]:
    """Context of a shared item's page. The link decides whether the prompt is shown, whatever the public page
    shows."""
    shows_prompt = link_access.shows_prompt(link, item)
    words = item.title or (item.prompt[:160] if shows_prompt else "") or _("A shared picture")
    if link.item_id is not None:
        report = reverse("share_report", args=[link.token])
    else:
        report = reverse("share_item_report", args=[link.token, item.public_id])
    return {
        "link": link,
        "item": item,
        "told": shows_prompt,
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
    url = reverse("share", args=[link.token])
    context = {
        "link": link,
        "collection": link.collection,
        "rows": picture_rows.lay_out(entries, look, more=bool(older)),
        "older": f"{url}?{urlencode({'after': older})}" if older else "",
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
    """One item of a shared collection."""
    link = link_access.open_link(token)
    if not is_unlocked(request, link):
        return HttpResponseRedirect(reverse("share", args=[link.token]))
    entries = link_access.entries_of(link)
    entry = querysets.entry(entries, item_id)
    context = _item_context(request, link, entry.item)
    return without_indexing(
        page(request, "shares/item.html", context | neighbours(entries, entry, audiences.guests(link)))
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
    """A picture of an item in a shared collection, while the link is open and the item in the collection."""
    link = link_access.open_link(token)
    return _picture(request, link, querysets.entry(link_access.entries_of(link), item_id).item, size)


def _picture(request: HttpRequest, link: ShareLink, item: Item, size: str) -> HttpResponse:
    if not is_unlocked(request, link):
        raise Http404
    if not link_access.allows(link, item, size) or (not link.allow_download and "download" in request.GET):
        raise Http404
    response = without_indexing(
        send_picture(request, item, size, show_prompt=link_access.shows_prompt(link, item))
    )
    if size in link_preview.THUMBNAILS and link_preview.may_show(link, item):
        # Link previews on other sites show it as an image; scripts there can't read it all the same.
        response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
