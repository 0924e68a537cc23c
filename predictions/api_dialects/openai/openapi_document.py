"""OpenAPI 3.1 document of the OpenAI dialect."""

from __future__ import annotations

from predictions.api_dialects.common.openapi_parts import (
    ADDRESS,
    BOOLEAN,
    INTEGER,
    STRING,
    Json,
    described,
    document,
    json_reply,
    list_of,
    object_schema,
    or_null,
    parameter,
    ref,
)
from predictions.api_dialects.openai import request_body

_ABOUT = """
The images dialect of Darkroom: the paths, bodies and errors that OpenAI's clients use for images. An answer is held
until the pictures are ready. The same tokens, jobs and credits as everywhere else here.
""".strip()
_RETRY: Json = {"Retry-After": {"description": "Seconds to wait.", "schema": INTEGER}}
_NAMES = {
    400: ("BadRequest", "A field that cannot be used, or the job failed; `code` and `param` say more.", {}),
    401: ("Unauthenticated", "The key is missing, malformed, unknown or revoked.", {}),
    403: ("Forbidden", "The account or the token may not do this.", {}),
    404: ("NotFound", "There is no such model or address.", {}),
    413: ("TooLarge", "The body is too large.", {}),
    429: ("TooMany", "No credit (`insufficient_quota`), or too many requests.", _RETRY),
    500: ("Broken", "Something broke on our side. Nothing was charged.", {}),
    503: ("Unavailable", "Not now; try again.", _RETRY),
    504: ("TimedOut", "Not ready in time. The job was canceled; nothing was charged.", {}),
}
_SIDE = "(1[6-9]|[2-9][0-9]|[1-9][0-9]{2}|[1-7][0-9]{3}|80[0-9]{2}|81[0-8][0-9]|819[0-2])"
"""Pattern for 16 to 8192 pixels."""
_PROMPT: Json = {
    "type": "string",
    "minLength": 1,
    "maxLength": request_body.MAX_PROMPT,
    "pattern": "[^\\s\\u0000-\\u001f\\u007f-\\u009f]",
}
_READ = (400, 401, 403, 429, 500, 503)


def build(origin: str) -> Json:
    """The document for callers that reach this server under that origin."""
    bearer = {"type": "http", "scheme": "bearer", "description": "An API token made at /account/tokens/."}
    return document(
        {"title": "Darkroom: images dialect", "description": _ABOUT},
        f"{origin}/openai/v1",
        _paths(),
        {"securitySchemes": {"token": bearer}, "schemas": _schemas(), "responses": _responses()},
    )


def _responses() -> Json:
    return {name: json_reply(text, ref("Error"), headers) for name, text, headers in _NAMES.values()}


def _errors(*statuses: int) -> Json:
    found = sorted({*_READ, *statuses})
    return {str(status): {"$ref": f"#/components/responses/{_NAMES[status][0]}"} for status in found}


def _paths() -> Json:
    model_id = parameter(
        "model_id", "path", "`owner/name`, slash and all, or an alias.", STRING, required=True
    )
    return {
        "/models": {
            "get": {
                "operationId": "listModels",
                "summary": "The models",
                "responses": {"200": json_reply("All of them.", ref("Models")), **_errors()},
            }
        },
        "/models/{model_id}": {
            "get": {
                "operationId": "retrieveModel",
                "summary": "A model",
                "parameters": [model_id],
                "responses": {"200": json_reply("Here it is.", ref("Model")), **_errors(404)},
            }
        },
        "/images/generations": {
            "post": _create("createImage", "Pictures from words", {"application/json": "Generation"})
        },
        "/images/edits": {
            "post": _create(
                "createImageEdit",
                "Pictures from a picture and words",
                {"multipart/form-data": "EditForm", "application/json": "Edit"},
            )
        },
        "/images/variations": {
            "post": _create(
                "createImageVariation", "Pictures from a picture", {"multipart/form-data": "VariationForm"}
            )
        },
        "/openapi.json": {
            "get": {
                "operationId": "openapi",
                "summary": "This document",
                "security": [],
                "responses": {"200": json_reply("OpenAPI 3.1.", {"type": "object"})},
            }
        },
    }


