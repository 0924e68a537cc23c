"""Template tag for the dialog that shares an item or a collection by link."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse

from core.http.pages import base_url
from gallery.models import Collection, Item, ShareLink
from gallery.shares.forms import ShareForm

register = template.Library()


@register.inclusion_tag("shares/_dialog.html", takes_context=True)
def share_dialog(context: Context, thing: Item | Collection) -> dict[str, Any]:
    """The form for a new link, with its errors after a failed post, and the open links."""
    request = context["request"]
    posted = context.get("share_form")
    item = isinstance(thing, Item)
    of = {"item": thing} if item else {"collection": thing}
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "share_form": posted if isinstance(posted, ShareForm) and posted.is_bound else ShareForm(),
        "links": list(ShareLink.objects.open().filter(**of)),
        "of_item": item,
        "base_url": base_url(request) if isinstance(request, HttpRequest) else "",
        "here": request.get_full_path() if isinstance(request, HttpRequest) else "",
        "action": reverse("item_share" if item else "collection_share", args=[thing.public_id]),
        "withdraw": "item_withdraw" if item else "collection_withdraw",
        "public_id": thing.public_id,
    }
