"""The Replicate API, mounted at `/v1` and `/replicate/v1`. No trailing slashes, and never a redirect to add one."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from accounts import permits
from predictions.dialects.common import openapi
from predictions.dialects.replicate import account, answers, deployments, files, models, small, streams, views
from predictions.dialects.replicate.endpoint import endpoint, public, unknown
from predictions.dialects.replicate.openapi import builder as openapi_of_mount


def patterns(mount: str, *, created: int, waiting: int) -> list[URLPattern]:
    """The addresses of one mount; the codes of a create are what differs between the two."""
    described = openapi.serve(openapi_of_mount(mount, created=created, waiting=waiting))
    codes = {"created": created, "waiting": waiting}
    create = answers.door.endpoint
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
        path("models", endpoint(GET=models.list_models, QUERY=small.query_models, POST=small.operators_only)),
        path(model, endpoint(GET=models.get_model, PATCH=small.operators_only, DELETE=small.operators_only)),
        path(f"{model}/readme", endpoint(GET=small.readme)),
        path(f"{model}/examples", endpoint(GET=small.examples)),
        path(f"{model}/predictions", for_model),
        path(f"{model}/versions", endpoint(GET=models.list_versions)),
        path(
            f"{model}/versions/<str:version_id>",
            endpoint(GET=models.get_version, DELETE=small.operators_only),
        ),
        path(f"{model}/versions/<str:version_id>/trainings", endpoint(POST=small.no_trainings)),
        path("search", endpoint(GET=small.search)),
        path("hardware", endpoint(GET=small.hardware)),
        path("collections", endpoint(GET=small.collections)),
        path("collections/<str:slug>", endpoint(GET=small.collection)),
        path("trainings", endpoint(GET=small.nothing_listed)),
        path("trainings/<str:training_id>", endpoint(GET=small.not_here)),
        path("trainings/<str:training_id>/cancel", endpoint(POST=small.not_here)),
        path("deployments", endpoint(GET=deployments.list_deployments, POST=deployments.not_by_callers)),
        path(
            "deployments/<str:owner>/<str:name>",
            endpoint(
                GET=deployments.get, PATCH=deployments.not_by_callers, DELETE=deployments.not_by_callers
            ),
        ),
        path("deployments/<str:owner>/<str:name>/predictions", for_deployment),
        path("account", endpoint(GET=account.get_account)),
        path("webhooks/default/secret", endpoint(scope=permits.ADMIN, GET=account.get_webhook_secret)),
        # Under files/ for models whose output is files: one client makes file objects of such streams only.
        path("files/stream-<str:token>", public(streams.stream)),
        path("streams/<str:token>", public(streams.stream)),
        path("files", endpoint(GET=files.list_files, POST=files.create)),
        path("files/<str:public_id>", endpoint(GET=files.get, DELETE=files.delete)),
        path("files/<str:public_id>/download", public(files.download)),
        path("openapi.json", public(described)),
        re_path(r"^[\s\S]*$", unknown),
    ]
