"""Deeds on several pictures at once: into the trash and back, publish, collect, download. Forms first, scripts second.

A form that a script sent (`Accept: application/json`) is answered with what to say; any other leads back to a page.
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
from core.http.pages import reader_zone
from core.http.redirects import safe_next
from gallery import permissions
from gallery.collections import curation, positions
from gallery.items import publication
from gallery.items.forms import PublishForm
from gallery.library import item_filters, item_queries, selection, toasts, trash, zip_download
from gallery.library.selection import Chosen
from gallery.models import Item
from predictions.files import media

MOST_PUBLISHED = 1000
"""Pictures that are published or collected at once: each of them is looked at on its own."""
_SOME = 50


class Refusal(Exception):
    """A deed that is not done, in words for the member."""


@dataclass(frozen=True)
class Done:
    """What was done: how many, in words, and the moment by which it is undone where it can be."""

    count: int
    words: str
    at: datetime | None = None
    gone: bool = False
    """Whether the pictures are no longer where they were chosen."""


@require_POST
@member_required
def bulk(request: HttpRequest) -> HttpResponse:
    """Do one `deed` with everything that was chosen."""
    deed = _DEEDS.get(request.POST.get("deed", ""))
    with timezone.override(reader_zone(request)):
        try:
            if deed is None:
                raise Refusal(_("Choose what to do with them."))
            chosen = selection.chosen(user_of(request), request.POST)
            if not len(chosen):
                raise Refusal(_("Select pictures first."))
            return _told(request, deed(request, chosen))
        except selection.TooMany:
            return _refused(request, _("Up to 10,000 pictures at once."))
        except Refusal as refusal:
            return _refused(request, str(refusal))


def _into_trash(request: HttpRequest, chosen: Chosen) -> Done:
    at = trash.now()
    count = trash.move_ids(account_of(request), chosen.pks, at=at)
    return Done(count, toasts.in_trash(count), at, gone=True)


def _publish(request: HttpRequest, chosen: Chosen) -> Done:
    form = PublishForm(request.POST)
    if not form.is_valid():
        raise Refusal(" ".join(str(fault) for faults in form.errors.values() for fault in faults))
    _few(chosen)
    user = user_of(request)
    try:
        count = sum(
            publication.publish_many(some, form.cleaned_data, by=user) for some in _items(user, chosen)
        )
    except permissions.Suspended as refused:
        raise Refusal(refused.words) from None
    waiting = Item.objects.filter(pk__in=chosen.pks, review=Item.Review.WAITING).count()
    return Done(count, toasts.published(count, len(chosen), waiting))


def _unpublish(request: HttpRequest, chosen: Chosen) -> Done:
    _few(chosen)
    count = sum(publication.unpublish_many(some) for some in _items(user_of(request), chosen))
    return Done(count, toasts.unpublished(count))


def _collect(request: HttpRequest, chosen: Chosen) -> Done:
    user = user_of(request)
    try:
        collection = _collection(user, request.POST)
        items = [item for some in _items(user, chosen) for item in some]
        count = curation.add(collection, items, user)
    except curation.NoTitle:
        raise Refusal(_("Choose a collection, or name a new one.")) from None
    except curation.TooManyCollections:
        raise Refusal(_("There are 500 collections already. Choose one of them.")) from None
    except curation.TooManyItems:
        raise Refusal(_("A collection holds up to 10,000 pictures; these would be more.")) from None
    except permissions.Suspended as refused:
        raise Refusal(refused.words) from None
    except positions.Gone:
        raise Refusal(_("That collection is no longer there.")) from None
    return Done(count, toasts.collected(count, len(items), collection.title))


def _collection(user: User, form: QueryDict) -> Any:
    """The chosen collection, or a new one of that title. Raises Refusal, and what making one raises."""
    public_id = form.get("collection", "")
    if not public_id:
        return curation.create(user, form.get("new_collection", ""))
    found = item_filters.collections_of(user).filter(public_id=item_filters.word(public_id)).first()
    if found is None:
        raise Refusal(_("That collection is no longer there."))
    return found


_DEEDS: dict[str, Callable[[HttpRequest, Chosen], Done]] = {
    "trash": _into_trash,
    "publish": _publish,
    "unpublish": _unpublish,
    "collect": _collect,
}


def _few(chosen: Chosen) -> None:
    if len(chosen) > MOST_PUBLISHED:
        raise Refusal(_("Up to 1,000 pictures at once. Choose fewer."))


def _items(user: User, chosen: Chosen) -> Any:
    """The chosen items in lists of some, in order; still the member's own when their turn comes."""
    assert user.account is not None
    for pks in chosen.batches(_SOME):
        found = Item.objects.owned_by(user.account).in_bulk(pks)
        yield [found[pk] for pk in pks if pk in found]


@require_POST
@member_required
def archived(request: HttpRequest) -> HttpResponse:
    """A zip of what was chosen, sent while it is made."""
    account = account_of(request)
    with timezone.override(reader_zone(request)):
        try:
            chosen = selection.chosen(user_of(request), request.POST)
        except selection.TooMany:
            return _refused(request, _("Up to 10,000 pictures at once."))
        if not len(chosen):
            return _refused(request, _("Select pictures first."))
        name = f"darkroom-{timezone.localdate():%Y-%m-%d}.zip"
    media.require_storage()
    answer = StreamingHttpResponse(zip_download.stream(account, chosen.pks), content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "private, no-store"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer  # type: ignore[return-value]  # (a view may stream; Django's stubs keep the two apart)


@require_safe
@member_required
def measured(request: HttpRequest) -> HttpResponse:
    """How many pictures the filter of the address lets through, and their size: what "all" would mean."""
    with timezone.override(reader_zone(request)):
        found = item_queries.measured(user_of(request), item_filters.read(request.GET.dict()))
    words = f"{found.count:,}{'+' if found.more else ''}"
    told = {
        "count": found.count,
        "more": found.more,
        "words": words,
        "bytes": found.bytes,
        "size": filesizeformat(found.bytes),
    }
    return JsonResponse(told, headers={"Cache-Control": "private, no-store"})


@require_POST
@member_required
def restore(request: HttpRequest) -> HttpResponse:
    """Bring back from the trash: what was moved together at a moment (`at`), or what was chosen there."""
    account = account_of(request)
    at = selection.moment(request.POST.get("at", ""))
    try:
        if at is not None:
            count = trash.restore_moved_at(account, at)
        else:
            count = trash.restore(account, selection.public_ids(request.POST))
    except selection.TooMany:
        return _refused(request, _("Up to 10,000 pictures at once."))
    if not count:
        return _refused(request, _("Nothing was brought back: it is no longer in the trash."))
    return _told(request, Done(count, toasts.restored(count), gone=at is None))


@require_POST
@member_required
def erase(request: HttpRequest) -> HttpResponse:
    """Delete what was chosen in the trash for good, or with `all` everything in it."""
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
    return _told(request, Done(count, toasts.deleted(count), gone=True))


def _told(request: HttpRequest, done: Done) -> HttpResponse:
    if _wants_json(request):
        undo = selection.stamp(done.at) if done.at and done.count else ""
        return JsonResponse({"count": done.count, "words": done.words, "undo": undo, "gone": done.gone})
    if done.at is not None:
        toasts.moved(request, done.count, done.at)
    else:
        messages.success(request, done.words)
    return HttpResponseRedirect(safe_next(request, reverse("library")))


def _refused(request: HttpRequest, words: str) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"detail": words}, status=422)
    messages.error(request, words)
    return HttpResponseRedirect(safe_next(request, reverse("library")))


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")
