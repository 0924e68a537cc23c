"""`/api/gallery`: what everybody may see, without a token."""

from __future__ import annotations

from django.http import Http404
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import examples, lists
from accounts.api.fields import Listed
from accounts.problems import OwnApiView, ProblemSerializer
from gallery import access
from gallery.api import pictures, shapes
from gallery.api.items import SIZES
from gallery.models import Item
from predictions.dialects.common.origin import origin_of


class _Public(OwnApiView):
    """Nobody is asked for a token; requests are counted by address."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class GalleryView(_Public):
    """The public gallery."""

    @extend_schema(
        operation_id="gallery_list",
        summary="The public gallery",
        parameters=[Listed],
        responses={200: lists.page_of("GalleryPage", shapes.PublicItemSerializer), 400: ProblemSerializer},
        examples=[examples.page(shapes.PUBLIC_EXAMPLE)],
    )
    def get(self, request: Request) -> Response:
        """What members published, newest first. No token is needed."""
        query = lists.asked(Listed, request)
        rows = access.with_files(Item.objects.public())
        origin = origin_of(request._request)
        return lists.answer(
            request, rows, query, lambda row: shapes.public_item(row, origin), time="published_at"
        )


class GalleryItemView(_Public):
    """One public item."""

    @extend_schema(
        operation_id="gallery_get",
        summary="One public item",
        responses={200: shapes.PublicItemSerializer, 404: ProblemSerializer},
        examples=[examples.came(shapes.PUBLIC_EXAMPLE)],
    )
    def get(self, request: Request, item_id: str) -> Response:
        """An item while it is public; 404 as soon as its owner takes it back or a moderator hides it."""
        return Response(shapes.public_item(access.published(item_id), origin_of(request._request)))


class GalleryPictureView(_Public):
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
        return pictures.send(request._request, item, size, words=item.show_prompt, public=True)
