"""Reporting what a share link shows, signed in or not, without telling any other address of it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from gallery.collections import seeing
from gallery.models import Item, ShareLink
from gallery.pages import page
from gallery.shares import opening
from gallery.shares.guests import may_pass, quiet
from gallery.social import manners, reporting
from gallery.social.forms import ReportForm


@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest, token: str, item_id: str = "") -> HttpResponse:
    """Report the picture of a link, or one of a shared collection."""
    link = opening.opened(token)
    if not may_pass(request, link):
        return HttpResponseRedirect(reverse("share", args=[link.token]))
    item = link.item or seeing.entry(opening.entries_of(link), item_id).item
    form = ReportForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            said = form.cleaned_data
            reporting.report(item, reporting.reporter_of(request), said["reason"], said["words"])
        except manners.TooMany as error:
            form.add_error(None, error.words)
        else:
            messages.success(request, _("Thank you. A moderator will look at it."))
            return quiet(HttpResponseRedirect(_page_of(link, item)))
    context = {"form": form, "link": link, "item": item, "back": _page_of(link, item)}
    return quiet(page(request, "shares/report.html", context, status=422 if form.errors else 200), asks=True)


def _page_of(link: ShareLink, item: Item) -> str:
    if link.item_id is not None:
        return reverse("share", args=[link.token])
    return reverse("share_item", args=[link.token, item.public_id])
