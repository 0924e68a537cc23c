"""Pages' actions for editors of a collection: the owner adds and removes them, an editor may leave."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from limits import RateLimitItemPerHour

from accounts.auth.member_pages import member_required, user_of
from gallery import safe_text
from gallery.collections import editors, positions, querysets
from gallery.collections.views import redirect_to_collection
from gallery.items.access import or_404
from predictions.api_dialects.common import rate_limits

_AN_HOUR = RateLimitItemPerHour(60)
"""User names that one member may try per hour: enough for every collection, too few to probe who has an
account."""


@require_POST
@member_required
def add(request: HttpRequest, public_id: str) -> HttpResponse:
    """Make a member an editor, by user name."""
    user = user_of(request)
    collection = querysets.owned(user, public_id)
    name = safe_text.line(request.POST.get("username", "")[:160], 150)
    if not _may_try(user.pk):
        messages.error(request, _("Too many names at once. Try again in an hour."))
        return redirect_to_collection(collection, "people")
    try:
        editor = editors.invite(collection, name)
    except editors.NoMember:
        messages.error(request, _("No other member has the user name “%(name)s”.") % {"name": name[:40]})
    except editors.TooManyEditors:
        messages.error(
            request, _("A collection has at most %(most)d editors.") % {"most": editors.MAX_EDITORS}
        )
    except positions.Gone:
        raise Http404 from None
    else:
        message = _("%(name)s can add to this collection, arrange it and take pictures out.")
        messages.success(request, message % {"name": editor.shown_name})
    return redirect_to_collection(collection, "people")


def _may_try(user_id: int) -> bool:
    counted = rate_limits.count(_AN_HOUR, "editors", str(user_id))
    return counted is None or counted.passed


@require_POST
@member_required
def remove(request: HttpRequest, public_id: str) -> HttpResponse:
    """Remove an editor; their items leave the collection with them."""
    collection = querysets.owned(user_of(request), public_id)
    name = safe_text.line(request.POST.get("username", "")[:160], 150)
    editor = or_404(editors.for_collection(collection).filter(user__username=name).first()).user
    try:
        editors.remove(collection, editor)
    except positions.Gone:
        raise Http404 from None
    message = _("%(name)s no longer sees this collection. Their pictures have left it.")
    messages.success(request, message % {"name": editor.shown_name})
    return redirect_to_collection(collection, "people")


@require_POST
@member_required
def leave(request: HttpRequest, public_id: str) -> HttpResponse:
    """Leave somebody else's collection; one's own items leave it too."""
    user = user_of(request)
    collection = querysets.edited(user, public_id)
    try:
        was_editor = editors.remove(collection, user)
    except positions.Gone:
        raise Http404 from None
    if not was_editor:
        # The owner cannot leave, only delete the collection.
        raise Http404
    message = _("You left “%(title)s”. Your pictures are in your library alone.")
    messages.success(request, message % {"title": collection.title})
    return HttpResponseRedirect(reverse("collections"))
