"""Parts that the dialects' OpenAPI 3.1 documents are put together from, and the view that serves one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.http.public_origin import origin_of
from predictions.api_dialects.common.payloads import answer

Json = dict[str, Any]
Build = Callable[[str], Json]
"""Makes a document for callers that see us under this origin, `https://host`."""

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
    """A whole document. Every operation asks for a token unless it says otherwise."""
    return {
        "openapi": "3.1.0",
        "info": {"version": "1", **info},
        "servers": [{"url": server}],
        "security": [{"token": []}],
        "paths": paths,
        "components": components,
    }


def serve(build: Build) -> Callable[..., HttpResponse]:
    """GET the document, with the caller's own origin in it."""

    def view(request: HttpRequest) -> HttpResponse:
        shown = answer(build(origin_of(request)))
        shown["Cache-Control"] = "no-cache"
        return shown

    return view


def ref(name: str) -> Json:
    """A schema of this document by its name."""
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
    """The schema with a sentence about it."""
    return {**schema, "description": description}


def object_schema(properties: Json, optional: Sequence[str] = (), **more: Any) -> Json:
    """An object that has all these properties but the optional ones; others may be added one day."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, **more}


def parameter(name: str, where: str, description: str, schema: Json, *, required: bool = False) -> Json:
    """A parameter; `where` is path, query or header."""
    return {"name": name, "in": where, "description": description, "required": required, "schema": schema}


def reply(
    description: str, content: Mapping[str, Json] | None = None, headers: Json | None = None, **more: Any
) -> Json:
    """An answer. `content`: schemas by media type."""
    found: Json = {
        "description": description,
        "headers": {**REQUEST_ID, **RATE_HEADERS, **(headers or {})},
        **more,
    }
    if content:
        found["content"] = {media: {"schema": schema} for media, schema in content.items()}
    return found


def in_json(description: str, schema: Json, headers: Json | None = None, **more: Any) -> Json:
    """An answer in JSON."""
    return reply(description, {"application/json": schema}, headers, **more)


def replies(names: Mapping[int, str]) -> Json:
    """Answers by status, from the document's shared ones."""
    return {str(status): {"$ref": f"#/components/responses/{name}"} for status, name in names.items()}
