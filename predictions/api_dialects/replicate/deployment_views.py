"""Views of deployments: versions that the operator offers under a name of its own, with fixed inputs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse

from predictions.api_dialects.common.endpoint import TokenRequest
from predictions.api_dialects.common.payloads import json_response
from predictions.api_dialects.replicate import cursor_pages, error_responses
from predictions.api_dialects.replicate.absolute_urls import AbsoluteUrls, absolute_urls_for
from predictions.api_dialects.replicate.serializers import time
from predictions.catalogue import lookup
from predictions.models import Deployment


def list_deployments(request: TokenRequest) -> HttpResponse:
    """GET /deployments, newest first."""
    urls = absolute_urls_for(request)
    rows = lookup.deployments()
    return json_response(cursor_pages.page(request, rows, urls, lambda row: deployment_json(row, urls)))


def get(request: TokenRequest, owner: str, name: str) -> HttpResponse:
    """GET /deployments/{owner}/{name}."""
    deployment = lookup.find_deployment(owner, name)
    if deployment is None:
        raise Http404
    return json_response(deployment_json(deployment, absolute_urls_for(request)))


def refuse_change(request: TokenRequest, *args: str, **kwargs: str) -> HttpResponse:
    """422 for every change: deployments are edited in the admin."""
    raise error_responses.Problem(
        422,
        "Deployments are kept by operators",
        "The operators of this server make and change its deployments.",
    )


def deployment_json(deployment: Deployment, urls: AbsoluteUrls) -> dict[str, Any]:
    """The deployment object. It hides which operator made it: `created_by` is its owner."""
    return {
        "owner": deployment.owner,
        "name": deployment.name,
        "current_release": {
            "number": deployment.number,
            "model": deployment.version.model.ref,
            "version": deployment.version_id,
            "created_at": time(deployment.created_at),
            "created_by": {
                "type": "organization",
                "username": deployment.owner,
                "name": deployment.owner,
                "github_url": None,
                "avatar_url": urls.own("/static/img/mark.svg"),
            },
            # Deployments share the machine with everything else; no instance is dedicated to one.
            "configuration": {
                "hardware": "cpu",
                "min_instances": 0,
                "max_instances": settings.ENGINE["slots"],
            },
        },
    }
