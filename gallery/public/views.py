"""Pages of the public gallery: lists, items and their pictures."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import member_required, user_of, visible_to_visitors
from accounts.models import User
from core.http.pages import page
from core.http.public_origin import trusted_origin
from core.http.redirects import safe_next
from gallery.items import access, details, item_tags, justified_rows, tiles
from gallery.library.views import neighbours
from gallery.models import Follow, Item, ReaderChoice, Tag
from gallery.public import public_lists
from gallery.public.image_responses import open_graph, send_picture
from gallery.public.reader_preferences import Reader, reader_of, set_sensitive
from gallery.search import results
from predictions.models import HostedModel

PAGE = public_lists.PAGE
MAX_SEARCH = 200
MAX_COUNTED = 1000
"""Counts beyond this are shown as "1,000+"."""


@require_safe
@visible_to_visitors
def gallery(request: HttpRequest) -> HttpResponse:
    """Public items, newest first, or the results of a search."""
    reader, after, sought = reader_of(request), request.GET.get("after", ""), _search_text(request)
    if sought:
        found = results.public_page(sought, PAGE, after, within=public_lists.base_queryset(reader))
    else:
        found = public_lists.newest(reader, PAGE, after)
    return _list(request, reader, found, "newest", reverse("gallery"), sought=sought)


@require_safe
@visible_to_visitors
def week(request: HttpRequest) -> HttpResponse:
    """The most liked of the last seven days."""
    reader = reader_of(request)
    found = public_lists.week(reader, PAGE, request.GET.get("after", ""))
    return _list(request, reader, found, "week", reverse("gallery_week"))


@require_safe
@member_required
def following(request: HttpRequest) -> HttpResponse:
    """New items of members whom the viewer follows."""
    reader = reader_of(request)
    found = public_lists.followed(reader, PAGE, request.GET.get("after", ""))
    return _list(request, reader, found, "following", reverse("gallery_following"))


@require_safe
@visible_to_visitors
def tag(request: HttpRequest, name: str) -> HttpResponse:
    """Items with a tag; other spellings redirect to the normal form."""
    folded = item_tags.normalize(name[: item_tags.MAX_LENGTH * 4])
    tag_row = Tag.objects.filter(name=folded).first() if folded else None
    if tag_row is None:
        raise Http404
    if name != folded:
        return HttpResponseRedirect(reverse("gallery_tag", args=[folded]))
    reader = reader_of(request)
    found = public_lists.tagged(reader, tag_row, PAGE, request.GET.get("after", ""))
    place = reverse("gallery_tag", args=[tag_row.name])
    return _list(
        request, reader, found, "tag", place, tag=tag_row, feed=reverse("feed_tag", args=[tag_row.name])
    )


@require_safe
@visible_to_visitors
def author(request: HttpRequest, username: str) -> HttpResponse:
    """Public items of a member. A member without any has no page, so that user names can't be guessed by it."""
    member = public_author(request, username)
    reader = reader_of(request)
    found = public_lists.of_author(reader, member, PAGE, request.GET.get("after", ""))
    public = Item.objects.public().filter(user=member)
    about: dict[str, Any] = {
        "author": member,
        "published": public.order_by().values("pk")[: MAX_COUNTED + 1].count(),
        "followers": Follow.objects.filter(followed=member)
        .order_by()
        .values("pk")[: MAX_COUNTED + 1]
        .count(),
        "counted": MAX_COUNTED,
        "follows": reader.user is not None and is_following(reader.user, member),
        "feed": reverse("feed_author", args=[member.username]),
    }
    return _list(request, reader, found, "author", reverse("gallery_author", args=[member.username]), **about)


def public_author(request: HttpRequest, username: str) -> User:
    """An active user with public items, or the viewer themselves; 404 otherwise."""
    member = access.or_404(User.objects.filter(username=username, is_active=True).first())
    if member == request.user or Item.objects.public().filter(user=member).exists():
        return member
    raise Http404


def is_following(user: User, other: User) -> bool:
    """Whether `user` follows `other`."""
    return Follow.objects.filter(follower=user, followed=other).exists()


