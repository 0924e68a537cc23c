"""Pages to add items to a collection, from an item or the library's selection, and to take an own item out."""

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
from gallery.collections.views import collection_url, too_many_collections, too_many_items
from gallery.items import access
from gallery.models import Collection, Item

CHOICES = 500
"""Collections offered; as many as one account may have."""
MAX_IDS = 1000


@require_safe
@member_required
def pick(request: HttpRequest) -> HttpResponse:
    """The form that asks for the collection, for the items in `ids`; a script may add more ids to the form.

    A fragment for htmx, else a page of its own.
    """
    ids = querysets.valid_ids(request.GET.getlist("ids") + request.GET.getlist("ids[]"))[:MAX_IDS]
    context = {"choices": choices(request), "ids": ids, "next": request.GET.get("next", "")}
    part = request.headers.get("HX-Request") == "true"
    return page(request, "collections/_pick.html" if part else "collections/pick.html", context)


def choices(request: HttpRequest) -> list[Collection]:
    """Collections that the member may add to: own ones first, then the last changed."""
    user = user_of(request)
    own = Case(When(account=user.account, then=Value(0)), default=Value(1), output_field=IntegerField())
    rows = querysets.editable(user).select_related("user").order_by(own, "-changed_at", "-id")
    return list(rows[:CHOICES])


@require_POST
@member_required
def add(request: HttpRequest) -> HttpResponse:
    """Add the items in `ids` to `collection`, or to a new one called `title`.

    Where an id is not of an own item it answers 404, and nothing is added.
    """
    ids = querysets.valid_ids(request.POST.getlist("ids") + request.POST.getlist("ids[]"))
    if len(request.POST.getlist("ids")) + len(request.POST.getlist("ids[]")) > MAX_IDS:
        return _refused_response(request, _("At most %(most)d pictures at once.") % {"most": MAX_IDS})
    items = _own_items(request, ids)
    try:
        collection = _target_collection(request)
        count = curation.add(collection, items, user_of(request))
    except curation.NoTitle:
        return _refused_response(request, _("Choose a collection, or give a new one a title."))
    except curation.TooManyCollections:
        return _refused_response(request, too_many_collections())
    except curation.TooManyItems:
        return _refused_response(request, too_many_items())
    except permissions.Suspended as refused:
        return _refused_response(request, refused.message)
    except positions.Gone:
        raise Http404 from None
    return _added_response(request, collection, count)


def _own_items(request: HttpRequest, ids: list[str]) -> list[Item]:
    """The items in the order of `ids`; Http404 where one is not the account's own."""
    rows = Item.objects.owned_by(account_of(request))
    found: dict[str, Item] = {}
    for start in range(0, len(ids), 400):
        batch = rows.filter(public_id__in=ids[start : start + 400])
        found |= {item.public_id: item for item in batch.only("pk", "public_id")}
    if not ids or len(found) < len(ids):
        raise Http404
    return [found[public_id] for public_id in ids]


def _target_collection(request: HttpRequest) -> Collection:
    title, collection_id = request.POST.get("title", ""), request.POST.get("collection", "")
    if collection_id and collection_id != "new":
        if not querysets.valid_ids([collection_id]):
            raise Http404
        return querysets.edited(user_of(request), collection_id)
    return curation.create(user_of(request), title[: 4 * curation.MAX_TITLE])


def _added_response(request: HttpRequest, collection: Collection, count: int) -> HttpResponse:
    address = collection_url(collection)
    message = (
        ngettext("%(n)d added to “%(title)s”.", "%(n)d added to “%(title)s”.", count)
        if count
        else _("All of them were in “%(title)s” already.")
    )
    sentence = message % {"n": count, "title": collection.title}
    if request.headers.get("HX-Request") == "true":
        return page(request, "collections/_added.html", {"sentence": sentence, "address": address})
    link = format_html('{} <a href="{}">{}</a>', sentence, address, _("Open it"))
    messages.success(request, link)
    return HttpResponseRedirect(safe_next(request, address))


def _refused_response(request: HttpRequest, sentence: str) -> HttpResponse:
    """Why nothing was added: inside the form for htmx, else as a message."""
    if request.headers.get("HX-Request") == "true":
        ids = querysets.valid_ids(request.POST.getlist("ids") + request.POST.getlist("ids[]"))[:MAX_IDS]
        context = {"choices": choices(request), "ids": ids, "wrong": sentence}
        return page(request, "collections/_pick.html", context, status=422)
    messages.error(request, sentence)
    return HttpResponseRedirect(safe_next(request, "/library/collections/"))


@require_POST
@member_required
def remove_own_item(request: HttpRequest, public_id: str, collection_id: str) -> HttpResponse:
    """Take an own item out of a collection, whoever owns that."""
    item = access.owned(request.user, public_id)
    row = access.or_404(Collection.objects.filter(public_id=collection_id, entries__item=item).first())
    curation.remove_own_item(item, row)
    messages.success(request, _("Taken out of “%(title)s”.") % {"title": row.title})
    return HttpResponseRedirect(safe_next(request, f"/library/{item.public_id}/"))
