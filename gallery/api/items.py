"""`/api/items`: a member's own items; reading, changing, publishing, deleting and their pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.db.models import Exists, OuterRef
from django.http import Http404
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from accounts.models import User
from accounts.tokens import token_scopes
from core.api import examples, list_pages
from core.api.problems import Denied, ProblemSerializer
from core.api.serializer_fields import BoundedListField, Flag, Listed, Moment, QueryFlag, Text
from core.http.public_origin import origin_of
from gallery import permissions
from gallery.api import item_files, item_serializers
from gallery.items import access, deletion, item_tags, publication
from gallery.models import Item, ItemQuerySet, Licence, Like, ShareLink
from gallery.search import results
from gallery.shares import share_links

REF = r"^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$"
SIZES = ("small", "medium", "full")


class ItemQuery(Listed):
    """Filters of the library; all of them must be met."""

    model = serializers.RegexField(REF, default="", allow_blank=True, help_text="`owner/name`")
    prediction = Text(
        default="", allow_blank=True, max_length=26, help_text="The id of the prediction it is of."
    )
    visibility = serializers.ChoiceField(Item.Visibility.choices, default="", allow_blank=True)
    shared = QueryFlag(default=None, allow_null=True, help_text="Whether an open link shows it to others.")
    tag = Text(default="", allow_blank=True, max_length=80, help_text="A tag that it has.")
    liked = QueryFlag(default=None, allow_null=True, help_text="Whether you like it yourself.")
    q = Text(
        default="",
        allow_blank=True,
        max_length=200,
        help_text="Words in the title, the tags, the prompt or the model's name, in any language; all of them.",
    )
    created_after = Moment(default=None, help_text="At this time or later.")
    created_before = Moment(default=None, help_text="Before this time.")


class ItemsView(OwnApiView):
    """The library."""

    @extend_schema(
        operation_id="items_list",
        summary="Your library",
        parameters=[ItemQuery],
        responses={
            200: list_pages.page_of("ItemPage", item_serializers.ItemSerializer),
            400: ProblemSerializer,
        },
        examples=[examples.page_example(item_serializers.OWN_EXAMPLE)],
    )
    def get(self, request: Request) -> Response:
        """Everything your predictions made that you have not deleted, newest first."""
        query = list_pages.page_query(ItemQuery, request)
        rows = _filtered(item_serializers.with_facts(Item.objects.owned_by(self.account)), query, self.user)
        origin = origin_of(request._request)
        if not query["q"].strip():
            return list_pages.list_response(
                request, rows, query, lambda row: item_serializers.item(row, origin), time="created_at"
            )
        after = item_serializers.number_cursor(query["cursor"])
        found = results.own_page(self.account, query["q"], query["limit"], after, within=rows)
        return item_serializers.page_response(request, found, lambda row: item_serializers.item(row, origin))


def _filtered(rows: ItemQuerySet, query: dict[str, Any], user: User) -> ItemQuerySet:
    if query["model"]:
        owner, name = query["model"].split("/")
        rows = rows.filter(model__owner=owner, model__name=name)
    if query["prediction"]:
        rows = rows.filter(output__prediction__public_id=query["prediction"])
    if query["visibility"]:
        rows = rows.filter(visibility=query["visibility"])
    if query["shared"] is not None:
        linked = Exists(ShareLink.objects.open().filter(item=OuterRef("pk")))
        rows = rows.filter(linked if query["shared"] else ~linked)
    if query["tag"]:
        rows = rows.filter(item_tags__tag__name=item_tags.normalize(query["tag"]))
    if query["liked"] is not None:
        liked = Exists(Like.objects.filter(item=OuterRef("pk"), user=user))
        rows = rows.filter(liked if query["liked"] else ~liked)
    if query["created_after"] is not None:
        rows = rows.filter(created_at__gte=query["created_after"])
    if query["created_before"] is not None:
        rows = rows.filter(created_at__lt=query["created_before"])
    return rows


class OwnItemView(OwnApiView):
    """What concerns one own item; another account's does not exist."""

    scopes: ClassVar = dict.fromkeys(("POST", "PATCH", "DELETE"), token_scopes.GALLERY)

    def own(self, item_id: str) -> Item:
        """The item as the database has it now, or Http404."""
        item = (
            item_serializers.with_facts(Item.objects.owned_by(self.account)).filter(public_id=item_id).first()
        )
        return access.or_404(item)

    def shown(self, item_id: str) -> Response:
        """The response with the item as the database has it now."""
        return Response(item_serializers.item(self.own(item_id), origin_of(self.request._request)))


class WordsSerializer(serializers.Serializer[Any]):
    """What its owner says of an item; what is left out stays as it is."""

    title = Text(required=False, allow_blank=True, max_length=120)
    show_prompt = Flag(required=False, help_text="Whether the public page shows the prompt.")
    sensitive = Flag(required=False, help_text="Whether others see it blurred until they ask for it.")
    licence = serializers.ChoiceField(
        Licence.choices, required=False, help_text="What others may do with it; empty: nothing."
    )
    tags = BoundedListField(
        child=Text(max_length=item_tags.MAX_LENGTH, allow_blank=True),
        required=False,
        max_length=item_tags.MAX_TAGS,
        help_text="Told folded: lower case, single blanks, each once.",
    )

    def validate_tags(self, value: list[str]) -> list[str]:
        """Tags folded to the one form that each has."""
        return item_serializers.clean_tags(value)


