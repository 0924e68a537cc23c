"""Rows as the JSON that Replicate's clients read. Pure: rows in, dictionaries out."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.templatetags.static import static

from accounts.models import MICRO
from predictions.api_dialects.common import status_extras
from predictions.api_dialects.replicate.absolute_urls import AbsoluteUrls
from predictions.catalogue import lookup, samples
from predictions.models import HostedModel, Prediction, Version

EXAMPLE = "example"
"""How the id of an example begins."""


def time(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with `Z`."""
    # The offset is cut off: every time of ours is in UTC. strftime says the same, at ten times the cost.
    return f"{moment.isoformat(timespec='microseconds')[:26]}Z" if moment else None


def prediction_json(
    prediction: Prediction, urls: AbsoluteUrls, *, as_starting: bool = False
) -> dict[str, Any]:
    """The prediction object.

    `as_starting`: a hold that ran out shows `starting` and no output, whatever is true by now; clients poll only then.
    """
    shown: dict[str, Any] = {
        "id": prediction.public_id,
        "model": prediction.model.ref,
        "version": prediction.version_id,
        "input": prediction.input,
        "logs": prediction.logs,
        "output": _output(prediction, urls),
        "data_removed": prediction.data_removed,
        "error": prediction.error,
        "status": prediction.shown_status,
        "source": prediction.source,
        "created_at": time(prediction.created_at),
        "started_at": time(prediction.started_at),
        "completed_at": time(prediction.completed_at),
        "deadline": time(prediction.deadline),
        "metrics": _metrics(prediction),
        "urls": urls.prediction(prediction),
        "darkroom": status_extras.extras(prediction),
    }
    if prediction.deployment:
        shown["deployment"] = prediction.deployment
    if as_starting and not prediction.is_ended:
        shown |= {"status": "starting", "output": None, "started_at": None}
    return shown


def _output(prediction: Prediction, urls: AbsoluteUrls) -> Any:
    output = prediction.output
    if not prediction.version.gives_files or output is None:
        return output
    return [urls.own(path) for path in output] if isinstance(output, list) else urls.own(output)


def _metrics(prediction: Prediction) -> dict[str, Any]:
    if prediction.completed_at is None:
        return {}
    began = prediction.started_at or prediction.completed_at
    shown = dict(prediction.metrics)
    shown.setdefault("predict_time", max(0.0, (prediction.completed_at - began).total_seconds()))
    shown["total_time"] = max(0.0, (prediction.completed_at - prediction.created_at).total_seconds())
    shown["credits"] = (prediction.charge or 0) / MICRO
    return shown


def model_json(
    model: HostedModel, urls: AbsoluteUrls, *, run_count: int, latest: Version | None
) -> dict[str, Any]:
    """The model object."""
    sample = samples.for_model(model.ref)
    cover = urls.own(static(sample.poster)) if sample else None
    return {
        "url": urls.own(f"/studio/?model={model.ref}"),
        "owner": model.owner,
        "name": model.name,
        "description": model.description or None,
        "visibility": "public",
        "is_official": model.is_official,
        "github_url": model.github_url or None,
        "paper_url": model.paper_url or None,
        "license_url": model.license_url or None,
        "cover_image_url": model.cover_image_url or cover,
        "run_count": run_count,
        "created_at": time(model.created_at),
        "default_example": example_json(sample, latest, urls) if sample and latest else None,
        "latest_version": version_json(latest) if latest else None,
    }


def example_json(sample: samples.Sample, version: Version, urls: AbsoluteUrls) -> dict[str, Any]:
    """The sample that ships with Darkroom, in the shape of a prediction. It belongs to nobody and cannot be fetched by
    its id, so its `urls` lead only to the model's page."""
    files = {name: urls.own(static(path)) for name, path in sample.input_files}
    output = urls.own(static(sample.output))
    moment = time(version.created_at)
    return {
        "id": EXAMPLE + hashlib.sha256(version.pk.encode()).hexdigest()[: 26 - len(EXAMPLE)],
        "model": sample.ref,
        "version": version.pk,
        "input": {**sample.input, **files},
        "output": [output] if version.gives_list else output,
        "logs": sample.logs,
        "error": None,
        "status": "succeeded",
        "data_removed": False,
        "source": "web",
        "created_at": moment,
        "started_at": moment,
        "completed_at": moment,
        "metrics": {},
        "urls": {"web": urls.own(f"/docs/models/{sample.ref}")},
    }


def version_json(version: Version) -> dict[str, Any]:
    """The version object, with the OpenAPI document that Cog would publish."""
    return {
        "id": version.pk,
        "created_at": time(version.created_at),
        "cog_version": version.cog_version,
        "openapi_schema": lookup.openapi_schema(version),
    }
