"""`/api` endpoints for likes, follows, comments and reports. Reports are open to visitors as well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.db.models import Q
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from accounts.models import User
from accounts.site import feature_flags
from accounts.tokens import token_scopes
from core.api import examples, list_pages
from core.api.problems import Denied, ProblemSerializer
from core.api.serializer_fields import Listed, Text
from core.http.public_origin import origin_of
from gallery import permissions
from gallery.api import item_serializers
from gallery.collections import querysets
from gallery.items import access
from gallery.models import Comment, Follow, Item, Like, Report
from gallery.social import abuse_reports, discussion, follows, interaction_limits, likes

_CHANGES: dict[str, str] = dict.fromkeys(("PUT", "POST", "DELETE"), token_scopes.GALLERY)
_COMMENT = {
    "id": 71,
    "author": "Alice",
    "author_username": "alice",
    "text": "The light on the water!",
    "created_at": "2026-11-20T13:00:00Z",
}


@contextmanager
def social_problems() -> Iterator[None]:
    """Map the errors of social actions to the API's problems."""
    try:
        yield
    except permissions.Suspended as refused:
        raise Denied(403, "Forbidden", refused.detail) from None
    except interaction_limits.TooMany as refused:
        message = f"Too many at once. Try again in {refused.seconds} seconds."
        raise Denied(429, "Too many requests", message, wait=refused.seconds) from None
    except follows.CannotFollowSelf:
        raise Denied(409, "Conflict", "Nobody follows themselves.") from None
    except follows.TooManyFollowed:
        raise Denied(409, "Too many", f"One follows {follows.MAX_FOLLOWED} members at most.") from None


class LikesView(OwnApiView):
    """What one likes."""

    @extend_schema(
        operation_id="likes_list",
        summary="What you like",
        parameters=[Listed],
        responses={
            200: list_pages.page_of("GalleryPage", item_serializers.PublicItemSerializer),
            400: ProblemSerializer,
        },
        examples=[examples.page_example(item_serializers.PUBLIC_EXAMPLE)],
    )
    def get(self, request: Request) -> Response:
        """Public items that you like, the last like first. Your own are in the library, by `?liked=true`."""
        query = list_pages.page_query(Listed, request)
        liked = Like.objects.filter(user=self.user, item__in=Item.objects.public())
        page = list_pages.page(liked, query, time="created_at")
        rows = item_serializers.with_tags(Item.objects.public()).filter(
            pk__in=[like.item_id for like in page.rows]
        )
        items_by_pk, origin = {row.pk: row for row in rows}, origin_of(request._request)
        items = [items_by_pk[like.item_id] for like in page.rows if like.item_id in items_by_pk]
        return Response(
            {
                "results": [item_serializers.public_item(row, origin) for row in items],
                "next": list_pages.next_url(request, page.next),
            }
        )


class LikeView(OwnApiView):
    """One's like of one item."""

    scopes: ClassVar = _CHANGES

    @extend_schema(
        operation_id="likes_put",
        summary="Like an item",
        request=None,
        responses={204: None, 403: ProblemSerializer, 404: ProblemSerializer},
    )
    def put(self, request: Request, item_id: str) -> Response:
        """Like a public or unlisted item, or one of your own. Doing it twice is doing it once."""
        return self._set(item_id, liked=True)

    @extend_schema(
        operation_id="likes_delete",
        summary="Take a like back",
        responses={204: None, 403: ProblemSerializer, 404: ProblemSerializer},
    )
    def delete(self, request: Request, item_id: str) -> Response:
        """Like it no longer. An item that you did not like stays as it is."""
        return self._set(item_id, liked=False)

    def _set(self, item_id: str, *, liked: bool) -> Response:
        with social_problems():
            likes.set_liked(access.visible(self.user, item_id), self.user, liked)
        return Response(status=status.HTTP_204_NO_CONTENT)


