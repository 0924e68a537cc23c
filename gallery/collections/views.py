"""Pages of a member's collections: the list, one collection, its items, and forms to create, edit and delete."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import account_of, member_required, user_of
from accounts.models import User
from core import pagination
from core.http.pages import page
from gallery import permissions
from gallery.collections import audiences, cards, curation, editors, picture_rows, positions, querysets
from gallery.collections.forms import CollectionForm, NewForm
from gallery.models import Collection, CollectionItem
from gallery.public.image_responses import send_picture
from gallery.public.reader_preferences import reader_of

PAGE = 24
PICTURES = 60


@require_safe
@member_required
def collections(request: HttpRequest) -> HttpResponse:
    """The member's collections and those they edit; the last changed first."""
    return list_page(request, NewForm())


def list_page(request: HttpRequest, form: Form, *, status: int = 200) -> HttpResponse:
    """The list with the form for a new collection."""
    user, account = user_of(request), account_of(request)
    rows = querysets.editable(user)
    show = request.GET.get("show", "")
    if show == "mine":
        rows = rows.filter(account=account)
    elif show == "others":
        rows = rows.exclude(account=account)
    found = pagination.page_or_newest(
        rows.select_related("user"), "changed_at", PAGE, request.GET.get("after", "")
    )
    reader = reader_of(request)
    context = {
        "cards": cards.cards(
            found.rows,
            lambda entries: querysets.for_members(entries, account),
            collection_url,
            lambda collection: audiences.members(user, collection, reader),
        ),
        "older": _older(reverse("collections"), found.next, show=show),
        "show": show if show in ("mine", "others") else "",
        "first": "after" not in request.GET,
        "form": form,
        "account": account,
    }
    part = request.headers.get("HX-Request") == "true" and "after" in request.GET
    return page(
        request, "collections/_cards.html" if part else "collections/list.html", context, status=status
    )


@require_POST
@member_required
def new(request: HttpRequest) -> HttpResponse:
    """Create an empty collection and redirect to it."""
    form = NewForm(request.POST)
    if not form.is_valid():
        return list_page(request, form, status=422)
    try:
        collection = curation.create(user_of(request), form.cleaned_data["title"])
    except curation.TooManyCollections:
        messages.error(request, too_many_collections())
    except permissions.Suspended as refused:
        messages.error(request, refused.message)
    else:
        return redirect_to_collection(collection)
    return HttpResponseRedirect(reverse("collections"))


@require_safe
@member_required
def collection(request: HttpRequest, public_id: str) -> HttpResponse:
    """One collection, for its owner and editors: as rows, or as a sheet to arrange."""
    return collection_page(request, querysets.edited(user_of(request), public_id))


def collection_page(
    request: HttpRequest, collection: Collection, *, status: int = 200, **forms: Form
) -> HttpResponse:
    """The page of a collection for its owner or an editor; `forms` with errors replace the unbound ones."""
    user, address = user_of(request), collection_url(collection)
    arrange = "arrange" in request.GET
    entries, older = positions.page(
        querysets.with_items(entries_for(user, collection)), request.GET.get("after", ""), PICTURES
    )
    presentation = audiences.members(user, collection, reader_of(request))
    context: dict[str, Any] = {
        "collection": collection,
        "owner": querysets.is_owner(user, collection),
        "rows": picture_rows.lay_out(entries, presentation, more=bool(older)),
        "older": _older(address, older, **({"arrange": "1"} if arrange else {})),
        "arrange": arrange,
        "first": "after" not in request.GET,
    }
    if request.headers.get("HX-Request") == "true" and "after" in request.GET:
        return page(request, "collections/_order_list.html" if arrange else "collections/_more.html", context)
    context |= {
        "looked_at_first": querysets.has_items_under_review(collection),
        "editors": list(editors.for_collection(collection)),
        "form": CollectionForm.of(collection),
        "people_form": None,
        **forms,
    }
    return page(request, "collections/own.html", context, status=status)


