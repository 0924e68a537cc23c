"""Create and withdraw share links of a collection. For its owner; editors can't."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from accounts.auth.member_pages import member_required, user_of
from gallery.collections import querysets
from gallery.collections.views import collection_page, redirect_to_collection
from gallery.models import ShareLink
from gallery.shares.views import create_link, withdraw_link


@require_POST
@member_required
def share(request: HttpRequest, public_id: str) -> HttpResponse:
    """Create a share link of a collection."""
    collection = querysets.owned(user_of(request), public_id)
    form = create_link(request, collection)
    if form is not None:
        return collection_page(request, collection, status=422, share_form=form)
    return redirect_to_collection(collection, "share")


@require_POST
@member_required
def withdraw(request: HttpRequest, public_id: str, link_id: int) -> HttpResponse:
    """End a share link of a collection for good."""
    collection = querysets.owned(user_of(request), public_id)
    withdraw_link(request, ShareLink.objects.filter(collection=collection), link_id)
    return redirect_to_collection(collection, "share")
