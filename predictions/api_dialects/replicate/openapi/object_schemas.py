"""Object schemas of the Replicate dialect's OpenAPI document."""

from __future__ import annotations

from predictions.api_dialects.common.openapi_parts import (
    ADDRESS,
    BOOLEAN,
    INTEGER,
    STRING,
    TIME,
    Json,
    described,
    list_of,
    object_schema,
    or_null,
    ref,
)

STATUSES = ["starting", "processing", "succeeded", "failed", "canceled"]
EVENTS = ["start", "output", "logs", "completed"]
MODEL_REF: Json = {"type": "string", "pattern": "^[^/:]+/[^/:]+$"}
VERSION_ID: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
PREDICTION_ID: Json = {"type": "string", "pattern": "^[a-z0-9]{26}$"}
ANYTHING: Json = {"type": "object", "additionalProperties": True}


def schemas() -> Json:
    """All schemas by name."""
    return {**_predictions(), **_catalogue(), **_files(), **_small(), **_pages(), **_errors()}


def _predictions() -> Json:
    shared = {
        "input": described(
            "What the version's Input schema says; keys that it does not know are passed on.", ANYTHING
        ),
        "webhook": described("Where to POST the prediction when something happens.", or_null(ADDRESS)),
        "webhook_events_filter": described(
            "Which events to send; all where it is left out.",
            or_null(list_of({"type": "string", "enum": EVENTS})),
        ),
        "webhook_completed": described(
            "Older spelling of a webhook with the filter `completed`.", or_null(ADDRESS)
        ),
        "stream": described("Taken and ignored: `urls.stream` is always there.", or_null(BOOLEAN)),
    }
    optional = ("webhook", "webhook_events_filter", "webhook_completed", "stream")
    version = described(
        "A version: its 64-hex id, `owner/name:id`, or `owner/name` for the newest.",
        {"type": "string", "format": "version-reference"},
    )
    example = {"version": "stability-ai/sdxl", "input": {"prompt": "a lighthouse at dusk"}}
    return {
        "CreateRequest": object_schema(
            {"version": version, **shared}, optional, additionalProperties=False, examples=[example]
        ),
        "CreateForModelRequest": object_schema(
            shared, optional, additionalProperties=False, examples=[{"input": example["input"]}]
        ),
        "Prediction": _prediction(),
        "Event": object_schema(
            {
                "event": {"type": "string", "enum": ["output", "logs", "error", "done", "preview"]},
                "id": described("To go on after it, as `Last-Event-ID`.", {"type": "string", "minLength": 1}),
                "data": STRING,
            },
            description="One event of a stream.",
        ),
        "Images": object_schema(
            {
                "created": described("Unix time, seconds.", INTEGER),
                "data": list_of(object_schema({"url": ADDRESS})),
            },
            description="The other answer to a create: the pictures, as OpenAI shows them.",
        ),
    }


def _prediction() -> Json:
    urls = object_schema(
        {"get": ADDRESS, "cancel": ADDRESS, "web": ADDRESS, "stream": described("Needs no token.", ADDRESS)},
        ("stream",),
    )
    metrics = {
        "type": "object",
        "description": "Empty until it has ended.",
        "properties": {
            "predict_time": described("Seconds of work.", {"type": "number"}),
            "total_time": described("Seconds from creation to end.", {"type": "number"}),
            "credits": described("What was charged.", {"type": "number"}),
        },
    }
    return object_schema(
        {
            "id": PREDICTION_ID,
            "model": MODEL_REF,
            "version": VERSION_ID,
            "input": ANYTHING,
            "output": described("As the version's Output schema says; null until there is some.", {}),
            "error": described("Why it failed, in one line.", or_null(STRING)),
            "logs": STRING,
            "status": {"type": "string", "enum": STATUSES},
            "metrics": metrics,
            "created_at": TIME,
            "started_at": or_null(TIME),
            "completed_at": or_null(TIME),
            "deadline": described("When it will be canceled, where `Cancel-After` was sent.", or_null(TIME)),
            "data_removed": BOOLEAN,
            "source": {"type": "string", "enum": ["api", "web"]},
            "deployment": described("`owner/name`, where it was made through one.", STRING),
            "urls": urls,
            "darkroom": _darkroom(),
        },
        ("deployment",),
    )


def _example() -> Json:
    return {
        "id": PREDICTION_ID,
        "model": MODEL_REF,
        "version": VERSION_ID,
        "input": ANYTHING,
        "output": described("As the version's Output schema says.", {}),
        "logs": STRING,
        "error": {"type": "null"},
        "status": {"type": "string", "enum": ["succeeded"]},
        "data_removed": BOOLEAN,
        "source": {"type": "string", "enum": ["web"]},
        "created_at": TIME,
        "started_at": TIME,
        "completed_at": TIME,
        "metrics": ANYTHING,
        "urls": object_schema({"web": ADDRESS}),
    }


def _darkroom() -> Json:
    place = object_schema(
        {
            "position": described("1 is next.", INTEGER),
            "estimated_seconds": described("Until it will probably have ended.", or_null({"type": "number"})),
        },
        description="Only while it waits, and only where one prediction is asked for.",
    )
    look = object_schema(
        {
            "url": described("A small JPEG; needs no token.", ADDRESS),
            "number": described("Grows with each look.", INTEGER),
        },
        description="The newest look at a picture in the making, where one prediction is asked for while it runs.",
    )
    return object_schema(
        {
            "ceiling": described("The most it can cost, in micro-credits.", INTEGER),
            "charged": described(
                "What it cost, in micro-credits; null until it has ended.", or_null(INTEGER)
            ),
            "progress": described("0 to 1; null where nothing is known.", or_null({"type": "number"})),
            "provider": described(
                "Who works on it or did: `embedded`, or a service's name here; null while it waits.",
                or_null(STRING),
            ),
            "notice": described(
                "What it did not cost, where it failed or delivered less than asked; else null.",
                or_null(STRING),
            ),
            "queue": place,
            "preview": look,
        },
        ("queue", "preview"),
        description="What Darkroom tells beyond Replicate's fields.",
    )


