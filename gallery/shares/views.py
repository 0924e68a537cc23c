"""Share links: made and withdrawn by their owner, opened by whoever has them."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery import access, tiles
from gallery.forms import ShareForm
from gallery.library.views import back, item_page
from gallery.models import ShareLink
from gallery.pages import member, page, user_of
from gallery.public.pictures import graph, send_picture
from gallery.shares import making


@require_POST
@member
def share(request: HttpRequest, public_id: str) -> HttpResponse:
    """Make a share link."""
    item = access.owned(request.user, public_id)
    form = ShareForm(request.POST)
    if not form.is_valid():
        return item_page(request, item, status=422, share_form=form)
    try:
        making.share(
            item, user_of(request), show_prompt=form.cleaned_data["show_prompt"], expires_at=form.expires_at()
        )
    except making.Hidden:
        messages.error(request, _("A moderator hid this picture; it cannot be shared."))
    except making.Suspended:
        messages.error(request, _("This account is closed to new things. You can download your pictures."))
    except making.TooManyLinks:
        messages.error(request, _("This picture has 50 open links. Withdraw one first."))
    else:
        messages.success(request, _("The link is ready. Copy it below."))
    return back(item, "share")


@require_POST
@member
def withdraw(request: HttpRequest, public_id: str, link_id: int) -> HttpResponse:
    """End a share link for good."""
    item = access.owned(request.user, public_id)
    link = access.found(ShareLink.objects.filter(pk=link_id, item=item).first())
    if making.withdraw(link):
        messages.success(
            request,
            _("Withdrawn. The link and its pictures no longer open. Sharing again makes a new link."),
        )
    return back(item, "share")


@require_safe
def page_of(request: HttpRequest, token: str) -> HttpResponse:
    """The page of a share link. One that ended says so; a withdrawn one does not exist."""
    try:
        link = access.shared(token)
    except Http404:
        ended = access.ended(token)
        if ended is None:
            raise
        return page(request, "gallery/share_ended.html", {"link": ended}, status=404)
    account = access.account_of(request.user)
    item = link.item
    assert item is not None
    if account is None or account.pk != item.account_id:
        making.count_view(link)
    # The link decides what is told, whatever the public page shows.
    words = item.title or (item.prompt[:160] if link.show_prompt else "") or _("A shared picture")
    context = {
        "link": link,
        "item": item,
        "words": words,
        "placeholder": tiles.placeholder(item),
        **graph(request, item, reverse("share_picture", args=[link.token, "medium"])),
    }
    response = page(request, "gallery/share.html", context)
    response["X-Robots-Tag"] = "noindex, nofollow"
    # The address is the key: it is not told to the sites that are opened from the page.
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_safe
def picture_of(request: HttpRequest, token: str, size: str) -> HttpResponse:
    """A shared item's picture, while its link is open. Checked at each request."""
    link = access.shared(token)
    assert link.item is not None
    response = send_picture(request, link.item, size, words=link.show_prompt)
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