@require_safe
@visible_to_visitors
def model(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """Items made by one model."""
    hosted_model = access.or_404(HostedModel.objects.filter(owner=owner, name=name).first())
    reader = reader_of(request)
    found = public_lists.of_model(reader, hosted_model, PAGE, request.GET.get("after", ""))
    place = reverse("gallery_model", args=[owner, name])
    if (
        not found.rows
        and not request.GET.get("after")
        and not Item.objects.public().filter(model=hosted_model).exists()
    ):
        # Which models exist without public items is shown in the studio, not here.
        raise Http404
    return _list(request, reader, found, "model", place, model=hosted_model)


def _list(
    request: HttpRequest, reader: Reader, found: public_lists.Found, kind: str, place: str, **about: Any
) -> HttpResponse:
    """A page of a list, or only its rows where they are appended to an open page."""
    query = {"q": about["sought"]} if about.get("sought") else {}
    older = f"{place}?{urlencode({**query, 'after': found.next})}" if found.next else ""
    context: dict[str, Any] = {
        "group": tiles.group(found.rows, own=False, widths=justified_rows.GALLERY, more=bool(found.next)),
        "older": older,
        "first": "after" not in request.GET,
        "kind": kind,
        "place": place,
        "canonical": trusted_origin(request) + place,
        "uncovered": reader.shows,
        "reader": reader,
        **about,
    }
    if request.headers.get("HX-Request") == "true" and "after" in request.GET:
        return page(request, "public/_rows.html", context)
    context |= {
        "tags": public_lists.current_tags(),
        "choices": ReaderChoice.Sensitive.choices,
        "feed": about.get("feed", reverse("feed_newest")),
    }
    response = page(request, "public/gallery.html", context)
    if query or "after" in request.GET or kind == "following":
        response["X-Robots-Tag"] = "noindex, follow"
    return response


def _search_text(request: HttpRequest) -> str:
    return request.GET.get("q", "")[:MAX_SEARCH].replace("\0", "").strip()


@require_POST
@member_required
def set_preferences(request: HttpRequest) -> HttpResponse:
    """Store how the member wants sensitive pictures shown."""
    try:
        set_sensitive(user_of(request), request.POST.get("sensitive", ""))
    except ValueError:
        raise Http404 from None
    return HttpResponseRedirect(safe_next(request, reverse("gallery")))


@require_safe
@visible_to_visitors
def item(request: HttpRequest, public_id: str) -> HttpResponse:
    """The page of a public or unlisted item, for everybody."""
    return item_page(request, access.published(public_id))


def item_page(request: HttpRequest, item: Item, *, status: int = 200, **more: Any) -> HttpResponse:
    """The page of one open item; `more` are forms with errors that replace the unbound ones."""
    account, reader = access.account_of(request.user), reader_of(request)
    mine = account is not None and account.pk == item.account_id
    uncovered = mine or "show" in request.GET
    reported = not mine and reader.has_reported(item)
    list_items = public_lists.base_queryset(reader)
    if not reader.shows:
        list_items = list_items.filter(sensitive=False)
    context = {
        "item": item,
        "tile": tiles.Tile(item, own=False),
        "own": False,
        "mine": mine,
        "reported": reported,
        "veiled": not uncovered and (reported or (item.sensitive and not reader.shows)),
        "facts": details.for_item(item, public=True),
        "listed": item.is_public,
        **open_graph(request, item, reverse("item_picture", args=[item.public_id, "medium"])),
        # An item in no list has no neighbours either.
        **(neighbours(list_items, "published_at", item) if item.is_public else {}),
        **more,
    }
    response = page(request, "items/item.html", context, status=status)
    if not item.is_public:
        response["X-Robots-Tag"] = "noindex, nofollow"
    return response


@require_safe
@visible_to_visitors
def picture(request: HttpRequest, public_id: str, size: str) -> HttpResponse:
    """An item's picture, while it is open, or for its owner. Access is checked at each request."""
    item = access.visible(request.user, public_id)
    own = access.account_of(request.user)
    response = send_picture(
        request, item, size, show_prompt=item.show_prompt or (own is not None and own.pk == item.account_id)
    )
    if not item.is_public:
        response["X-Robots-Tag"] = "noindex, nofollow"
    return response
