"""`/api/exports` and `/api/closure`: data exports and account deletion."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView, PersonalView
from accounts.personal_accounts import personal_account
from core.api import list_pages
from core.api.problems import Denied, ProblemSerializer
from core.api.serializer_fields import Listed, Text
from gallery.models import Closure, Export
from gallery.privacy import closure, exports
from predictions.files import file_responses


class ExportSerializer(serializers.ModelSerializer[Export]):
    """A copy of everything that is a member's."""

    id = serializers.CharField(source="public_id", read_only=True)
    size = serializers.SerializerMethodField(help_text="Bytes; null until it is ready.")

    class Meta:
        model = Export
        fields = ["id", "state", "done", "total", "size", "created_at", "finished_at", "expires_at"]

    def get_size(self, export: Export) -> int | None:
        """Bytes of the archive."""
        return export.file.size if export.file is not None else None


_READY = {
    "id": "u4Qx0c1mZ7r9vK2sW8bT3nLd5hYf6gJa",
    "state": "ready",
    "done": 214,
    "total": 214,
    "size": 88_120_443,
    "created_at": "2026-11-20T12:00:00.000000Z",
    "finished_at": "2026-11-20T12:00:41.000000Z",
    "expires_at": "2026-11-27T12:00:41.000000Z",
}
_OWED = {**_READY, "state": "owed", "done": 0, "size": None, "finished_at": None, "expires_at": None}


class ExportsView(PersonalView):
    """The caller's copies."""

    fresh = frozenset({"POST"})

    @extend_schema(
        operation_id="exports_list",
        summary="Your exports",
        parameters=[Listed],
        responses={200: list_pages.page_of("ExportPage", ExportSerializer), 400: ProblemSerializer},
        examples=[
            OpenApiExample(
                "Exports", value={"results": [_READY], "next": None}, response_only=True, status_codes=["200"]
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """Copies of everything that is the caller's: those under way, ready, failed and removed, newest first."""
        rows = Export.objects.filter(user=self.user).select_related("file")
        return list_pages.list_response(
            request, rows, list_pages.page_query(Listed, request), lambda row: ExportSerializer(row).data
        )

    @extend_schema(
        operation_id="exports_create",
        summary="Ask for an export",
        request=None,
        responses={
            202: ExportSerializer,
            403: ProblemSerializer,
            409: ProblemSerializer,
            507: ProblemSerializer,
        },
        examples=[OpenApiExample("Under way", value=_OWED, response_only=True, status_codes=["202"])],
    )
    def post(self, request: Request) -> Response:
        """Have a copy made in the background: JSON and all files in one zip. Where one is under way, that one is the
        answer; where one of the last 24 hours is ready, 409 says so; where the server has no room for it, 507. A
        session has to be of the last five minutes, else 403.
        """
        account = personal_account(self.user) or self.account
        try:
            export = exports.request_export(self.user, account)
        except exports.TooSoon:
            message = _("There is a copy of the last 24 hours already: take that one.")
            raise Denied(409, "Too soon", message) from None
        except exports.NoRoom:
            message = _("The server has no room for a copy at present. Nothing was changed; try again later.")
            raise Denied(507, "No room", message) from None
        export.refresh_from_db()
        return Response(ExportSerializer(export).data, status=status.HTTP_202_ACCEPTED)


class ExportView(PersonalView):
    """One copy."""

    @extend_schema(
        operation_id="exports_get",
        summary="One export",
        responses={200: ExportSerializer, 404: ProblemSerializer},
        examples=[OpenApiExample("Ready", value=_READY, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request, export_id: str) -> Response:
        """How far an export is: `done` of `total` files, and since when and until when it can be downloaded."""
        return Response(ExportSerializer(_own(self, export_id)).data)


class ExportDownloadView(PersonalView):
    """The archive of a copy."""

    fresh = frozenset({"GET", "HEAD"})

    @extend_schema(
        operation_id="exports_download",
        summary="Download an export",
        responses={
            (200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, description="The zip."),
            (206, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, description="A range of it."),
            403: ProblemSerializer,
            404: ProblemSerializer,
        },
    )
    def get(self, request: Request, export_id: str) -> HttpResponse:
        """The archive itself, or a range of it, for as long as it is kept; 404 until it is ready and afterwards. A
        session has to be of the last five minutes, else 403.
        """
        export = _own(self, export_id)
        if export.state != Export.State.READY or export.file is None:
            raise Http404
        name = f"darkroom-{self.user.username}-{export.created_at:%Y-%m-%d}.zip"
        return file_responses.send(
            request._request, export.file, filename=name, attachment=True, revalidate=True
        )


def _own(view: OwnApiView, export_id: str) -> Export:
    export = Export.objects.filter(user=view.user, public_id=export_id).select_related("file").first()
    if export is None:
        raise Http404
    return export


class ClosureSerializer(serializers.ModelSerializer[Closure]):
    """The wish to delete an account."""

    class Meta:
        model = Closure
        fields = ["created_at", "due_at"]


class CloseSerializer(serializers.Serializer[Any]):
    """Names the account that is to go."""

    username = Text(
        min_length=1, max_length=150, help_text="The caller's own username, as a check against slips."
    )


_WISH = {"created_at": "2026-11-20T12:00:00.000000Z", "due_at": "2026-12-04T12:00:00.000000Z"}


class ClosureView(PersonalView):
    """The end of the caller's account."""

    fresh = frozenset({"POST"})

    @extend_schema(
        operation_id="closure_get",
        summary="Whether the account is to be deleted",
        responses={200: ClosureSerializer, 404: ProblemSerializer},
        examples=[OpenApiExample("It is", value=_WISH, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request) -> Response:
        """Since when the caller wants the account deleted, and when that will happen; 404 where they do not."""
        row = closure.pending_for_user(self.user)
        if row is None:
            raise Http404
        return Response(ClosureSerializer(row).data)

    @extend_schema(
        operation_id="closure_create",
        summary="Delete the account",
        request=CloseSerializer,
        responses={
            200: ClosureSerializer,
            400: ProblemSerializer,
            403: ProblemSerializer,
            409: ProblemSerializer,
        },
        examples=[
            OpenApiExample("Which", value={"username": "ada"}, request_only=True),
            OpenApiExample("When", value=_WISH, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Delete the caller's account after the grace, with everything in it. Nothing new can be made from now on; a
        DELETE calls it off. 409 where another name was given, or something else has to be done first; 403 where the
        session is not of the last five minutes.
        """
        serializer = CloseSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if serializer.validated_data["username"].casefold() != self.user.username.casefold():
            raise Denied(
                409,
                "Another name",
                _("This is not your username."),
                {"username": [_("This is not your username.")]},
            )
        try:
            row = closure.request_closure(self.user)
        except closure.CannotClose as cannot:
            raise Denied(409, "Not yet", str(closure.MESSAGES[cannot.code])) from None
        return Response(ClosureSerializer(row).data)

    @extend_schema(
        operation_id="closure_delete",
        summary="Keep the account",
        responses={204: None, 404: ProblemSerializer},
    )
    def delete(self, request: Request) -> Response:
        """Take the wish back, as long as nothing was removed; 404 where there is none, or it is too late for that."""
        row = closure.pending_for_user(self.user)
        if row is None or not closure.cancel(row):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)
