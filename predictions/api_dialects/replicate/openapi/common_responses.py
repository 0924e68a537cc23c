"""Responses and parameters shared by operations of the Replicate dialect's OpenAPI document."""

from __future__ import annotations

from predictions.api_dialects.common.openapi_parts import INTEGER, STRING, Json, parameter, ref, reply

PROBLEM = "application/problem+json"
RETRY: Json = {
    "Retry-After": {
        "description": "Seconds to wait, ten at most.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1, "maximum": 10},
    }
}
_NAMES = {
    400: (
        "BadRequest",
        "It cannot be read: no JSON, not UTF-8, nested deeper than 64 levels, or a bad parameter.",
    ),
    401: ("Unauthenticated", "The token is missing, malformed, unknown or revoked."),
    402: ("InsufficientCredit", "The account has less than this can cost."),
    403: ("Forbidden", "The account or the token may not do this."),
    404: ("NotFound", "There is no such thing, or it is somebody else's."),
    405: ("MethodNotAllowed", "The address answers other methods; they are in `Allow`."),
    413: ("TooLarge", "The body or the file is too large."),
    422: ("Invalid", "Understood, but it cannot be done; `invalid_fields` says which fields are wrong."),
    429: ("TooMany", "Too many requests."),
    500: ("Broken", "Something broke on our side. Nothing was charged."),
    503: ("Unavailable", "Not now; try again."),
}
_HEADERS: dict[int, Json] = {
    401: {"WWW-Authenticate": {"description": "`Bearer`.", "required": True, "schema": STRING}},
    405: {"Allow": {"description": "The methods.", "required": True, "schema": STRING}},
    429: RETRY,
    503: RETRY,
}
READ = (400, 401, 403, 429, 500, 503)
"""Status codes that every operation with a token may return, besides success."""
FORMS = {PROBLEM: ref("Problem"), "application/json": ref("ImagesError")}


def responses() -> Json:
    """Shared responses by name; those named `Create…` are for a create, whose errors may be in OpenAI's format."""
    shared: Json = {}
    for status, (name, description) in _NAMES.items():
        shared[name] = reply(description, {PROBLEM: ref("Problem")}, _HEADERS.get(status))
        shared[f"Create{name}"] = reply(description, FORMS, _HEADERS.get(status))
    return shared


def errors(*statuses: int, create: bool = False) -> Json:
    """Error responses by status, including those that every operation has."""
    prefix = "Create" if create else ""
    return {
        str(status): {"$ref": f"#/components/responses/{prefix}{_NAMES[status][0]}"}
        for status in sorted({*READ, *statuses})
    }


def parameters() -> Json:
    """Shared parameters by name."""
    text = {"type": "string", "maxLength": 200}
    return {
        "cursor": parameter(
            "cursor",
            "query",
            "As given in `next` and `previous`.",
            {"type": "string", "format": "page-cursor"},
        ),
        "limit": parameter(
            "limit",
            "query",
            "Rows in a page; 100 unless told.",
            {"type": "integer", "minimum": 1, "maximum": 100},
        ),
        "prefer": parameter(
            "Prefer",
            "header",
            "`wait` or `wait=N` (1 to 60 seconds) holds the answer until the prediction has ended, `respond-async` "
            "does not. Others are ignored.",
            {"type": "string", "format": "prefer"},
        ),
        "cancel_after": parameter(
            "Cancel-After",
            "header",
            "Cancel it after so long: `90`, `30s`, `5m`, `1h30m45s`; at least 5 seconds.",
            {"type": "string", "pattern": "^([5-9]|[1-9][0-9]{1,4})s?$|^[1-9][0-9]{0,2}m$|^[1-9][0-9]?h$"},
        ),
        "idempotency_key": parameter(
            "Idempotency-Key",
            "header",
            "The same key within 24 hours gives the first prediction again, and nothing is charged twice.",
            {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
        ),
        "answer_header": parameter(
            "X-Darkroom-Answer",
            "header",
            "`openai`: hold until the end and answer with the pictures in OpenAI's form.",
            {"type": "string", "enum": ["prediction", "openai"]},
        ),
        "answer_query": parameter(
            "answer",
            "query",
            "As the header X-Darkroom-Answer.",
            {"type": "string", "enum": ["prediction", "openai"]},
        ),
        **{name: parameter(name, "path", what, text, required=True) for name, what in _PATH.items()},
    }


_PATH = {
    "owner": "The owner's part of `owner/name`.",
    "name": "The name's part of `owner/name`.",
    "public_id": "The id.",
    "version_id": "The version's 64-hex id.",
    "training_id": "The id.",
    "slug": "The collection's name in addresses.",
    "token": "The secret part of the address.",
}
CREATED_HEADERS: Json = {
    "Location": {"description": "The address of the prediction.", "required": True, "schema": STRING},
    "Preference-Applied": {"description": "`wait` or `wait=N`, where it was held.", "schema": STRING},
    "Idempotent-Replayed": {"description": "`true`: it had been created before.", "schema": STRING},
}
BYTES_HEADERS: Json = {
    "Content-Length": {"description": "Bytes.", "schema": INTEGER},
    "ETag": {"description": "Changes with the bytes.", "schema": STRING},
    "Accept-Ranges": {"description": "`bytes`.", "schema": STRING},
}
