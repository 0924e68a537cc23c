"""Objects of the Replicate dialect's document."""

from __future__ import annotations

from predictions.dialects.common.openapi import (
    ADDRESS,
    BOOLEAN,
    INTEGER,
    STRING,
    TIME,
    Json,
    listed,
    or_null,
    ref,
    thing,
    told,
)

STATUSES = ["starting", "processing", "succeeded", "failed", "canceled"]
EVENTS = ["start", "output", "logs", "completed"]
MODEL_REF: Json = {"type": "string", "pattern": "^[^/:]+/[^/:]+$"}
VERSION_ID: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
PREDICTION_ID: Json = {"type": "string", "pattern": "^[a-z0-9]{26}$"}
ANYTHING: Json = {"type": "object", "additionalProperties": True}


def schemas() -> Json:
    """All of them, by name."""
    return {**_predictions(), **_catalogue(), **_files(), **_small(), **_pages(), **_errors()}


def _predictions() -> Json:
    shared = {
        "input": told(
            "What the version's Input schema says; keys that it does not know are passed on.", ANYTHING
        ),
        "webhook": told("Where to POST the prediction when something happens.", or_null(ADDRESS)),
        "webhook_events_filter": told(
            "Which events to send; all where it is left out.",
            or_null(listed({"type": "string", "enum": EVENTS})),
        ),
        "webhook_completed": told(
            "Older spelling of a webhook with the filter `completed`.", or_null(ADDRESS)
        ),
        "stream": told("Taken and ignored: `urls.stream` is always there.", or_null(BOOLEAN)),
    }
    optional = ("webhook", "webhook_events_filter", "webhook_completed", "stream")
    version = told(
        "A version: its 64-hex id, `owner/name:id`, or `owner/name` for the newest.",
        {"type": "string", "format": "version-reference"},
    )
    example = {"version": "stability-ai/sdxl", "input": {"prompt": "a lighthouse at dusk"}}
    return {
        "CreateRequest": thing(
            {"version": version, **shared}, optional, additionalProperties=False, examples=[example]
        ),
        "CreateForModelRequest": thing(
            shared, optional, additionalProperties=False, examples=[{"input": example["input"]}]
        ),
        "Prediction": _prediction(),
        "Event": thing(
            {
                "event": {"type": "string", "enum": ["output", "logs", "error", "done", "preview"]},
                "id": told("To go on after it, as `Last-Event-ID`.", {"type": "string", "minLength": 1}),
                "data": STRING,
            },
            description="One event of a stream.",
        ),
        "Images": thing(
            {"created": told("Unix time, seconds.", INTEGER), "data": listed(thing({"url": ADDRESS}))},
            description="The other answer to a create: the pictures, as OpenAI shows them.",
        ),
    }


