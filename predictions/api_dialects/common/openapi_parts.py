"""Building blocks of the dialects' OpenAPI 3.1 documents, and the view that serves a document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.http.public_origin import origin_of
from predictions.api_dialects.common.payloads import json_response

Json = dict[str, Any]
Build = Callable[[str], Json]
"""Builds a document for callers that reach this server under an origin, `https://host`."""

STRING: Json = {"type": "string"}
INTEGER: Json = {"type": "integer"}
BOOLEAN: Json = {"type": "boolean"}
TIME: Json = {"type": "string", "format": "date-time"}
ADDRESS: Json = {"type": "string", "format": "uri"}
RATE_HEADERS: Json = {
    "ratelimit-limit": {"description": "Requests of this kind allowed in a minute.", "schema": INTEGER},
    "ratelimit-remaining": {"description": "How many of them are left.", "schema": INTEGER},
    "ratelimit-reset": {"description": "Seconds until all are there again.", "schema": INTEGER},
}
REQUEST_ID: Json = {
    "X-Request-Id": {"description": "To quote when asking for help.", "required": True, "schema": STRING},
    "Server-Timing": {
        "description": "`app;dur=`: milliseconds that the server worked on it, waiting not counted.",
        "schema": STRING,
    },
}


def document(info: Json, server: str, paths: Json, components: Json) -> Json:
    """A complete document. Every operation requires a token unless it overrides `security`."""
    return {
        "openapi": "3.1.0",
        "info": {"version": "1", **info},
        "servers": [{"url": server}],
        "security": [{"token": []}],
        "paths": paths,
        "components": components,
    }


def serve(build: Build) -> Callable[..., HttpResponse]:
    """View: GET the document, with the caller's own origin in it."""

    def view(request: HttpRequest) -> HttpResponse:
        response = json_response(build(origin_of(request)))
        response["Cache-Control"] = "no-cache"
        return response

    return view


def ref(name: str) -> Json:
    """Reference to a schema of this document."""
    return {"$ref": f"#/components/schemas/{name}"}


def or_null(schema: Json) -> Json:
    """The schema, or null."""
    if "$ref" in schema or "enum" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def list_of(schema: Json) -> Json:
    """A list of these."""
    return {"type": "array", "items": schema}


def described(description: str, schema: Json) -> Json:
    """The schema with a description."""
    return {**schema, "description": description}


def object_schema(properties: Json, optional: Sequence[str] = (), **more: Any) -> Json:
    """An object with these properties, all required but the optional ones; more may be added later."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, **more}


def parameter(name: str, where: str, description: str, schema: Json, *, required: bool = False) -> Json:
    """A parameter; `where` is path, query or header."""
    return {"name": name, "in": where, "description": description, "required": required, "schema": schema}


def reply(
    description: str, content: Mapping[str, Json] | None = None, headers: Json | None = None, **more: Any
) -> Json:
    """A response. `content`: schemas by media type."""
    response: Json = {
        "description": description,
        "headers": {**REQUEST_ID, **RATE_HEADERS, **(headers or {})},
        **more,
    }
    if content:
        response["content"] = {media: {"schema": schema} for media, schema in content.items()}
    return response


def json_reply(description: str, schema: Json, headers: Json | None = None, **more: Any) -> Json:
    """A JSON response."""
    return reply(description, {"application/json": schema}, headers, **more)
