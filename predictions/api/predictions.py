"""`/api/predictions`: the account's predictions with state and cost, and canceling one."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from accounts.tokens import token_scopes
from core.api import examples, list_pages
from core.api.problems import ProblemSerializer
from core.api.serializer_fields import Listed, Moment
from core.http.public_origin import origin_of
from predictions import lifecycle, queries
from predictions.api import prediction_fields
from predictions.api_dialects.replicate.absolute_urls import AbsoluteUrls
from predictions.models import Phase, Prediction, Status
from predictions.models.prediction import PredictionQuerySet

_STATUSES_SHOWN_AS = {"canceled": (Status.CANCELED, Status.ABORTED)}
_LIVE_PHASES = tuple(phase for phase in Phase if phase != Phase.ENDED)
_REF = r"^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$"


class PredictionQuery(Listed):
    """Filters of the list; all of them must be met."""

    status = serializers.ChoiceField(prediction_fields.STATUSES, default="", allow_blank=True)
    model = serializers.RegexField(_REF, default="", allow_blank=True, help_text="`owner/name`")
    deployment = serializers.RegexField(_REF, default="", allow_blank=True, help_text="`owner/name`")
    token = serializers.IntegerField(
        default=None, min_value=1, max_value=2**63 - 1, help_text="The id of an API token."
    )
    created_after = Moment(default=None, help_text="At this time or later.")
    created_before = Moment(default=None, help_text="Before this time.")

    def get_fields(self) -> dict[str, Any]:
        source = serializers.ChoiceField(["api", "web"], default="", allow_blank=True)
        return {**super().get_fields(), "source": source}


class PredictionsView(OwnApiView):
    """The account's predictions."""

    @extend_schema(
        operation_id="predictions_list",
        summary="Your predictions",
        parameters=[PredictionQuery],
        responses={
            200: list_pages.page_of("PredictionPage", prediction_fields.PredictionRowSerializer),
            400: ProblemSerializer,
        },
        examples=[examples.page_example(prediction_fields.ROW)],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """All predictions of the account, newest first: those of every token and of the pages too.

        To make one, use the Replicate dialect at `/v1/predictions` or the images dialect at `/openai/v1`.
        """
        query = list_pages.page_query(PredictionQuery, request)
        rows = _filtered(queries.prefetched(Prediction.objects.owned_by(self.account)), query)
        urls = absolute_urls_for(request)
        return list_pages.list_response(
            request, rows, query, lambda row: prediction_fields.row_fields(row, urls), time="created_at"
        )


def _filtered(rows: PredictionQuerySet, query: dict[str, Any]) -> PredictionQuerySet:
    status = query["status"]
    if status:
        rows = rows.filter(status__in=_STATUSES_SHOWN_AS.get(status, (status,)))
    if status in {Status.STARTING, Status.PROCESSING}:
        # There is an index for those few; the whole history must not be searched for them.
        rows = rows.filter(phase__in=_LIVE_PHASES)
    if query["model"]:
        owner, name = query["model"].split("/")
        rows = rows.filter(model__owner=owner, model__name=name)
    equals = {"deployment": query["deployment"], "source": query["source"], "token_id": query["token"]}
    rows = rows.filter(**{name: value for name, value in equals.items() if value})
    if query["created_after"] is not None:
        rows = rows.filter(created_at__gte=query["created_after"])
    if query["created_before"] is not None:
        rows = rows.filter(created_at__lt=query["created_before"])
    return rows


class _PredictionApiView(OwnApiView):
    """What concerns one prediction; another account's does not exist."""

    def own(self, public_id: str) -> Prediction:
        found = (
            queries.with_version(Prediction.objects.owned_by(self.account))
            .filter(public_id=public_id)
            .first()
        )
        if found is None:
            raise Http404
        return found


class PredictionView(_PredictionApiView):
    """One prediction."""

    @extend_schema(
        operation_id="predictions_get",
        summary="One prediction with its money",
        responses={200: prediction_fields.PredictionSerializer, 404: ProblemSerializer},
        examples=[
            examples.response_example(prediction_fields.WHOLE, name="Ended"),
            examples.response_example(prediction_fields.WAITING, name="Waiting"),
        ],
    )  # fmt: skip
    def get(self, request: Request, prediction_id: str) -> Response:
        """Its state, what it may cost and did cost with the lines of the ledger, its place in the queue, its items.

        Ask again while `status` is `starting` or `processing`; once a second is plenty. Better still, listen to
        `urls.stream`, which tells of every change by itself.
        """
        return Response(prediction_fields.detail_fields(self.own(prediction_id), absolute_urls_for(request)))


class CancelView(_PredictionApiView):
    """The end of one prediction."""

    scope: ClassVar = token_scopes.PREDICT

    @extend_schema(
        operation_id="predictions_cancel",
        summary="Cancel a prediction",
        request=None,
        responses={200: prediction_fields.PredictionSerializer, 404: ProblemSerializer},
        examples=[
            examples.response_example(
                prediction_fields.WAITING
                | {"status": "canceled", "completed_at": "2026-11-20T12:00:06.100000Z", "held": 0}
                | {"charged": 0, "released": 1_200_000, "queue": None}
            )
        ],
    )
    def post(self, request: Request, prediction_id: str) -> Response:
        """Stop it now. Nothing is charged; where it has ended already, this changes nothing and shows how it ended."""
        lifecycle.cancel(self.own(prediction_id).public_id)
        return Response(prediction_fields.detail_fields(self.own(prediction_id), absolute_urls_for(request)))


def absolute_urls_for(request: Request) -> AbsoluteUrls:
    """The URLs that an answer under `/api/` contains."""
    return AbsoluteUrls(origin_of(request._request), "/v1")
