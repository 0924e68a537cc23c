"""OpenAPI 3.1 document of the Replicate dialect, one for each mount: the status codes of a create differ."""

from __future__ import annotations

from predictions.api_dialects.common.openapi_parts import Build, Json, document
from predictions.api_dialects.replicate.openapi import common_responses, object_schemas, operations

_ABOUT = """
The Replicate dialect of Darkroom: the paths, bodies and headers that Replicate's clients use.

Fields may be added to objects; none is taken away. Times are RFC 3339 in UTC. Lists are pages of 100, newest first;
follow `next` and `previous` as they are.
""".strip()


def builder(mount: str, *, created: int, waiting: int) -> Build:
    """Builder of one mount's document.

    `created`, `waiting`: status codes of a create that has ended, and of one that has not.
    """

    def build(origin: str) -> Json:
        return document(
            {"title": "Darkroom: Replicate dialect", "description": _ABOUT},
            origin + mount,
            operations.paths(created=created, waiting=waiting),
            {
                "securitySchemes": {
                    "token": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "An API token made at /account/tokens/. `Authorization: Token …` works as well.",
                    }
                },
                "schemas": object_schemas.schemas(),
                "responses": common_responses.responses(),
                "parameters": common_responses.parameters(),
            },
        )

    return build