class FollowedSerializer(serializers.Serializer[Any]):
    """A member whom one follows."""

    username = serializers.CharField()
    name = serializers.CharField(help_text="The name that is shown.")
    since = serializers.DateTimeField()


class FollowsView(OwnApiView):
    """Whom one follows."""

    @extend_schema(
        operation_id="follows_list",
        summary="Whom you follow",
        parameters=[Listed],
        responses={200: list_pages.page_of("FollowPage", FollowedSerializer), 400: ProblemSerializer},
        examples=[
            examples.page_example({"username": "alice", "name": "Alice", "since": "2026-11-20T13:00:00Z"})
        ],
    )
    def get(self, request: Request) -> Response:
        """Members that you follow, the last one that you followed first."""
        query = list_pages.page_query(Listed, request)
        rows = Follow.objects.filter(follower=self.user).select_related("followed")
        return list_pages.list_response(
            request,
            rows,
            query,
            lambda row: {
                "username": row.followed.username,
                "name": row.followed.shown_name,
                "since": row.created_at,
            },
            time="created_at",
        )


class FollowView(OwnApiView):
    """Following one member."""

    scopes: ClassVar = _CHANGES

    @extend_schema(
        operation_id="follows_put",
        summary="Follow a member",
        request=None,
        responses={
            204: None, 403: ProblemSerializer, 404: ProblemSerializer, 409: ProblemSerializer,
        },
    )  # fmt: skip
    def put(self, request: Request, username: str) -> Response:
        """What they publish stands in your feed (`/api/feed`) from now on."""
        return self._set(username, wanted=True)

    @extend_schema(
        operation_id="follows_delete",
        summary="Follow a member no longer",
        responses={204: None, 403: ProblemSerializer, 404: ProblemSerializer},
    )
    def delete(self, request: Request, username: str) -> Response:
        """Their pictures leave your feed (`/api/feed`) at once."""
        return self._set(username, wanted=False)

    def _set(self, username: str, *, wanted: bool) -> Response:
        member = access.or_404(User.objects.filter(username=username, is_active=True).first())
        # Unfollowing oneself is a no-op.
        if wanted or member != self.user:
            with social_problems():
                follows.set_following(self.user, member, wanted)
        return Response(status=status.HTTP_204_NO_CONTENT)


class CommentSerializer(serializers.Serializer[Any]):
    """What somebody wrote under an item."""

    id = serializers.IntegerField()
    author = serializers.CharField(help_text="The name that is shown.")
    author_username = serializers.CharField()
    text = serializers.CharField(help_text="Plain text: show it as such.")
    created_at = serializers.DateTimeField()


class NewCommentSerializer(serializers.Serializer[Any]):
    """What is to be written."""

    text = Text(max_length=discussion.MAX_LENGTH)


def _comment(row: Comment) -> dict[str, Any]:
    return {
        "id": row.pk,
        "author": row.user.shown_name,
        "author_username": row.user.username,
        "text": row.text,
        "created_at": row.created_at,
    }