def _catalogue() -> Json:
    return {
        "Model": object_schema(
            {
                "url": ADDRESS,
                "owner": STRING,
                "name": STRING,
                "description": or_null(STRING),
                "visibility": {"type": "string", "enum": ["public", "private"]},
                "is_official": BOOLEAN,
                **{
                    name: or_null(STRING)
                    for name in ("github_url", "paper_url", "license_url", "cover_image_url")
                },
                "run_count": INTEGER,
                "created_at": TIME,
                "default_example": described(
                    "A sample in the shape of a prediction, made by the engine built in; nobody's, and not to be "
                    "fetched by its id.",
                    or_null(object_schema(_example())),
                ),
                "latest_version": or_null(ref("Version")),
            }
        ),
        "Version": object_schema(
            {
                "id": VERSION_ID,
                "created_at": TIME,
                "cog_version": {"type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$"},
                "openapi_schema": described("Describes the input and the output.", ANYTHING),
            }
        ),
        "Collection": object_schema(_collection()),
        "CollectionWithModels": object_schema({**_collection(), "models": list_of(ref("Model"))}),
        "SearchResult": object_schema(
            {
                "query": STRING,
                "models": list_of(object_schema({"model": ref("Model"), "metadata": ANYTHING})),
                "collections": list_of(ref("Collection")),
                "pages": list_of(ANYTHING),
            }
        ),
    }


def _collection() -> Json:
    return {"slug": STRING, "name": STRING, "description": STRING, "full_description": or_null(STRING)}


def _files() -> Json:
    digest = {"type": "string", "pattern": "^[0-9a-f]+$"}
    return {
        "File": object_schema(
            {
                "id": STRING,
                "name": STRING,
                "content_type": STRING,
                "size": described("Bytes.", {"type": "integer", "minimum": 0}),
                "etag": STRING,
                "checksums": object_schema({"sha256": digest, "md5": digest}),
                "metadata": ANYTHING,
                "created_at": TIME,
                "expires_at": TIME,
                "urls": object_schema(
                    {"get": described("The address of this object, for use in `input`.", ADDRESS)}
                ),
            }
        ),
        "FileRequest": object_schema(
            {
                "content": described("The file.", {"type": "string", "format": "binary"}),
                "metadata": described(
                    "JSON; also as fields `metadata[key]`.", {"type": "string", "format": "json-object"}
                ),
                "filename": described(
                    "Instead of the part's own; at most 255 bytes of UTF-8.",
                    {"type": "string", "format": "file-name"},
                ),
                "type": described(
                    "Media type, instead of the part's own; what is none is kept as plain bytes.", STRING
                ),
            },
            ("metadata", "filename", "type"),
        ),
    }


def _small() -> Json:
    who = {
        "type": {"type": "string", "enum": ["user", "organization"]},
        "username": STRING,
        "name": STRING,
        "github_url": or_null(STRING),
        "avatar_url": ADDRESS,
    }
    return {
        "Account": object_schema(who),
        "Hardware": object_schema({"sku": STRING, "name": STRING}),
        "WebhookSecret": object_schema({"key": {"type": "string", "pattern": "^whsec_[A-Za-z0-9+/=]+$"}}),
        "Deployment": object_schema(
            {
                "owner": STRING,
                "name": STRING,
                "current_release": object_schema(
                    {
                        "number": INTEGER,
                        "model": MODEL_REF,
                        "version": VERSION_ID,
                        "created_at": TIME,
                        "created_by": ref("Account"),
                        "configuration": object_schema(
                            {"hardware": STRING, "min_instances": INTEGER, "max_instances": INTEGER}
                        ),
                    }
                ),
            },
            description="A model with inputs that an operator fixed, under a name of its own.",
        ),
    }


def _pages() -> Json:
    kinds = {
        "Predictions": "Prediction",
        "Models": "Model",
        "Versions": "Version",
        "Files": "File",
        "Collections": "Collection",
        "Deployments": "Deployment",
    }
    pages = {f"{name}Page": _page(ref(kind)) for name, kind in kinds.items()}
    return {**pages, "EmptyPage": _page(ANYTHING)}


def _page(row: Json) -> Json:
    return object_schema({"next": or_null(ADDRESS), "previous": or_null(ADDRESS), "results": list_of(row)})


def _errors() -> Json:
    fault = object_schema({"type": STRING, "field": STRING, "description": STRING})
    return {
        "Problem": object_schema(
            {
                "title": STRING,
                "detail": STRING,
                "status": INTEGER,
                "type": STRING,
                "instance": STRING,
                "invalid_fields": described("One for each fault of the input.", list_of(fault)),
            },
            ("type", "instance", "invalid_fields"),
        ),
        "ImagesError": object_schema(
            {
                "error": object_schema(
                    {"message": STRING, "type": STRING, "param": or_null(STRING), "code": or_null(STRING)}
                )
            },
            description="An error of a create that was asked for pictures.",
        ),
    }
