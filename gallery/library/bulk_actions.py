"""Bulk actions on selected items: trash, restore, publish, collect, download, delete. Work without scripts.

A script (`Accept: application/json`) gets JSON with the message to show; any other form post is redirected to a
page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    QueryDict,
    StreamingHttpResponse,
)
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import account_of, member_required, user_of
from accounts.models import User
from core import timezones
from core.http.redirects import safe_next
from gallery import permissions
from gallery.collections import curation, positions
from gallery.items import publication
from gallery.items.forms import PublishForm
from gallery.library import item_filters, item_queries, selection, toasts, trash, zip_download
from gallery.library.selection import Selection
from gallery.models import Item
from predictions.files import media

MAX_PUBLISHED = 1000
"""Items per request for publishing and collecting, which work item by item."""
_BATCH = 50


class Refusal(Exception):
    """An action that is not carried out; the message is for the member."""


@dataclass(frozen=True)
class ActionResult:
    """The result of an action: count, message, and the moment that identifies it for undo, where it can be
    undone."""

    count: int
    words: str
    at: datetime | None = None
    gone: bool = False
    """Whether the items have left the list they were selected in."""


@require_POST
@member_required
def bulk(request: HttpRequest) -> HttpResponse:
    """Run one action (field `deed`) on the selected items."""
    action = _ACTIONS.get(request.POST.get("deed", ""))
    with timezone.override(timezones.for_reader(request)):
        try:
            if action is None:
                raise Refusal(_("Choose what to do with them."))
            chosen = selection.from_form(user_of(request), request.POST)
            if not len(chosen):
                raise Refusal(_("Select pictures first."))
            return _answer(request, action(request, chosen))
        except selection.TooMany:
            return _refused(request, _("Up to 10,000 pictures at once."))
        except Refusal as refusal:
            return _refused(request, str(refusal))


def _trash(request: HttpRequest, chosen: Selection) -> ActionResult:
    at = trash.now()
    count = trash.move_ids(account_of(request), chosen.pks, at=at)
    return ActionResult(count, toasts.in_trash(count), at, gone=True)


def _publish(request: HttpRequest, chosen: Selection) -> ActionResult:
    form = PublishForm(request.POST)
    if not form.is_valid():
        raise Refusal(" ".join(str(fault) for faults in form.errors.values() for fault in faults))
    _check_limit(chosen)
    user = user_of(request)
    try:
        count = sum(
            publication.publish_many(batch, form.cleaned_data, by=user) for batch in _items(user, chosen)
        )
    except permissions.Suspended as refused:
        raise Refusal(refused.message) from None
    waiting = Item.objects.filter(pk__in=chosen.pks, review=Item.Review.WAITING).count()
    return ActionResult(count, toasts.published(count, len(chosen), waiting))


def _unpublish(request: HttpRequest, chosen: Selection) -> ActionResult:
    _check_limit(chosen)
    count = sum(publication.unpublish_many(batch) for batch in _items(user_of(request), chosen))
    return ActionResult(count, toasts.unpublished(count))


def _collect(request: HttpRequest, chosen: Selection) -> ActionResult:
    user = user_of(request)
    try:
        collection = _collection(user, request.POST)
        items = [item for batch in _items(user, chosen) for item in batch]
        count = curation.add(collection, items, user)
    except curation.NoTitle:
        raise Refusal(_("Choose a collection, or name a new one.")) from None
    except curation.TooManyCollections:
        raise Refusal(_("There are 500 collections already. Choose one of them.")) from None
    except curation.TooManyItems:
        raise Refusal(_("A collection holds up to 10,000 pictures; these would be more.")) from None
    except permissions.Suspended as refused:
        raise Refusal(refused.message) from None
    except positions.Gone:
        raise Refusal(_("That collection is no longer there.")) from None
    return ActionResult(count, toasts.collected(count, len(items), collection.title))


def _collection(user: User, form: QueryDict) -> Any:
    """The selected collection, or a new one of that title. Raises Refusal, and what creating one raises."""
    public_id = form.get("collection", "")
    if not public_id:
        return curation.create(user, form.get("new_collection", ""))
    found = item_filters.collections_of(user).filter(public_id=item_filters.valid_id(public_id)).first()
    if found is None:
        raise Refusal(_("That collection is no longer there."))
    return found


_ACTIONS: dict[str, Callable[[HttpRequest, Selection], ActionResult]] = {
    "trash": _trash,
    "publish": _publish,
    "unpublish": _unpublish,
    "collect": _collect,
}


def _check_limit(chosen: Selection) -> None:
    if len(chosen) > MAX_PUBLISHED:
        raise Refusal(_("Up to 1,000 pictures at once. Choose fewer."))


def _items(user: User, chosen: Selection) -> Any:
    """The selected items in batches, in order; those that are still the member's own when their batch comes."""
    assert user.account is not None
    for pks in chosen.batches(_BATCH):
        found = Item.objects.owned_by(user.account).in_bulk(pks)
        yield [found[pk] for pk in pks if pk in found]


