"""The pages on which something is reported, signed in or not."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from gallery import access
from gallery.models import Comment, Item
from gallery.pages import page
from gallery.public.reading import remember_report
from gallery.social import commenting, manners, reporting
from gallery.social.forms import ReportForm


@require_http_methods(["GET", "HEAD", "POST"])
def report_item(request: HttpRequest, public_id: str) -> HttpResponse:
    """Report an open item. Afterwards the reporter's lists leave it out."""
    item = access.published(public_id)
    return _report(request, item, item, reverse("report_item", args=[public_id]))


@require_http_methods(["GET", "HEAD", "POST"])
def report_comment(request: HttpRequest, number: int) -> HttpResponse:
    """Report a comment that stands under an open item."""
    found = Comment.objects.filter(commenting.SHOWN, pk=number).select_related("item", "user").first()
    comment = access.found(found)
    item = access.published(comment.item.public_id)
    return _report(request, comment, item, reverse("report_comment", args=[number]))


def _report(request: HttpRequest, thing: Item | Comment, item: Item, action: str) -> HttpResponse:
    form = ReportForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        chosen = form.cleaned_data
        try:
            reporting.report(thing, reporting.reporter_of(request), chosen["reason"], chosen["words"])
        except manners.TooMany as error:
            form.add_error(None, error.words)
        else:
            return _thanked(request, thing, item)
    status = 422 if form.errors else 200
    part = request.headers.get("HX-Request") == "true"
    template = "social/_report.html" if part else "social/report.html"
    context = {"form": form, "thing": thing, "item": item, "action": action, "of_item": thing is item}
    response = page(request, template, context, status=status)
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _thanked(request: HttpRequest, thing: Item | Comment, item: Item) -> HttpResponse:
    if isinstance(thing, Item):
        remember_report(request, thing)
        words = _("Thank you. A moderator will look at it. You no longer see this picture.")
        target = reverse("gallery")
    else:
        words = _("Thank you. A moderator will look at it. You no longer see this comment.")
        target = f"{reverse('gallery_item', args=[item.public_id])}#comments"
    messages.success(request, words)
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return HttpResponseRedirect(target)
