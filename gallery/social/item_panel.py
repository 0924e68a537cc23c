"""Context of the social panel under an item: likes, comments, and what the viewer may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef
from django.urls import reverse

from accounts.models import User
from accounts.site import feature_flags
from core import pagination
from gallery.items import access
from gallery.models import Comment, Follow, Item, Report
from gallery.permissions import mute_message
from gallery.social import discussion, likes
from gallery.social.forms import CommentForm

PAGE = 20


@dataclass(frozen=True)
class Line:
    """One comment as a viewer sees it."""

    comment: Comment
    removable: bool


def comments(item: Item, viewer: access.Viewer, after: str = "") -> dict[str, Any]:
    """A page of an item's comments, newest first, without those that the viewer reported."""
    rows = Comment.objects.filter(discussion.VISIBLE, item=item).select_related("user")
    user = viewer if isinstance(viewer, User) else None
    if user is not None:
        rows = rows.filter(~Exists(Report.objects.filter(reporter=user, comment=OuterRef("pk"))))
    found = pagination.page_or_newest(rows, "created_at", PAGE, after)
    for row in found.rows:
        row.item = item
    lines = [Line(row, user is not None and discussion.may_remove(row, user)) for row in found.rows]
    older = f"{reverse('comments', args=[item.public_id])}?after={found.next}" if found.next else ""
    return {"lines": lines, "older": older}


def for_item(item: Item, viewer: access.Viewer, *, form: CommentForm | None = None) -> dict[str, Any]:
    """The whole panel for the page of an item; a constant number of queries."""
    user = viewer if isinstance(viewer, User) else None
    talks = item.is_open
    return {
        "talks": talks,
        "shows_author": talks and access.shows_author(item),
        "liked": user is not None and likes.has_liked(user, item),
        "follows": user is not None
        and user.pk != item.user_id
        and Follow.objects.filter(follower=user, followed=item.user_id).exists(),
        "comment_form": form or CommentForm(),
        "silence": _comment_refusal(user) if user is not None and talks else "",
        **(comments(item, viewer) if talks else {"lines": [], "older": ""}),
    }


def _comment_refusal(user: User) -> str:
    """Why a member can't comment at present, shown in place of the field; empty where they can."""
    if not feature_flags.is_on("comments"):
        return str(feature_flags.FeatureOff("comments").detail)
    return mute_message(user)
