"""Create and withdraw share links of a collection. For its owner; editors can't."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from accounts.auth.member_pages import member_required, user_of
from gallery.collections import querysets
from gallery.collections.views import back, own_page
from gallery.models import ShareLink
from gallery.shares.views import end, make


@require_POST
@member_required
def share(request: HttpRequest, public_id: str) -> HttpResponse:
    """Create a share link of a collection."""
    collection = querysets.owned(user_of(request), public_id)
    form = make(request, collection)
    if form is not None:
        return own_page(request, collection, status=422, share_form=form)
    return back(collection, "share")


@require_POST
@member_required
def withdraw(request: HttpRequest, public_id: str, link_id: int) -> HttpResponse:
    """End a share link of a collection for good."""
    collection = querysets.owned(user_of(request), public_id)
    end(request, ShareLink.objects.filter(collection=collection), link_id)
    return back(collection, "share")
