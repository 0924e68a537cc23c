"""Reports by guests of a share link, signed in or not; its target's other URLs are not revealed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core.http.pages import page
from gallery.collections import querysets
from gallery.models import Collection, Item, ShareLink
from gallery.public.reader_preferences import remember_report
from gallery.shares import link_access
from gallery.shares.guest_views import is_unlocked, without_indexing
from gallery.social import abuse_reports, interaction_limits
from gallery.social.forms import ReportForm


@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest, token: str, item_id: str = "") -> HttpResponse:
    """Report the link's item or collection, or one item of a shared collection."""
    link = link_access.open_link(token)
    if not is_unlocked(request, link):
        return HttpResponseRedirect(reverse("share", args=[link.token]))
    target = (
        querysets.entry(link_access.entries_of(link), item_id).item
        if item_id
        else link_access.target_of(link)
    )
    form = ReportForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            data = form.cleaned_data
            fresh = abuse_reports.report(
                target, abuse_reports.reporter_of(request), data["reason"], data["words"]
            )
        except interaction_limits.TooMany as error:
            form.add_error(None, error.message)
        else:
            remember_report(request, target)
            thanks = _("Thank you. A moderator will look at it.")
            messages.success(request, thanks if fresh else abuse_reports.ALREADY_REPORTED)
            return without_indexing(HttpResponseRedirect(_page_of(link, target)))
    context = {"form": form, "link": link, "back": _page_of(link, target), **_labels_of(target)}
    return without_indexing(
        page(request, "shares/report.html", context, status=422 if form.errors else 200), asks=True
    )


def _labels_of(target: Item | Collection) -> dict[str, str]:
    if isinstance(target, Collection):
        return {"heading": _("Report this collection"), "back_label": _("To the collection")}
    return {"heading": _("Report this picture"), "back_label": _("To the picture")}


def _page_of(link: ShareLink, target: Item | Collection) -> str:
    if isinstance(target, Collection) or link.item_id is not None:
        return reverse("share", args=[link.token])
    return reverse("share_item", args=[link.token, target.public_id])
