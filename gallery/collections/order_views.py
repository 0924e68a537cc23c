"""Pages' actions on a collection's order, its cover, and items to take out; for its owner and editors."""

from __future__ import annotations

from typing import cast, get_args

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.auth.member_pages import member_required, user_of
from gallery.collections import curation, positions, querysets
from gallery.collections.views import entries_for, redirect_to_collection
from gallery.models import Collection

STEPS: tuple[str, ...] = get_args(positions.Step)
MAX_IDS = 1000
"""Per request; a page of the collection has fewer."""


@require_POST
@member_required
def move(request: HttpRequest, public_id: str) -> HttpResponse:
    """Move one item: `item` with `before` or `after`, or one of the buttons `earlier`, `later`, `first`,
    `last`.

    Answers 204 to a script; 404 where one of the items is not, or no longer, in the collection.
    """
    user = user_of(request)
    collection = querysets.edited(user, public_id)
    visible = entries_for(user, collection)
    step = next((name for name in STEPS if request.POST.get(name)), "")
    item = request.POST.get(step or "item", "")
    try:
        if step:
            positions.step(collection, visible, item, cast(positions.Step, step))
        else:
            before, after = request.POST.get("before", ""), request.POST.get("after", "")
            positions.move(collection, visible, item, before=before, after=after)
    except positions.Gone:
        raise Http404 from None
    if request.headers.get("X-Requested-With") == "fetch":
        return HttpResponse(status=204)
    return redirect_to_collection(collection, f"i-{item}", arrange=True)


@require_POST
@member_required
def cover(request: HttpRequest, public_id: str) -> HttpResponse:
    """Set the cover."""
    user = user_of(request)
    collection = querysets.edited(user, public_id)
    entry = querysets.entry(entries_for(user, collection), request.POST.get("cover", ""))
    try:
        curation.set_cover(collection, entry.item)
    except positions.Gone:
        raise Http404 from None
    messages.success(request, _("This is the cover now."))
    return redirect_to_collection(collection, f"i-{entry.item.public_id}", arrange=True)


@require_POST
@member_required
def remove(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take items out; they stay in their libraries."""
    collection = querysets.edited(user_of(request), public_id)
    return _take_out(request, collection, querysets.valid_ids(request.POST.getlist("ids")))


def _take_out(request: HttpRequest, collection: Collection, ids: list[str]) -> HttpResponse:
    if len(ids) > MAX_IDS:
        messages.error(request, _("At most %(most)d pictures at once.") % {"most": MAX_IDS})
        return redirect_to_collection(collection, arrange=True)
    try:
        count = curation.remove(collection, ids)
    except positions.Gone:
        raise Http404 from None
    if count:
        message = ngettext(
            "%(n)d picture taken out. It is still in its owner's library.",
            "%(n)d pictures taken out. They are still in their owners' libraries.",
            count,
        )
        messages.success(request, message % {"n": count})
    return redirect_to_collection(collection, arrange=True)
