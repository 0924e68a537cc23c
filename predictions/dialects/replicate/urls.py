"""The Replicate API, mounted at `/v1` and `/replicate/v1`. No trailing slashes, and never a redirect to add one."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from predictions.dialects.replicate import account, models, streams, views
from predictions.dialects.replicate.endpoint import endpoint, public, unknown


def patterns(*, created: int, waiting: int) -> list[URLPattern]:
    """The addresses of one mount; the codes of a create are what differs between the two."""
    codes = {"created": created, "waiting": waiting}
    predictions = endpoint(GET=views.list_predictions, POST=lambda request: views.create(request, **codes))
    for_model = endpoint(
        POST=lambda request, owner, name: views.create_for_model(request, owner, name, **codes)
    )
    model = "models/<str:owner>/<str:name>"
    return [
        path("predictions", predictions),
        path("predictions/<str:public_id>", endpoint(GET=views.get)),
        path("predictions/<str:public_id>/cancel", endpoint(POST=views.cancel)),
        path("models", endpoint(GET=models.list_models)),
        path(model, endpoint(GET=models.get_model)),
        path(f"{model}/predictions", for_model),
        path(f"{model}/versions", endpoint(GET=models.list_versions)),
        path(f"{model}/versions/<str:version_id>", endpoint(GET=models.get_version)),
        path("account", endpoint(GET=account.get_account)),
        path("webhooks/default/secret", endpoint(GET=account.get_webhook_secret)),
        # Under files/ for models whose output is files: one client makes file objects of such streams only.
        path("files/stream-<str:token>", public(streams.stream)),
        path("streams/<str:token>", public(streams.stream)),
        re_path(r"^.*$", unknown),
    ]