@require_POST
@member_required
def download_zip(request: HttpRequest) -> HttpResponse:
    """A zip of the selected items, streamed while it is built."""
    account = account_of(request)
    with timezone.override(timezones.for_reader(request)):
        try:
            chosen = selection.from_form(user_of(request), request.POST)
        except selection.TooMany:
            return _refused(request, _("Up to 10,000 pictures at once."))
        if not len(chosen):
            return _refused(request, _("Select pictures first."))
        name = f"darkroom-{timezone.localdate():%Y-%m-%d}.zip"
    media.require_storage()
    response = StreamingHttpResponse(zip_download.stream(account, chosen.pks), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response  # type: ignore[return-value]  # (a view may stream; Django's stubs keep the two apart)


@require_safe
@member_required
def selection_size(request: HttpRequest) -> HttpResponse:
    """How many items match the filter of the URL, and their size: what "select all" would cover."""
    with timezone.override(timezones.for_reader(request)):
        measure = item_queries.measure(user_of(request), item_filters.from_params(request.GET.dict()))
    count = f"{measure.count:,}{'+' if measure.more else ''}"
    answer = {
        "count": measure.count,
        "more": measure.more,
        "words": count,
        "bytes": measure.bytes,
        "size": filesizeformat(measure.bytes),
    }
    return JsonResponse(answer, headers={"Cache-Control": "private, no-store"})


@require_POST
@member_required
def restore(request: HttpRequest) -> HttpResponse:
    """Restore from the trash: what was moved at one moment (`at`), or what was selected there."""
    account = account_of(request)
    at = selection.from_param(request.POST.get("at", ""))
    try:
        if at is not None:
            count = trash.restore_moved_at(account, at)
        else:
            count = trash.restore(account, selection.public_ids(request.POST))
    except selection.TooMany:
        return _refused(request, _("Up to 10,000 pictures at once."))
    if not count:
        return _refused(request, _("Nothing was brought back: it is no longer in the trash."))
    return _answer(request, ActionResult(count, toasts.restored(count), gone=at is None))


@require_POST
@member_required
def erase(request: HttpRequest) -> HttpResponse:
    """Delete selected items from the trash for good, or with `all` everything in it."""
    account = account_of(request)
    try:
        if request.POST.get("all") == "1":
            count = trash.empty(account)
        else:
            count = trash.delete_now(account, selection.public_ids(request.POST))
    except selection.TooMany:
        return _refused(request, _("Up to 10,000 pictures at once."))
    if not count:
        return _refused(request, _("Select pictures first."))
    return _answer(request, ActionResult(count, toasts.deleted(count), gone=True))


def _answer(request: HttpRequest, result: ActionResult) -> HttpResponse:
    if _wants_json(request):
        undo = selection.to_param(result.at) if result.at and result.count else ""
        return JsonResponse({"count": result.count, "words": result.words, "undo": undo, "gone": result.gone})
    if result.at is not None:
        toasts.show_moved_to_trash(request, result.count, result.at)
    else:
        messages.success(request, result.words)
    return HttpResponseRedirect(safe_next(request, reverse("library")))


def _refused(request: HttpRequest, message: str) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"detail": message}, status=422)
    messages.error(request, message)
    return HttpResponseRedirect(safe_next(request, reverse("library")))


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")
