"""URLs of the Replicate API, mounted at `/v1` and `/replicate/v1`. No trailing slashes, and never a redirect to one."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from accounts.tokens import token_scopes
from predictions.api_dialects.common import openapi_parts
from predictions.api_dialects.replicate import (
    deployment_views,
    extra_views,
    file_views,
    images_response,
    model_views,
    prediction_stream,
    views,
)
from predictions.api_dialects.replicate.openapi import builder as openapi_of_mount
from predictions.api_dialects.replicate.view_wrappers import endpoint, public, unknown


def patterns(mount: str, *, created: int, waiting: int) -> list[URLPattern]:
    """URL patterns of one mount; only the status codes of a create differ between mounts."""
    described = openapi_parts.serve(openapi_of_mount(mount, created=created, waiting=waiting))
    codes = {"created": created, "waiting": waiting}
    create = images_response.images_endpoint.endpoint
    predictions = create(
        creates=True, GET=views.list_predictions, POST=lambda request: views.create(request, **codes)
    )
    for_model = create(
        creates=True, POST=lambda request, owner, name: views.create_for_model(request, owner, name, **codes)
    )
    for_deployment = create(
        creates=True,
        POST=lambda request, owner, name: views.create_for_deployment(request, owner, name, **codes),
    )
    model = "models/<str:owner>/<str:name>"
    return [
        path("predictions", predictions),
        path("predictions/<str:public_id>", endpoint(GET=views.get)),
        path("predictions/<str:public_id>/cancel", endpoint(POST=views.cancel)),
        path(
            "models",
            endpoint(
                GET=model_views.list_models, QUERY=extra_views.query_models, POST=extra_views.operators_only
            ),
        ),
        path(
            model,
            endpoint(
                GET=model_views.get_model, PATCH=extra_views.operators_only, DELETE=extra_views.operators_only
            ),
        ),
        path(f"{model}/readme", endpoint(GET=extra_views.readme)),
        path(f"{model}/examples", endpoint(GET=extra_views.examples)),
        path(f"{model}/predictions", for_model),
        path(f"{model}/versions", endpoint(GET=model_views.list_versions)),
        path(
            f"{model}/versions/<str:version_id>",
            endpoint(GET=model_views.get_version, DELETE=extra_views.operators_only),
        ),
        path(f"{model}/versions/<str:version_id>/trainings", endpoint(POST=extra_views.no_trainings)),
        path("search", endpoint(GET=extra_views.search)),
        path("hardware", endpoint(GET=extra_views.hardware)),
        path("collections", endpoint(GET=extra_views.collections)),
        path("collections/<str:slug>", endpoint(GET=extra_views.collection)),
        path("trainings", endpoint(GET=extra_views.empty_page)),
        path("trainings/<str:training_id>", endpoint(GET=extra_views.always_missing)),
        path("trainings/<str:training_id>/cancel", endpoint(POST=extra_views.always_missing)),
        path(
            "deployments",
            endpoint(GET=deployment_views.list_deployments, POST=deployment_views.refuse_change),
        ),
        path(
            "deployments/<str:owner>/<str:name>",
            endpoint(
                GET=deployment_views.get,
                PATCH=deployment_views.refuse_change,
                DELETE=deployment_views.refuse_change,
            ),
        ),
        path("deployments/<str:owner>/<str:name>/predictions", for_deployment),
        path("account", endpoint(GET=extra_views.get_account)),
        path(
            "webhooks/default/secret", endpoint(scope=token_scopes.ADMIN, GET=extra_views.get_webhook_secret)
        ),
        # Under files/ for models with file outputs: one client creates file objects only for such stream
        # URLs.
        path("files/stream-<str:token>", public(prediction_stream.stream)),
        path("streams/<str:token>", public(prediction_stream.stream)),
        path("files", endpoint(GET=file_views.list_files, POST=file_views.create)),
        path("files/<str:public_id>", endpoint(GET=file_views.get, DELETE=file_views.delete)),
        path("files/<str:public_id>/download", public(file_views.download)),
        path("openapi.json", public(described)),
        re_path(r"^[\s\S]*$", unknown),
    ]