class CommentsView(OwnApiView):
    """Comments under one item: read by everybody, written by members."""

    scopes: ClassVar = _CHANGES

    def get_permissions(self) -> Any:
        """Reading needs no token."""
        return [AllowAny()] if self.request.method in token_scopes.SAFE_METHODS else super().get_permissions()

    @extend_schema(
        operation_id="comments_list",
        summary="Comments under an item",
        parameters=[Listed],
        responses={
            200: list_pages.page_of("CommentPage", CommentSerializer), 400: ProblemSerializer, 404: ProblemSerializer,
        },
        examples=[examples.page_example(_COMMENT)],
    )  # fmt: skip
    def get(self, request: Request, item_id: str) -> Response:
        """What members wrote under a public or unlisted item, the last first. No token is needed."""
        if not request.user.is_authenticated:
            feature_flags.require("public_gallery")
        query = list_pages.page_query(Listed, request)
        rows = Comment.objects.filter(discussion.VISIBLE, item=access.published(item_id)).select_related(
            "user"
        )
        return list_pages.list_response(request, rows, query, _comment, time="created_at")

    @extend_schema(
        operation_id="comments_create",
        summary="Write a comment",
        request=NewCommentSerializer,
        responses={
            201: CommentSerializer, 403: ProblemSerializer, 404: ProblemSerializer, 409: ProblemSerializer,
            429: ProblemSerializer,
        },
        examples=[examples.request_example({"text": "The light on the water!"}),
            examples.response_example(_COMMENT, 201)],
    )  # fmt: skip
    def post(self, request: Request, item_id: str) -> Response:
        """Write under a public or unlisted item, as plain text."""
        item = access.published(item_id)
        serializer = NewCommentSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            with social_problems():
                comment = discussion.write(item, self.user, serializer.validated_data["text"])
        except discussion.EmptyComment:
            raise serializers.ValidationError({"text": ["Nothing of it would be seen."]}) from None
        except discussion.DuplicateComment:
            raise Denied(409, "Said already", "You wrote the same a moment ago.") from None
        comment.refresh_from_db()
        return Response(_comment(comment), status=status.HTTP_201_CREATED)


class CommentView(OwnApiView):
    """One comment."""

    scopes: ClassVar = _CHANGES

    @extend_schema(
        operation_id="comments_delete",
        summary="Remove a comment",
        responses={204: None, 404: ProblemSerializer},
    )
    def delete(self, request: Request, comment_id: int) -> Response:
        """Remove your own, or one under a picture of yours, for good."""
        rows = Comment.objects.filter(discussion.VISIBLE).select_related("item")
        comment = rows.filter(pk=comment_id).first() if comment_id < 2**63 else None
        if comment is None or not discussion.may_remove(comment, self.user):
            raise Http404
        discussion.remove(comment)
        return Response(status=status.HTTP_204_NO_CONTENT)


class NewReportSerializer(serializers.Serializer[Any]):
    """What is wrong, and with what: an item, a comment or a collection."""

    item = Text(required=False, max_length=64, help_text="A public or unlisted item's id.")
    comment = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    collection = Text(required=False, max_length=64, help_text="A public or unlisted collection's id.")
    reason = serializers.ChoiceField(Report.Reason.choices)
    words = Text(default="", allow_blank=True, max_length=abuse_reports.MAX_LENGTH)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one target."""
        if sum(name in attrs for name in ("item", "comment", "collection")) != 1:
            raise serializers.ValidationError(
                {"item": ["Name an item, a comment or a collection: one of them."]}
            )
        return attrs


class ReportsView(OwnApiView):
    """Complaints."""

    # A visitor may complain as well; who sends a token is known by it.
    permission_classes = (AllowAny,)
    scopes: ClassVar = _CHANGES

    @extend_schema(
        operation_id="reports_create",
        summary="Report an item, a comment or a collection",
        request=NewReportSerializer,
        responses={201: None, 200: None, 404: ProblemSerializer, 429: ProblemSerializer},
        examples=[
            examples.request_example(
                {"item": item_serializers.ITEM, "reason": "copied", "words": "It is mine."}
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """A moderator will look at it. Once by each person (200 the second time); no token is needed."""
        serializer = NewReportSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        user = request.user if isinstance(request.user, User) else None
        reporter = abuse_reports.Reporter(user) if user else abuse_reports.visitor(request._request)
        with social_problems():
            fresh = abuse_reports.report(_target(data), reporter, data["reason"], data["words"])
        return Response(status=status.HTTP_201_CREATED if fresh else status.HTTP_200_OK)


def _target(data: dict[str, Any]) -> abuse_reports.Target:
    if "item" in data:
        return access.published(data["item"])
    if "collection" in data:
        return querysets.published(data["collection"])
    open_items = Q(item__in=Item.objects.open())
    return access.or_404(Comment.objects.filter(discussion.VISIBLE, open_items, pk=data["comment"]).first())
