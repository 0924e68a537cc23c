"""Pages to report an item, a comment or a collection, signed in or not."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.auth.member_pages import visible_to_visitors
from core.http.pages import page
from gallery.collections import querysets
from gallery.items import access
from gallery.models import Comment
from gallery.public.reader_preferences import remember_report
from gallery.social import abuse_reports, discussion, interaction_limits
from gallery.social.forms import ReportForm


@dataclass(frozen=True)
class ReportTarget:
    """What is reported, with the texts and URLs of its page."""

    subject: abuse_reports.Target
    action: str
    heading: str
    back: str
    """The page it is reported from; `back_label` is the link's text."""
    back_label: str
    thanks: str
    then: str
    """Where the reporter is redirected afterwards."""


@require_http_methods(["GET", "HEAD", "POST"])
@visible_to_visitors
def report_item(request: HttpRequest, public_id: str) -> HttpResponse:
    """Report an open item, which the reporter's lists leave out afterwards."""
    item = access.published(public_id)
    complaint = ReportTarget(
        subject=item,
        action=reverse("report_item", args=[public_id]),
        heading=_("Report this picture"),
        back=reverse("gallery_item", args=[public_id]),
        back_label=_("To the picture"),
        thanks=_("Thank you. A moderator will look at it. You no longer see this picture."),
        then=reverse("gallery"),
    )
    return _report(request, complaint)


@require_http_methods(["GET", "HEAD", "POST"])
@visible_to_visitors
def report_comment(request: HttpRequest, number: int) -> HttpResponse:
    """Report a comment under an open item."""
    found = Comment.objects.filter(discussion.VISIBLE, pk=number).select_related("item", "user").first()
    comment = access.or_404(found)
    item = access.published(comment.item.public_id)
    back = reverse("gallery_item", args=[item.public_id])
    complaint = ReportTarget(
        subject=comment,
        action=reverse("report_comment", args=[number]),
        heading=_("Report this comment"),
        back=back,
        back_label=_("To the picture"),
        thanks=_("Thank you. A moderator will look at it. You no longer see this comment."),
        then=f"{back}#comments",
    )
    return _report(request, complaint)


@require_http_methods(["GET", "HEAD", "POST"])
@visible_to_visitors
def report_collection(request: HttpRequest, public_id: str) -> HttpResponse:
    """Report a public or unlisted collection as a whole, which the reporter's lists leave out afterwards."""
    collection = querysets.published(public_id)
    complaint = ReportTarget(
        subject=collection,
        action=reverse("report_collection", args=[public_id]),
        heading=_("Report this collection"),
        back=reverse("collection_public", args=[public_id]),
        back_label=_("To the collection"),
        thanks=_("Thank you. A moderator will look at it. You no longer see this collection."),
        then=reverse("collections_public"),
    )
    return _report(request, complaint)


def _report(request: HttpRequest, complaint: ReportTarget) -> HttpResponse:
    form = ReportForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        data = form.cleaned_data
        try:
            fresh = abuse_reports.report(
                complaint.subject, abuse_reports.reporter_of(request), data["reason"], data["words"]
            )
        except interaction_limits.TooMany as error:
            form.add_error(None, error.message)
        else:
            return _thanks_response(request, complaint, fresh)
    status = 422 if form.errors else 200
    part = request.headers.get("HX-Request") == "true"
    template = "social/_report_dialog.html" if part else "social/report.html"
    context = {"form": form, "complaint": complaint, "heading": complaint.heading}
    if isinstance(complaint.subject, Comment):
        context["said"] = complaint.subject.text
    response = page(request, template, context, status=status)
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _thanks_response(request: HttpRequest, complaint: ReportTarget, fresh: bool) -> HttpResponse:
    if not isinstance(complaint.subject, Comment):
        remember_report(request, complaint.subject)
    messages.success(request, complaint.thanks if fresh else abuse_reports.ALREADY_REPORTED)
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": complaint.then})
    return HttpResponseRedirect(complaint.then)