def _prediction() -> Json:
    urls = thing(
        {"get": ADDRESS, "cancel": ADDRESS, "web": ADDRESS, "stream": told("Needs no token.", ADDRESS)},
        ("stream",),
    )
    metrics = {
        "type": "object",
        "description": "Empty until it has ended.",
        "properties": {
            "predict_time": told("Seconds of work.", {"type": "number"}),
            "total_time": told("Seconds from creation to end.", {"type": "number"}),
            "credits": told("What was charged.", {"type": "number"}),
        },
    }
    return thing(
        {
            "id": PREDICTION_ID,
            "model": MODEL_REF,
            "version": VERSION_ID,
            "input": ANYTHING,
            "output": told("As the version's Output schema says; null until there is some.", {}),
            "error": told("Why it failed, in one line.", or_null(STRING)),
            "logs": STRING,
            "status": {"type": "string", "enum": STATUSES},
            "metrics": metrics,
            "created_at": TIME,
            "started_at": or_null(TIME),
            "completed_at": or_null(TIME),
            "deadline": told("When it will be canceled, where `Cancel-After` was sent.", or_null(TIME)),
            "data_removed": BOOLEAN,
            "source": {"type": "string", "enum": ["api", "web"]},
            "deployment": told("`owner/name`, where it was made through one.", STRING),
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
        "output": told("As the version's Output schema says.", {}),
        "logs": STRING,
        "error": {"type": "null"},
        "status": {"type": "string", "enum": ["succeeded"]},
        "data_removed": BOOLEAN,
        "source": {"type": "string", "enum": ["web"]},
        "created_at": TIME,
        "started_at": TIME,
        "completed_at": TIME,
        "metrics": ANYTHING,
        "urls": thing({"web": ADDRESS}),
    }


def _darkroom() -> Json:
    place = thing(
        {
            "position": told("1 is next.", INTEGER),
            "estimated_seconds": told("Until it will probably have ended.", or_null({"type": "number"})),
        },
        description="Only while it waits, and only where one prediction is asked for.",
    )
    look = thing(
        {
            "url": told("A small JPEG; needs no token.", ADDRESS),
            "number": told("Grows with each look.", INTEGER),
        },
        description="The newest look at a picture in the making, where one prediction is asked for while it runs.",
    )
    return thing(
        {
            "ceiling": told("The most it can cost, in micro-credits.", INTEGER),
            "charged": told("What it cost, in micro-credits; null until it has ended.", or_null(INTEGER)),
            "progress": told("0 to 1; null where nothing is known.", or_null({"type": "number"})),
            "provider": told(
                "Who works on it or did: `embedded`, or a service's name here; null while it waits.",
                or_null(STRING),
            ),
            "notice": told(
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
        "Model": thing(
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
                "default_example": told(
                    "A sample in the shape of a prediction, made by the engine built in; nobody's, and not to be "
                    "fetched by its id.",
                    or_null(thing(_example())),
                ),
                "latest_version": or_null(ref("Version")),
            }
        ),
        "Version": thing(
            {
                "id": VERSION_ID,
                "created_at": TIME,
                "cog_version": {"type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$"},
                "openapi_schema": told("Describes the input and the output.", ANYTHING),
            }
        ),
        "Collection": thing(_collection()),
        "CollectionWithModels": thing({**_collection(), "models": listed(ref("Model"))}),
        "SearchResult": thing(
            {
                "query": STRING,
                "models": listed(thing({"model": ref("Model"), "metadata": ANYTHING})),
                "collections": listed(ref("Collection")),
                "pages": listed(ANYTHING),
            }
        ),
    }


def _collection() -> Json:
    return {"slug": STRING, "name": STRING, "description": STRING, "full_description": or_null(STRING)}


def _files() -> Json:
    digest = {"type": "string", "pattern": "^[0-9a-f]+$"}
    return {
        "File": thing(
            {
                "id": STRING,
                "name": STRING,
                "content_type": STRING,
                "size": told("Bytes.", {"type": "integer", "minimum": 0}),
                "etag": STRING,
                "checksums": thing({"sha256": digest, "md5": digest}),
                "metadata": ANYTHING,
                "created_at": TIME,
                "expires_at": TIME,
                "urls": thing({"get": told("The address of this object, for use in `input`.", ADDRESS)}),
            }
        ),
        "FileRequest": thing(
            {
                "content": told("The file.", {"type": "string", "format": "binary"}),
                "metadata": told(
                    "JSON; also as fields `metadata[key]`.", {"type": "string", "format": "json-object"}
                ),
                "filename": told(
                    "Instead of the part's own; at most 255 bytes of UTF-8.",
                    {"type": "string", "format": "file-name"},
                ),
                "type": told(
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
        "Account": thing(who),
        "Hardware": thing({"sku": STRING, "name": STRING}),
        "WebhookSecret": thing({"key": {"type": "string", "pattern": "^whsec_[A-Za-z0-9+/=]+$"}}),
        "Deployment": thing(
            {
                "owner": STRING,
                "name": STRING,
                "current_release": thing(
                    {
                        "number": INTEGER,
                        "model": MODEL_REF,
                        "version": VERSION_ID,
                        "created_at": TIME,
                        "created_by": ref("Account"),
                        "configuration": thing(
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
    return thing({"next": or_null(ADDRESS), "previous": or_null(ADDRESS), "results": listed(row)})


def _errors() -> Json:
    fault = thing({"type": STRING, "field": STRING, "description": STRING})
    return {
        "Problem": thing(
            {
                "title": STRING,
                "detail": STRING,
                "status": INTEGER,
                "type": STRING,
                "instance": STRING,
                "invalid_fields": told("One for each fault of the input.", listed(fault)),
            },
            ("type", "instance", "invalid_fields"),
        ),
        "ImagesError": thing(
            {
                "error": thing(
                    {"message": STRING, "type": STRING, "param": or_null(STRING), "code": or_null(STRING)}
                )
            },
            description="An error of a create that was asked for pictures.",
        ),
    }
