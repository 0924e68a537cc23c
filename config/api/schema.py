"""Post-processing of the OpenAPI document of `/api`: errors and headers that every operation has."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from core.api.problems import problem

Json = dict[str, Any]

_WORDS = {
    400: "The body, or a field of it, is wrong; `faults` names the fields.",
    401: "No token, no session, or a token that opens nothing.",
    403: "A suspended account, or a token without the scope that this needs.",
    404: "There is no such thing, or it is not yours.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    429: "Too many requests in this minute; `Retry-After` tells how many seconds to wait.",
}
_DETAILS = {
    400: "The request has errors: limit: Ensure this value is greater than or equal to 1.",
    401: "You did not pass a valid authentication token",
    402: "You have insufficient credit to run this model. Add credit to your account and try again.",
    403: "This API token may not do this: it lacks the scope `gallery`.",
    404: "There is no such thing, or it is not yours.",
    413: "The body is too large.",
    415: 'Unsupported media type "text/plain" in request.',
    422: "No provider can serve this model at present. Nothing was charged.",
    429: "Request was throttled. Expected available in 4 seconds.",
    503: "The server has too little free space for new pictures. Nothing was charged; try again later.",
}
_WHOLE: Json = {"type": "integer"}
_STANDING: Json = {
    "ratelimit-limit": {"description": "Requests of this kind allowed in a minute.", "schema": _WHOLE},
    "ratelimit-remaining": {"description": "How many of them are left.", "schema": _WHOLE},
    "ratelimit-reset": {"description": "Seconds until all are there again.", "schema": _WHOLE},
}
_ID: Json = {
    "X-Request-Id": {
        "description": "To quote when asking for help.", "required": True, "schema": {"type": "string"},
    }
}  # fmt: skip
_METHODS = ("get", "post", "put", "patch", "delete")


def with_errors_and_headers(result: Json, generator: Any, **kwargs: Any) -> Json:
    """Add to each operation what it answers to wrong callers, with an example for each, and the common headers."""
    for path, operations in result["paths"].items():
        for method in _METHODS:
            if method in operations:
                _finish(path, operations[method])
    return result


def _finish(path: str, operation: Json) -> None:
    answers = operation["responses"]
    for status in _common(path, operation):
        answers.setdefault(str(status), {"description": _WORDS[status]})
    operation["responses"] = dict(sorted(answers.items()))
    for code, answer in operation["responses"].items():
        status = int(code)
        answer["headers"] = {**_ID, **_STANDING, **answer.get("headers", {})}
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            answer["headers"]["Retry-After"] = {"description": "Seconds to wait.", "schema": _WHOLE}
        if status >= HTTPStatus.BAD_REQUEST:
            answer["description"] = answer["description"] or _WORDS.get(status, HTTPStatus(status).phrase)
            answer["content"] = {"application/json": _error(status, answer)}


def _common(path: str, operation: Json) -> list[int]:
    found = [HTTPStatus.TOO_MANY_REQUESTS]
    if {} not in operation.get("security", [{}]):
        found += [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN]
    if "requestBody" in operation:
        found += [
            HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        ]  # fmt: skip
    return [*found, HTTPStatus.NOT_FOUND] if "{" in path else [*found]


def _error(status: int, answer: Json) -> Json:
    given: Json = answer.get("content", {}).get("application/json", {})
    shown = problem(status, _DETAILS.get(status, HTTPStatus(status).phrase))
    examples = given.get("examples") or {HTTPStatus(status).phrase: {"value": shown}}
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
