"""Likes, follows and comments. Each answers a fragment to htmx, and redirects to a page otherwise."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import models
from accounts.auth.member_pages import member_required, user_of, visible_to_visitors
from accounts.site.feature_flags import FeatureOff
from core.http.pages import page
from core.http.redirects import safe_next
from gallery.items import access
from gallery.models import Comment, Item
from gallery.permissions import Suspended
from gallery.public.views import is_following, item_page, public_author
from gallery.social import discussion, follows, interaction_limits, item_panel, likes
from gallery.social.forms import CommentForm


@require_POST
@member_required
def like(request: HttpRequest, public_id: str) -> HttpResponse:
    """Like or unlike an open item or an own one."""
    item = access.visible(request.user, public_id)
    try:
        liked = likes.toggle(item, user_of(request))
    except Suspended as refused:
        messages.error(request, refused.message)
        return _back_to_item(request, item)
    except interaction_limits.TooMany as error:
        messages.error(request, error.message)
        return _back_to_item(request, item)
    if not _is_htmx(request):
        return _back_to_item(request, item)
    item.refresh_from_db(fields=["likes"])
    return page(request, "social/_like.html", {"item": item, "liked": liked})


@require_POST
@member_required
def follow(request: HttpRequest, username: str) -> HttpResponse:
    """Follow or unfollow a member with public items; one who has none any more can still be unfollowed."""
    user = user_of(request)
    followed = _to_follow(request, username)
    home = reverse("gallery_author", args=[followed.username])
    now = False
    try:
        now = follows.toggle(user, followed)
    except follows.CannotFollowSelf:
        messages.error(request, _("You cannot follow yourself."))
        return _reload(request, home)
    except follows.TooManyFollowed:
        message = _("You follow %(n)d members already. Leave one first.") % {"n": follows.MAX_FOLLOWED}
        messages.error(request, message)
        return _reload(request, home)
    except interaction_limits.TooMany as error:
        messages.error(request, error.message)
        return _reload(request, home)
    except Suspended as refused:
        messages.error(request, refused.message)
        return _reload(request, home)
    if _is_htmx(request):
        return page(request, "social/_follow.html", {"author": followed, "follows": now})
    return HttpResponseRedirect(safe_next(request, home))


def _to_follow(request: HttpRequest, username: str) -> models.User:
    try:
        return public_author(request, username)
    except Http404:
        member = access.or_404(models.User.objects.filter(username=username).first())
        if is_following(user_of(request), member):
            return member
        raise


@require_safe
@visible_to_visitors
def comments(request: HttpRequest, public_id: str) -> HttpResponse:
    """Older comments: the next page of the list, as a fragment or as a page of its own."""
    item = access.published(public_id)
    found = item_panel.comments(item, request.user, request.GET.get("after", ""))
    if _is_htmx(request):
        return page(request, "social/_comment_list.html", {"item": item, **found})
    return page(request, "social/comments.html", {"item": item, **found})


@require_POST
@member_required
def comment(request: HttpRequest, public_id: str) -> HttpResponse:
    """Post a comment under an open item."""
    item = access.published(public_id)
    form = CommentForm(request.POST)
    if form.is_valid():
        try:
            discussion.write(item, user_of(request), form.cleaned_data["text"])
        except discussion.EmptyComment:
            form.add_error("text", _("Write something that can be read."))
        except discussion.DuplicateComment:
            pass
        except interaction_limits.TooMany as error:
            form.add_error("text", error.message)
        except Suspended as refused:
            form.add_error("text", refused.message)
        except FeatureOff as off:
            form.add_error("text", str(off.detail))
    if not form.is_valid():
        return _with_errors(request, item, form)
    if _is_htmx(request):
        item.refresh_from_db(fields=["comments"])
        return page(
            request, "social/_comments.html", {"item": item, **item_panel.for_item(item, request.user)}
        )
    return HttpResponseRedirect(f"{reverse('gallery_item', args=[public_id])}#comments")


def _with_errors(request: HttpRequest, item: Item, form: CommentForm) -> HttpResponse:
    if _is_htmx(request):
        context = {"item": item, **item_panel.for_item(item, request.user, form=form)}
        return page(request, "social/_comments.html", context, status=422)
    return item_page(request, item, status=422, comment_form=form)


@require_POST
@member_required
def remove_comment(request: HttpRequest, number: int) -> HttpResponse:
    """Remove an own comment, or one under an own item; 404 for any other."""
    found = Comment.objects.filter(discussion.VISIBLE, pk=number).select_related("item").first()
    comment_row = access.or_404(found)
    if not discussion.may_remove(comment_row, user_of(request)):
        raise Http404
    discussion.remove(comment_row)
    if _is_htmx(request):
        return HttpResponse("")
    messages.success(request, _("Removed."))
    return HttpResponseRedirect(
        safe_next(request, reverse("gallery_item", args=[comment_row.item.public_id]))
    )


def _is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _back_to_item(request: HttpRequest, item: Item) -> HttpResponse:
    own = access.account_of(request.user)
    mine = own is not None and own.pk == item.account_id
    name = "library_item" if mine and not item.in_trash else "gallery_item"
    return _reload(request, reverse(name, args=[item.public_id]))


def _reload(request: HttpRequest, fallback: str) -> HttpResponse:
    """Redirect to the form's `next`; for htmx reload the page, since a fragment has no place for a message."""
    if _is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return HttpResponseRedirect(safe_next(request, fallback))
