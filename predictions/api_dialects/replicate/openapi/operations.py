"""Paths of the Replicate dialect's OpenAPI document, in the order of its routes."""

from __future__ import annotations

from typing import Any

from predictions.api_dialects.common.openapi_parts import (
    STRING,
    TIME,
    Json,
    json_reply,
    list_of,
    parameter,
    ref,
    reply,
)
from predictions.api_dialects.replicate.openapi.common_responses import (
    BYTES_HEADERS,
    CREATED_HEADERS,
    PROBLEM,
    errors,
)

_MODEL = "/models/{owner}/{name}"
_DEPLOYMENT = "/deployments/{owner}/{name}"
_LINKS: Json = {
    verb: {"operationId": f"predictions.{verb}", "parameters": {"public_id": "$response.body#/id"}}
    for verb in ("get", "cancel")
}
_FILE_LINKS: Json = {
    verb: {"operationId": f"files.{verb}", "parameters": {"public_id": "$response.body#/id"}}
    for verb in ("get", "delete")
}


def paths(*, created: int, waiting: int) -> Json:
    """All paths. `created`, `waiting`: status codes of a create at this mount."""
    return {
        **_predictions(created, waiting),
        **_models(created, waiting),
        **_small(),
        **_deployments(created, waiting),
        **_trainings(),
        **_files(),
        **_capability_urls(),
    }


def _operation(operation_id: str, summary: str, answers: Json, *parameters: str | Json, **more: Any) -> Json:
    references = [
        {"$ref": f"#/components/parameters/{item}"} if isinstance(item, str) else item for item in parameters
    ]
    return {
        "operationId": operation_id,
        "summary": summary,
        "parameters": references,
        "responses": answers,
        **more,
    }


def _get(operation_id: str, summary: str, schema: str, *parameters: str | Json) -> Json:
    missing = () if "list" in operation_id else (404,)
    return _operation(
        operation_id,
        summary,
        {"200": json_reply("Here it is.", ref(schema)), **errors(*missing)},
        *parameters,
    )


def _list(operation_id: str, summary: str, schema: str, *parameters: str | Json) -> Json:
    answers = {"200": json_reply("A page.", ref(schema)), **errors(404)}
    return _operation(operation_id, summary, answers, *parameters, "limit", "cursor")


def _create(operation_id: str, summary: str, schema: str, created: int, waiting: int, *path: str) -> Json:
    codes = {created: "Created, and ended where it was waited for.", waiting: "Created; it goes on."}
    answers = {
        str(code): json_reply(text, ref("Prediction"), CREATED_HEADERS, links=_LINKS)
        for code, text in codes.items()
        if code != 200
    }
    pictures = json_reply("The pictures, where they were asked for.", ref("Images"))
    if 200 in codes:
        both = {"anyOf": [ref("Prediction"), ref("Images")]}
        optional = {name: {**header, "required": False} for name, header in CREATED_HEADERS.items()}
        pictures = json_reply(
            "Created, or the pictures where they were asked for.", both, optional, links=_LINKS
        )
    failed = reply("The pictures were not ready in time.", {"application/json": ref("ImagesError")})
    return _operation(
        operation_id,
        summary,
        {**answers, "200": pictures, **errors(402, 404, 413, 422, create=True), "504": failed},
        *path,
        "prefer",
        "cancel_after",
        "idempotency_key",
        "answer_header",
        "answer_query",
        requestBody={"required": True, "content": {"application/json": {"schema": ref(schema)}}},
    )


def _refused(operation_id: str, summary: str, status: int, *path: str) -> Json:
    return _operation(operation_id, summary, errors(status), *path)


def _predictions(created: int, waiting: int) -> Json:
    times = [
        parameter(f"created_{side}", "query", f"Only those created {side} this time.", TIME)
        for side in ("after", "before")
    ]
    source = parameter(
        "source", "query", "Only those made on the pages.", {"type": "string", "enum": ["web"]}
    )
    return {
        "/predictions": {
            "get": _list("predictions.list", "Your predictions", "PredictionsPage", *times, source),
            "post": _create("predictions.create", "Create a prediction", "CreateRequest", created, waiting),
        },
        "/predictions/{public_id}": {
            "get": _get("predictions.get", "A prediction", "Prediction", "public_id"),
        },
        "/predictions/{public_id}/cancel": {
            "post": _get("predictions.cancel", "Cancel a prediction", "Prediction", "public_id"),
        },
    }


def _models(created: int, waiting: int) -> Json:
    by = {"type": "string", "enum": ["model_created_at", "latest_version_created_at"]}
    sorting = [
        parameter("sort_by", "query", "By which time.", by),
        parameter("sort_direction", "query", "Which way.", {"type": "string", "enum": ["asc", "desc"]}),
    ]
    readme = {"200": reply("Markdown.", {"text/plain": STRING}), **errors(404)}
    return {
        "/models": {
            "get": _list("models.list", "The models", "ModelsPage", *sorting),
            "query": {
                **_list("models.search", "Models that hold every word", "ModelsPage"),
                "requestBody": {"content": {"text/plain": {"schema": STRING, "example": "stable diffusion"}}},
            },
            "post": _refused("models.create", "Not offered: operators keep the catalogue", 403),
        },
        _MODEL: {
            "get": _get("models.get", "A model", "Model", "owner", "name"),
            "patch": _refused("models.update", "Not offered", 403, "owner", "name"),
            "delete": _refused("models.delete", "Not offered", 403, "owner", "name"),
        },
        f"{_MODEL}/readme": {
            "get": _operation("models.readme.get", "What is to be known of a model", readme, "owner", "name")
        },
        f"{_MODEL}/examples": {
            "get": _list("models.examples.list", "Examples of a model", "PredictionsPage", "owner", "name")
        },
        f"{_MODEL}/predictions": {
            "post": _create(
                "models.predictions.create", "Create a prediction with a model's newest version",
                "CreateForModelRequest", created, waiting, "owner", "name",
            )
        },
        f"{_MODEL}/versions": {
            "get": _list("models.versions.list", "Versions of a model", "VersionsPage", "owner", "name")
        },
        f"{_MODEL}/versions/{{version_id}}": {
            "get": _get("models.versions.get", "A version", "Version", "owner", "name", "version_id"),
            "delete": _refused("models.versions.delete", "Not offered", 403, "owner", "name", "version_id"),
        },
        f"{_MODEL}/versions/{{version_id}}/trainings": {
            "post": _refused("trainings.create", "Not offered", 422, "owner", "name", "version_id")
        },
    }  # fmt: skip


