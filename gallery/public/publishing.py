"""Publishing an own picture, and taking it back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from gallery import access, sharing
from gallery.forms import PublishForm
from gallery.library.views import back, item_page
from gallery.models import Item
from gallery.pages import member, user_of


@require_POST
@member
def publish(request: HttpRequest, public_id: str) -> HttpResponse:
    """Open it to everybody, or to whoever has its address, with what its owner says of it."""
    item = access.owned(request.user, public_id)
    form = PublishForm(request.POST)
    if not form.is_valid():
        return item_page(request, item, status=422, publish_form=form)
    try:
        opened = sharing.publish(item, **form.cleaned_data, by=user_of(request))
    except sharing.Refused:
        messages.error(request, _("A moderator did not let this picture be published. You may appeal."))
    except sharing.Hidden:
        messages.error(request, _("A moderator hid this picture; it cannot be published."))
    except sharing.Suspended as refused:
        messages.error(request, refused.words)
    else:
        messages.success(request, _said(form.cleaned_data) if opened else WAITS)
    return back(item)


WAITS = gettext_lazy("A moderator looks at it first. Then it is public just as you wished, and you are told.")


def _said(chosen: dict[str, Any]) -> str:
    if chosen["visibility"] == Item.Visibility.UNLISTED:
        return _("Open to whoever has its address; no list shows it.")
    if chosen["show_prompt"]:
        return _("Public now, with its prompt.")
    return _("Public now. Your prompt stays hidden.")


@require_POST
@member
def unpublish(request: HttpRequest, public_id: str) -> HttpResponse:
    """Make it private again, at once."""
    item = access.owned(request.user, public_id)
    sharing.unpublish(item)
    messages.success(request, _("Private again. Its public page and pictures no longer open."))
    return back(item)