class PublishSerializer(WordsSerializer):
    """The same, and who finds it."""

    visibility = serializers.ChoiceField(
        [Item.Visibility.PUBLIC, Item.Visibility.UNLISTED],
        default=Item.Visibility.PUBLIC,
        help_text="`public`: in the gallery's lists; `unlisted`: for whoever has its address.",
    )


class ItemView(OwnItemView):
    """One own item."""

    @extend_schema(
        operation_id="items_get",
        summary="One item",
        responses={200: item_serializers.ItemSerializer, 404: ProblemSerializer},
        examples=[examples.response_example(item_serializers.OWN_EXAMPLE)],
    )
    def get(self, request: Request, item_id: str) -> Response:
        """One of your own items, published or not, with the addresses of its page, its file and its thumbnails."""
        return self.shown(item_id)

    @extend_schema(
        operation_id="items_change",
        summary="Change what is said of an item",
        request=WordsSerializer,
        responses={200: item_serializers.ItemSerializer, 403: ProblemSerializer, 404: ProblemSerializer},
        examples=[
            examples.request_example({"title": "Lighthouse"}),
            examples.response_example(item_serializers.OWN_EXAMPLE),
        ],
    )
    def patch(self, request: Request, item_id: str) -> Response:
        """Change title, tags, licence, the sensitive mark, or whether its page shows the prompt; at once."""
        item = self.own(item_id)
        with publication_problems():
            publication.describe(item, **_words(request), by=self.user)
        return self.shown(item_id)

    @extend_schema(
        operation_id="items_delete",
        summary="Delete an item",
        responses={204: None, 404: ProblemSerializer},
    )
    def delete(self, request: Request, item_id: str) -> Response:
        """Delete it for good, with its files and share links. What its prediction cost stays in the ledger."""
        deletion.delete(self.own(item_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PublishView(OwnItemView):
    """The way into the public gallery."""

    @extend_schema(
        operation_id="items_publish",
        summary="Publish an item",
        request=PublishSerializer,
        responses={
            200: item_serializers.ItemSerializer, 403: ProblemSerializer, 404: ProblemSerializer, 409:
            ProblemSerializer,
        },
        examples=[
            examples.request_example({"title": "Lighthouse", "tags": ["sea", "fog"], "licence": "CC-BY-4.0"}),
            examples.response_example(item_serializers.OWN_EXAMPLE),
        ],
    )  # fmt: skip
    def post(self, request: Request, item_id: str) -> Response:
        """Open it to everybody, in the gallery or unlisted. Again: change what is said, and keep its place.

        Where a moderator looks at it first, it stays as it is with `review` `waiting`, and is published as asked then.
        """
        item = self.own(item_id)
        serializer = PublishSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        current = {
            "title": item.title, "show_prompt": item.show_prompt, "sensitive": item.sensitive,
            "licence": item.licence, "tags": item_tags.for_item(item),
        }  # fmt: skip
        with publication_problems():
            publication.publish(item, **{**current, **serializer.validated_data}, by=self.user)
        return self.shown(item_id)


class UnpublishView(OwnItemView):
    """The way out of it."""

    @extend_schema(
        operation_id="items_unpublish",
        summary="Take an item out of the gallery",
        request=None,
        responses={200: item_serializers.ItemSerializer, 404: ProblemSerializer},
        examples=[examples.response_example(item_serializers.PRIVATE_EXAMPLE)],
    )
    def post(self, request: Request, item_id: str) -> Response:
        """Make it private again: from now on its public page and pictures answer 404. Share links stay as they are."""
        publication.unpublish(self.own(item_id))
        return self.shown(item_id)


class ItemPictureView(OwnItemView):
    """The picture itself."""

    @extend_schema(
        operation_id="items_picture",
        summary="An item's picture",
        parameters=[OpenApiParameter("size", str, OpenApiParameter.PATH, enum=SIZES)],
        responses={(200, "image/*"): OpenApiTypes.BINARY, 404: ProblemSerializer},
    )
    def get(self, request: Request, item_id: str, size: str) -> HttpResponseBase:
        """The bytes, with an ETag and ranges; where there is no such thumbnail, those of the next larger file."""
        if size not in SIZES:
            raise Http404
        return item_files.send(request._request, self.own(item_id), size, show_prompt=True, public=False)


@contextmanager
def publication_problems() -> Iterator[None]:
    """Map the errors of publishing and sharing to the API's problems."""
    try:
        yield
    except publication.Refused:
        raise Denied(
            409, "Refused", "A moderator did not let this item be published; you may appeal against that."
        ) from None
    except publication.Hidden:
        message = "A moderator hid this item; it can be neither published nor shared."
        raise Denied(409, "Hidden", message) from None
    except permissions.Suspended as refused:
        raise Denied(403, "Forbidden", refused.detail) from None
    except share_links.TooManyLinks:
        message = f"This item has {share_links.MAX_OPEN_LINKS} open links; withdraw one first."
        raise Denied(409, "Too many links", message) from None


def _words(request: Request) -> dict[str, Any]:
    serializer = WordsSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data