def _small() -> Json:
    words = parameter(
        "query", "query", "Words.", {"type": "string", "minLength": 1, "maxLength": 500}, required=True
    )
    most = parameter(
        "limit", "query", "Models, 20 unless told.", {"type": "integer", "minimum": 1, "maximum": 50}
    )
    hardware = {"200": json_reply("A bare list.", list_of(ref("Hardware"))), **errors()}
    return {
        "/search": {"get": _get("search", "Models and collections by words", "SearchResult", words, most)},
        "/hardware": {"get": _operation("hardware.list", "What it runs on", hardware)},
        "/collections": {"get": _get("collections.list", "Kinds of models", "CollectionsPage")},
        "/collections/{slug}": {
            "get": _get("collections.get", "A kind, with its models", "CollectionWithModels", "slug")
        },
        "/account": {"get": _get("account.get", "Who the token speaks for", "Account")},
        "/webhooks/default/secret": {
            "get": _get("webhooks.default.secret.get", "What webhooks are signed with", "WebhookSecret")
        },
    }


def _deployments(created: int, waiting: int) -> Json:
    return {
        "/deployments": {
            "get": _list("deployments.list", "Models with inputs that an operator fixed", "DeploymentsPage"),
            "post": _refused("deployments.create", "Not offered: operators keep them", 422),
        },
        _DEPLOYMENT: {
            "get": _get("deployments.get", "A deployment", "Deployment", "owner", "name"),
            "patch": _refused("deployments.update", "Not offered", 422, "owner", "name"),
            "delete": _refused("deployments.delete", "Not offered", 422, "owner", "name"),
        },
        f"{_DEPLOYMENT}/predictions": {
            "post": _create(
                "deployments.predictions.create", "Create a prediction with a deployment",
                "CreateForModelRequest", created, waiting, "owner", "name",
            )
        },
    }  # fmt: skip


def _trainings() -> Json:
    return {
        "/trainings": {"get": _list("trainings.list", "Always empty", "EmptyPage")},
        "/trainings/{training_id}": {"get": _refused("trainings.get", "There are none", 404, "training_id")},
        "/trainings/{training_id}/cancel": {
            "post": _refused("trainings.cancel", "There are none", 404, "training_id")
        },
    }


def _files() -> Json:
    created = {"201": json_reply("Kept.", ref("File"), links=_FILE_LINKS), **errors(413, 422)}
    deleted = {"204": reply("Gone."), **errors(404)}
    return {
        "/files": {
            "get": _list("files.list", "Your files", "FilesPage"),
            "post": _operation(
                "files.create", "Upload a file", created,
                requestBody={"required": True, "content": {"multipart/form-data": {"schema": ref("FileRequest")}}},
            ),
        },
        "/files/{public_id}": {
            "get": _get("files.get", "What a file is", "File", "public_id"),
            "delete": _operation("files.delete", "Delete a file", deleted, "public_id"),
        },
    }  # fmt: skip


def _capability_urls() -> Json:
    """URLs that need no token, because they contain a secret of their own."""
    signed = [
        parameter(name, "query", "As in the address that was given.", STRING, required=True)
        for name in ("owner", "expiry", "signature")
    ]
    missing = reply("There is no such thing, or the address is wrong.", {PROBLEM: ref("Problem")})
    bytes_ = {"schema": {"type": "string", "format": "binary"}}
    whole = {**reply("The bytes.", None, BYTES_HEADERS), "content": {"*/*": bytes_}}
    part = {**reply("The bytes asked for.", None, BYTES_HEADERS), "content": {"*/*": bytes_}}
    same = reply("Not changed since `If-None-Match`.")
    beyond = reply("The range begins after the end.")
    download = {"200": whole, "206": part, "304": same, "404": missing, "416": beyond}
    events = {"schema": ref("Event")}
    stream = {
        "200": {**reply("Events, until it has ended."), "content": {"text/event-stream": events}},
        "404": missing,
    }
    last = parameter("Last-Event-ID", "header", "Go on after this event.", STRING)
    looks = parameter(
        "previews", "query", "`1`: also events `preview`, looks at an unfinished picture.", STRING
    )
    opened = ("token", last, looks)
    document = {"200": json_reply("OpenAPI 3.1.", {"type": "object"})}
    return {
        "/files/{public_id}/download": {
            "get": _operation(
                "files.download", "The bytes of a file", download,
                "public_id", *signed, security=[],
            )
        },
        "/files/stream-{token}": {
            "get": _operation("files.stream", "Events of a model that makes files", stream, *opened, security=[])
        },
        "/streams/{token}": {
            "get": _operation("predictions.stream", "Events of any other model", stream, *opened, security=[])
        },
        "/openapi.json": {"get": _operation("openapi", "This document", document, security=[])},
    }  # fmt: skip
