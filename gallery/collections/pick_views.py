"""Putting pictures into collections: from an item's page, and from the library's selection."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Case, IntegerField, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import account_of, member_required, user_of
from core.http.pages import page
from core.http.redirects import safe_next
from gallery import permissions
from gallery.collections import curation, positions, querysets
from gallery.collections.views import own_address, too_many_collections, too_many_items
from gallery.items import access
from gallery.models import Collection, Item

CHOICES = 500
"""Collections to choose from; as many as one account may have."""
MAX_IDS = 1000


@require_safe
@member_required
def pick(request: HttpRequest) -> HttpResponse:
    """The form that asks for the collection, for the items in `ids`; a script may add further ones to the form.

    A fragment for htmx, else a page of its own.
    """
    ids = querysets.valid_ids(request.GET.getlist("ids") + request.GET.getlist("ids[]"))[:MAX_IDS]
    context = {"choices": choices(request), "ids": ids, "next": request.GET.get("next", "")}
    part = request.headers.get("HX-Request") == "true"
    return page(request, "collections/_pick.html" if part else "collections/pick.html", context)


def choices(request: HttpRequest) -> list[Collection]:
    """What the member may add to, own ones first, then the last changed."""
    user = user_of(request)
    own = Case(When(account=user.account, then=Value(0)), default=Value(1), output_field=IntegerField())
    rows = querysets.editable(user).select_related("user").order_by(own, "-changed_at", "-id")
    return list(rows[:CHOICES])


@require_POST
@member_required
def add(request: HttpRequest) -> HttpResponse:
    """Put the items in `ids` into `collection`, or into a new one called `title`.

    An id that is not of an own item is 404, and nothing is added.
    """
    ids = querysets.valid_ids(request.POST.getlist("ids") + request.POST.getlist("ids[]"))
    if len(request.POST.getlist("ids")) + len(request.POST.getlist("ids[]")) > MAX_IDS:
        return _refused(request, _("At most %(most)d pictures at once.") % {"most": MAX_IDS})
    items = _own(request, ids)
    try:
        collection = _chosen(request)
        count = curation.add(collection, items, user_of(request))
    except curation.NoTitle:
        return _refused(request, _("Choose a collection, or give a new one a title."))
    except curation.TooManyCollections:
        return _refused(request, too_many_collections())
    except curation.TooManyItems:
        return _refused(request, too_many_items())
    except permissions.Suspended as refused:
        return _refused(request, refused.words)
    except positions.Gone:
        raise Http404 from None
    return _added(request, collection, count)


def _own(request: HttpRequest, ids: list[str]) -> list[Item]:
    """The items, in the order in which they were named; Http404 where one is not the account's own."""
    rows = Item.objects.owned_by(account_of(request))
    found: dict[str, Item] = {}
    for start in range(0, len(ids), 400):
        some = rows.filter(public_id__in=ids[start : start + 400])
        found |= {item.public_id: item for item in some.only("pk", "public_id")}
    if not ids or len(found) < len(ids):
        raise Http404
    return [found[one] for one in ids]


def _chosen(request: HttpRequest) -> Collection:
    title, chosen = request.POST.get("title", ""), request.POST.get("collection", "")
    if chosen and chosen != "new":
        if not querysets.valid_ids([chosen]):
            raise Http404
        return querysets.edited(user_of(request), chosen)
    return curation.create(user_of(request), title[: 4 * curation.MAX_TITLE])


def _added(request: HttpRequest, collection: Collection, count: int) -> HttpResponse:
    address = own_address(collection)
    said = (
        ngettext("%(n)d added to “%(title)s”.", "%(n)d added to “%(title)s”.", count)
        if count
        else _("All of them were in “%(title)s” already.")
    )
    sentence = said % {"n": count, "title": collection.title}
    if request.headers.get("HX-Request") == "true":
        return page(request, "collections/_added.html", {"sentence": sentence, "address": address})
    link = format_html('{} <a href="{}">{}</a>', sentence, address, _("Open it"))
    messages.success(request, link)
    return HttpResponseRedirect(safe_next(request, address))


def _refused(request: HttpRequest, sentence: str) -> HttpResponse:
    """Why nothing was added: within the form where it is shown, else as a message."""
    if request.headers.get("HX-Request") == "true":
        ids = querysets.valid_ids(request.POST.getlist("ids") + request.POST.getlist("ids[]"))[:MAX_IDS]
        context = {"choices": choices(request), "ids": ids, "wrong": sentence}
        return page(request, "collections/_pick.html", context, status=422)
    messages.error(request, sentence)
    return HttpResponseRedirect(safe_next(request, "/library/collections/"))


@require_POST
@member_required
def take_back(request: HttpRequest, public_id: str, collection_id: str) -> HttpResponse:
    """Take an own item out of a collection, whoever keeps it."""
    item = access.owned(request.user, public_id)
    row = access.found(Collection.objects.filter(public_id=collection_id, entries__item=item).first())
    curation.take_back(item, row)
    messages.success(request, _("Taken out of “%(title)s”.") % {"title": row.title})
    return HttpResponseRedirect(safe_next(request, f"/library/{item.public_id}/"))