def entries_for(user: User, collection: Collection) -> QuerySet[CollectionItem]:
    """The entries as the owner or an editor sees them."""
    return querysets.for_members(CollectionItem.objects.filter(collection=collection), user.account)


@require_safe
@member_required
def item(request: HttpRequest, public_id: str, item_id: str) -> HttpResponse:
    """Another member's item in a collection that the viewer owns or edits."""
    user = user_of(request)
    collection = querysets.edited(user, public_id)
    entry = querysets.entry(entries_for(user, collection), item_id)
    if entry.item.account_id == user.account_id:
        return HttpResponseRedirect(reverse("library_item", args=[item_id]))
    presentation = audiences.members(user, collection, reader_of(request))
    context = {
        "collection": collection,
        "frame": picture_rows.Frame(entry.item, presentation),
        "item": entry.item,
    }
    return page(
        request,
        "collections/item.html",
        context | neighbours(entries_for(user, collection), entry, presentation),
    )


def neighbours(
    visible: QuerySet[CollectionItem], entry: CollectionItem, presentation: picture_rows.Presentation
) -> dict[str, Any]:
    """The URLs of the items before and after an entry, None where there is none."""
    rows = visible.select_related("item")
    before = rows.filter(positions.ahead(entry.place, entry.pk)).order_by("-place", "-id").first()
    after = rows.filter(positions.behind(entry.place, entry.pk)).order_by("place", "id").first()
    return {
        "newer": before and presentation.href(before.item),
        "older": after and presentation.href(after.item),
    }


@require_safe
@member_required
def picture(request: HttpRequest, public_id: str, item_id: str, size: str) -> HttpResponse:
    """A picture in a collection, for its owner and editors. Access is checked at each request."""
    user = user_of(request)
    entry = querysets.entry(entries_for(user, querysets.edited(user, public_id)), item_id)
    own = entry.item.account_id == user.account_id
    return send_picture(
        request, entry.item, size, show_prompt=own or (entry.item.is_open and entry.item.show_prompt)
    )


@require_POST
@member_required
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    """Change title, description and visibility."""
    collection = querysets.owned(user_of(request), public_id)
    form = CollectionForm(request.POST)
    if not form.is_valid():
        return collection_page(request, collection, status=422, form=form)
    data = form.cleaned_data
    user = user_of(request)
    try:
        curation.describe(collection, title=data["title"], description=data["description"], by=user)
        curation.set_visibility(collection, data["visibility"], by=user)
    except curation.Hidden:
        messages.error(request, _("A moderator hid this collection; it cannot be shown to others."))
    except permissions.Suspended as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("Saved."))
    return redirect_to_collection(collection)


@require_POST
@member_required
def delete(request: HttpRequest, public_id: str) -> HttpResponse:
    """Delete the collection with its share links; its items stay."""
    collection = querysets.owned(user_of(request), public_id)
    curation.delete(collection)
    messages.success(request, _("Deleted. Its pictures are still in your library."))
    return HttpResponseRedirect(reverse("collections"))


def redirect_to_collection(
    collection: Collection, fragment: str = "", *, arrange: bool = False
) -> HttpResponse:
    """Redirect to the page of a collection."""
    address = collection_url(collection) + ("?arrange=1" if arrange else "")
    return HttpResponseRedirect(f"{address}#{fragment}" if fragment else address)


def collection_url(collection: Collection) -> str:
    """The URL of a collection's page for its owner and editors."""
    return reverse("collection_own", args=[collection.public_id])


def _older(address: str, cursor: str, **query: str) -> str:
    params = {name: value for name, value in query.items() if value}
    return f"{address}?{urlencode({**params, 'after': cursor})}" if cursor else ""


def too_many_collections() -> str:
    """The message where the account has MAX_COLLECTIONS."""
    most = {"most": curation.MAX_COLLECTIONS}
    return _("You have %(most)d collections, as many as there may be. Delete one first.") % most


def too_many_items() -> str:
    """The message where the collection would exceed MAX_ITEMS."""
    return _("A collection holds at most %(most)s pictures; these would be too many. Nothing was added.") % {
        "most": f"{curation.MAX_ITEMS:,}"
    }
