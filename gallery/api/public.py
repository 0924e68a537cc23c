"""`/api/gallery` and `/api/feed`: public items and their pictures. No token is needed, except for the feed."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user
from django.http import Http404
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OpenView, OwnApiView
from accounts.models import User
from accounts.site import feature_flags
from accounts.tokens.authentication import TokenAuthentication
from core import pagination
from core.api import examples, list_pages
from core.api.problems import ProblemSerializer
from core.api.serializer_fields import BAD_CURSOR, Listed, QueryFlag, Text
from core.http.public_origin import origin_of
from gallery.api import item_files, item_serializers
from gallery.api.items import REF, SIZES
from gallery.items import access, item_tags
from gallery.models import Item, ReaderChoice, Tag
from gallery.public import public_lists
from gallery.public.reader_preferences import Reader, reported_by
from gallery.search import results
from predictions.models import HostedModel


class PublicView(OpenView):
    """The gallery as visitors see it."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Apply the rate limit as for every request; then refuse visitors where the gallery is for members
        only."""
        super().initial(request, *args, **kwargs)
        if not feature_flags.is_on("public_gallery") and not _is_member(request):
            raise feature_flags.FeatureOff("public_gallery")


def _is_member(request: Request) -> bool:
    """Whether a member asks, by session or by token; evaluated only while the gallery is for members only."""
    return (
        get_user(request._request).is_authenticated or TokenAuthentication().authenticate(request) is not None
    )


class GalleryQuery(Listed):
    """Which of the public items; one of `q`, `tag`, `author`, `model` and `sort` at a time."""

    q = Text(
        default="",
        allow_blank=True,
        max_length=200,
        help_text="Words in the title, the tags or the prompt where it is shown; all of them.",
    )
    tag = Text(default="", allow_blank=True, max_length=80)
    author = Text(default="", allow_blank=True, max_length=150, help_text="A user name.")
    model = serializers.RegexField(REF, default="", allow_blank=True, help_text="`owner/name`")
    sort = serializers.ChoiceField(
        ["newest", "week"], default="newest", help_text="`week`: the most liked of the last seven days."
    )
    sensitive = QueryFlag(default=True, help_text="`false` leaves out what should be blurred.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """At most one list at a time, since each has its own order."""
        selected = [name for name in ("q", "tag", "author", "model") if attrs[name].strip()]
        if attrs["sort"] != "newest":
            selected.append("sort")
        if len(selected) > 1:
            raise serializers.ValidationError({selected[1]: [f"Not together with {selected[0]}."]})
        return attrs


class GalleryView(PublicView):
    """The public gallery."""

    @extend_schema(
        operation_id="gallery_list",
        summary="The public gallery",
        parameters=[GalleryQuery],
        responses={
            200: list_pages.page_of("GalleryPage", item_serializers.PublicItemSerializer),
            400: ProblemSerializer,
        },
        examples=[examples.page_example(item_serializers.PUBLIC_EXAMPLE)],
    )
    def get(self, request: Request) -> Response:
        """What members published, newest first, or the most liked of the week. No token is needed."""
        query = list_pages.page_query(GalleryQuery, request)
        reader = Reader(
            None, ReaderChoice.Sensitive.SHOW if query["sensitive"] else ReaderChoice.Sensitive.HIDE
        )
        return public_answer(request, _found(query, reader))


def _found(query: dict[str, Any], reader: Reader) -> pagination.Page[Item]:
    size, after = query["limit"], query["cursor"]
    if query["q"].strip():
        within = public_lists.base_queryset(reader)
        return results.public_page(query["q"], size, item_serializers.number_cursor(after), within=within)
    if query["sort"] == "week":
        return public_lists.week(reader, size, _checked(pagination.two_numbers, after))
    after = _checked(pagination.Place.parse, after)
    if query["tag"]:
        tag = Tag.objects.filter(name=item_tags.normalize(query["tag"])).first()
        return public_lists.tagged(reader, tag, size, after) if tag else pagination.Page([])
    if query["author"]:
        author = User.objects.filter(username=query["author"], is_active=True).first()
        return public_lists.of_author(reader, author, size, after) if author else pagination.Page([])
    if query["model"]:
        owner, name = query["model"].split("/")
        model = HostedModel.objects.filter(owner=owner, name=name).first()
        return public_lists.of_model(reader, model, size, after) if model else pagination.Page([])
    return public_lists.newest(reader, size, after)


def _checked(parse: Any, cursor: str) -> str:
    """The cursor, if it is valid for that list. Raises ValidationError."""
    if cursor:
        try:
            parse(cursor)
        except pagination.BadCursor:
            raise serializers.ValidationError({"cursor": [BAD_CURSOR]}) from None
    return cursor


def public_answer(request: Request, page: pagination.Page[Item]) -> Response:
    """The response with a page of public items and their tags."""
    rows = {
        row.pk: row
        for row in item_serializers.with_tags(Item.objects.public()).filter(
            pk__in=[item.pk for item in page.rows]
        )
    }
    origin = origin_of(request._request)
    still_public = pagination.Page([rows[item.pk] for item in page.rows if item.pk in rows], page.next)
    return item_serializers.page_response(
        request, still_public, lambda row: item_serializers.public_item(row, origin)
    )


class FeedView(OwnApiView):
    """The list of those one follows."""

    @extend_schema(
        operation_id="feed_list",
        summary="New from members that you follow",
        parameters=[Listed],
        responses={
            200: list_pages.page_of("GalleryPage", item_serializers.PublicItemSerializer),
            400: ProblemSerializer,
        },
        examples=[examples.page_example(item_serializers.PUBLIC_EXAMPLE)],
    )
    def get(self, request: Request) -> Response:
        """What members that you follow published, newest first, as you chose for sensitive pictures."""
        query = list_pages.page_query(Listed, request)
        sensitive = ReaderChoice.objects.filter(user=self.user).values_list("sensitive", flat=True).first()
        reader = Reader(self.user, sensitive or ReaderChoice.Sensitive.BLUR, reported_by(self.user))
        after = _checked(pagination.Place.parse, query["cursor"])
        return public_answer(request, public_lists.followed(reader, query["limit"], after))


class GalleryItemView(PublicView):
    """One public item."""

    @extend_schema(
        operation_id="gallery_get",
        summary="One public item",
        responses={200: item_serializers.PublicItemSerializer, 404: ProblemSerializer},
        examples=[examples.response_example(item_serializers.PUBLIC_EXAMPLE)],
    )
    def get(self, request: Request, item_id: str) -> Response:
        """A public or unlisted item; 404 as soon as its owner takes it back or a moderator hides it."""
        found = item_serializers.with_tags(Item.objects.open()).filter(public_id=item_id).first()
        return Response(item_serializers.public_item(access.or_404(found), origin_of(request._request)))


class GalleryPictureView(PublicView):
    """A public item's picture."""

    @extend_schema(
        operation_id="gallery_picture",
        summary="A public item's picture",
        parameters=[OpenApiParameter("size", str, OpenApiParameter.PATH, enum=SIZES)],
        responses={(200, "image/*"): OpenApiTypes.BINARY, 404: ProblemSerializer},
    )
    def get(self, request: Request, item_id: str, size: str) -> HttpResponseBase:
        """The bytes, with an ETag and ranges, for pages of any origin."""
        if size not in SIZES:
            raise Http404
        item = access.published(item_id)
        return item_files.send(request._request, item, size, show_prompt=item.show_prompt, public=True)
