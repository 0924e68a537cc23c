"""What stands under a picture: its likes, its comments, and what the reader may do about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef
from django.urls import reverse

from accounts import switches
from accounts.models import User
from gallery import access, paging
from gallery.models import Comment, Follow, Item, Report
from gallery.social import commenting, liking
from gallery.social.forms import CommentForm
from gallery.voices import silence_of

PAGE = 20


@dataclass(frozen=True)
class Line:
    """One comment as a reader sees it."""

    comment: Comment
    removable: bool


def comments(item: Item, viewer: access.Viewer, after: str = "") -> dict[str, Any]:
    """A page of an item's comments, newest first, without those that the reader reported."""
    rows = Comment.objects.filter(commenting.SHOWN, item=item).select_related("user")
    user = viewer if isinstance(viewer, User) else None
    if user is not None:
        rows = rows.filter(~Exists(Report.objects.filter(reporter=user, comment=OuterRef("pk"))))
    found = paging.page(rows, "created_at", PAGE, after)
    for row in found.rows:
        row.item = item
    lines = [Line(row, user is not None and commenting.may_remove(row, user)) for row in found.rows]
    older = f"{reverse('comments', args=[item.public_id])}?after={found.older}" if found.older else ""
    return {"lines": lines, "older": older}


def of(item: Item, viewer: access.Viewer, *, form: CommentForm | None = None) -> dict[str, Any]:
    """Everything of it, for the page of an item: as many queries however much there is."""
    user = viewer if isinstance(viewer, User) else None
    talks = item.is_open
    return {
        "talks": talks,
        "shows_author": talks and access.shows_author(item),
        "liked": user is not None and liking.likes(user, item),
        "follows": user is not None
        and user.pk != item.user_id
        and Follow.objects.filter(follower=user, followed=item.user_id).exists(),
        "comment_form": form or CommentForm(),
        "silence": _silence(user) if user is not None and talks else "",
        **(comments(item, viewer) if talks else {"lines": [], "older": ""}),
    }


def _silence(user: User) -> str:
    """Why a member cannot comment at present, said where the field would be; empty while they can."""
    if not switches.is_on("comments"):
        return str(switches.SwitchedOff("comments").detail)
    return silence_of(user)
