"""Views of the catalogue in the Replicate dialect: models and versions."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpResponse

from predictions.api_dialects.common.endpoint import TokenRequest
from predictions.api_dialects.common.payloads import json_response
from predictions.api_dialects.replicate import cursor_pages, error_responses
from predictions.api_dialects.replicate.absolute_urls import absolute_urls_for
from predictions.api_dialects.replicate.serializers import model_json, version_json
from predictions.models import HostedModel, Prediction, Version


def list_models(request: TokenRequest) -> HttpResponse:
    """GET /models, newest version first unless `sort_by` and `sort_direction` say otherwise."""
    by = request.GET.get("sort_by", "latest_version_created_at")
    direction = request.GET.get("sort_direction", "desc")
    times = {"model_created_at": "created_at", "latest_version_created_at": "latest_at"}
    if by not in times or direction not in {"asc", "desc"}:
        raise error_responses.bad_request(
            "sort_by is model_created_at or latest_version_created_at, sort_direction asc or desc."
        )
    newest = Version.objects.filter(model=OuterRef("pk"), enabled=True).order_by("-created_at")
    rows = (
        visible_models()
        .annotate(latest_at=Subquery(newest.values("created_at")[:1]))
        .filter(latest_at__isnull=False)
    )
    urls = absolute_urls_for(request)
    render = renderer(request)
    return json_response(
        cursor_pages.page(request, rows, urls, render, time=times[by], ascending=direction == "asc")
    )


def get_model(request: TokenRequest, owner: str, name: str) -> HttpResponse:
    """GET /models/{owner}/{name}."""
    return json_response(renderer(request)(get_or_404(owner, name)))


def list_versions(request: TokenRequest, owner: str, name: str) -> HttpResponse:
    """GET /models/{owner}/{name}/versions, newest first."""
    rows = Version.objects.filter(model=get_or_404(owner, name), enabled=True)
    return json_response(cursor_pages.page(request, rows, absolute_urls_for(request), version_json))


def get_version(request: TokenRequest, owner: str, name: str, version_id: str) -> HttpResponse:
    """GET /models/{owner}/{name}/versions/{id}: any id that a create accepts is readable here."""
    version = Version.objects.filter(model=get_or_404(owner, name), enabled=True, pk=version_id).first()
    if version is None:
        raise Http404
    return json_response(version_json(version))


def visible_models() -> QuerySet[HostedModel]:
    """Models visible to callers."""
    return HostedModel.objects.filter(enabled=True)


def get_or_404(owner: str, name: str) -> HostedModel:
    """The model of that name. Raises Http404."""
    model = visible_models().filter(owner=owner, name=name).first()
    if model is None:
        raise Http404
    return model


def _run_counts() -> dict[int, int]:
    """Runs by model, cached for a minute: counting a long history would be the most expensive part of each read."""
    counts: dict[int, int] | None = cache.get("run-counts")
    if counts is None:
        rows = Prediction.objects.order_by().values_list("model_id").annotate(n=Count("pk"))
        counts = {int(pk): int(n) for pk, n in rows}
        cache.set("run-counts", counts, 60)
    return counts


def renderer(request: TokenRequest) -> Any:
    """A function that renders a model, sharing what all models need: it is read once."""
    urls = absolute_urls_for(request)
    counts = _run_counts()
    latest: dict[int, Version] = {}
    for version in Version.objects.filter(enabled=True).order_by("created_at", "-id"):
        latest[version.model_id] = version

    def render(model: HostedModel) -> dict[str, Any]:
        return model_json(model, urls, run_count=counts.get(model.pk, 0), latest=latest.get(model.pk))

    return render