def _create(operation_id: str, summary: str, bodies_by_media: dict[str, str]) -> Json:
    key = {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"}
    created = json_reply("The pictures; events where `stream` was sent.", ref("Images"), {
        "X-Darkroom-Predictions": {"description": "Ids of the jobs, for the library.", "schema": STRING},
        "Idempotent-Replayed": {"description": "`true`: made before.", "schema": STRING},
    })  # fmt: skip
    created["content"]["text/event-stream"] = {"schema": ref("Event")}
    return {
        "operationId": operation_id,
        "summary": summary,
        "parameters": [
            parameter("Idempotency-Key", "header", "The same key within 24 hours is the same job.", key)
        ],
        "requestBody": {
            "required": True,
            "content": {media: {"schema": ref(name)} for media, name in bodies_by_media.items()},
        },
        "responses": {"200": created, **_errors(404, 413, 504)},
    }


def _schemas() -> Json:
    picture = {"url": ADDRESS, "b64_json": STRING, "revised_prompt": STRING}
    error = {"message": STRING, "type": STRING, "param": or_null(STRING), "code": or_null(STRING)}
    model = {
        "id": STRING,
        "object": {"type": "string", "enum": ["model"]},
        "created": INTEGER,
        "owned_by": STRING,
    }
    return {
        **_requests(),
        "Images": object_schema(
            {
                "created": described("Unix time, seconds.", INTEGER),
                "data": list_of(object_schema(picture, list(picture))),
            }
        ),
        "Event": object_schema(
            {"event": described("`….partial_image`, `….completed` or `error`.", STRING), "data": STRING}
        ),
        "Model": object_schema(model),
        "Models": object_schema(
            {"object": {"type": "string", "enum": ["list"]}, "data": list_of(ref("Model"))}
        ),
        "Error": object_schema({"error": object_schema(error)}),
    }


def _requests() -> Json:
    form = _options()
    options = {name: or_null(rule) for name, rule in form.items()}
    variation = {name: form[name] for name in ("model", "n", "response_format", "size", "user")}
    prompt, closed = {"prompt": _PROMPT}, {"additionalProperties": False}
    file: Json = {"type": "string", "format": "binary"}
    where: Json = {
        "anyOf": [
            ADDRESS,
            object_schema({"image_url": ADDRESS}),
            object_schema({"file_id": {"type": "string", "pattern": "^[a-z0-9]{26}$"}}),
        ],
        "description": "An http(s) address, a data URI, or a file that was uploaded before.",
    }
    return {
        "Generation": object_schema({**prompt, **options}, list(options), **closed),
        "Edit": object_schema(
            {**prompt, "image": where, "mask": where, **options}, ["mask", *options], **closed
        ),
        "EditForm": object_schema(
            {"image": described("Also `image[]`.", file), "image[]": file, "mask": file, **prompt, **form},
            ["image[]", "mask", *form],
            **closed,
        ),
        "VariationForm": object_schema({"image": file, **variation}, list(variation), **closed),
    }


def _options() -> Json:
    """The options of the pictures, besides the prompt."""
    text: Json = {"type": "string", "maxLength": request_body.MAX_TEXT}
    return {
        "model": described("`owner/name`, `owner/name:id` or one of OpenAI's names.", text),
        "n": {"type": "integer", "minimum": 1, "maximum": request_body.MAX_COUNT},
        "size": described(
            "`WIDTHxHEIGHT` or `auto`.", {"type": "string", "pattern": f"^(auto|{_SIDE}x{_SIDE})$"}
        ),
        "response_format": {"type": "string", "enum": list(request_body.RESPONSE_FORMATS)},
        "output_format": {"type": "string", "enum": ["png", "jpeg", "webp"]},
        "output_compression": {"type": "integer", "minimum": 0, "maximum": 100},
        "stream": BOOLEAN,
        "partial_images": {"type": "integer", "minimum": 0, "maximum": request_body.MAX_PARTIALS},
        **dict.fromkeys(request_body.HINTS, text),
    }
