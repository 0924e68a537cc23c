"""Settings of the API's OpenAPI document (drf-spectacular), and CORS headers. Data only."""

from __future__ import annotations

from typing import Any

_ABOUT = """
Darkroom's own API for frontends: money, predictions, library, gallery, tokens, webhooks.

**Making pictures** is not here: that is what the Replicate dialect at `/v1` (described at `/v1/openapi.json`) and
OpenAI's images dialect at `/openai/v1` (`/openai/v1/openapi.json`) are for, with the same tokens and the same money.

**Guides** with samples that run, for this API and both dialects, are at [/docs/](/docs/).

**Who asks.** `Authorization: Bearer dr_…` with a token made at `/account/tokens/`, or, on pages of this very origin,
the session of who is signed in (then changes need the `X-CSRFToken` header, with the value of the cookie `csrftoken`,
behind TLS `__Host-csrftoken`). A token does what its scopes say: `read` to look, `predict` to make and cancel,
`gallery` to publish, share and delete, `admin` for tokens, webhooks and limits. What belongs to somebody else is
answered like what does not exist: 404.

**Bodies** are JSON of at most 256 KB; those of quotes may hold pictures and be as large as a create's.

**Money** is counted in micro-credits, whole numbers: 1,000,000 are one credit.

**Lists** come in pages, newest first: follow `next` until it is null. What is made meanwhile appears on no page twice.

**Errors** are `{"title", "detail", "status"}`, with `faults` by field where a body or a query is wrong. 429 tells in
`Retry-After` how long to wait; every answer carries `X-Request-Id`, to quote when asking for help.
"""

SPECTACULAR: dict[str, Any] = {
    "TITLE": "Darkroom",
    "DESCRIPTION": _ABOUT.strip(),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "displayRequestDuration": True,
        "persistAuthorization": False,
        "defaultModelsExpandDepth": -1,
        "validatorUrl": None,
    },
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api",
    "PREPROCESSING_HOOKS": ["config.api.urls.only_own_api"],
    # Not the library's own hook, which takes choices out into components with names such as Kind335Enum.
    "POSTPROCESSING_HOOKS": ["config.api.schema.with_errors_and_headers"],
    "TAGS": [
        {"name": "me", "description": "Who asks, and what they may do."},
        {"name": "ledger", "description": "Every movement of credits."},
        {"name": "usage", "description": "How much was used, for charts and bills."},
        {"name": "quotes", "description": "Prices, before anything is held."},
        {"name": "models", "description": "What can be asked for."},
        {"name": "predictions", "description": "What was asked for, and what became of it."},
        {"name": "items", "description": "The library: what predictions made."},
        {"name": "shares", "description": "Links that show one item to whoever has them."},
        {"name": "gallery", "description": "What members published; no token needed."},
        {"name": "tokens", "description": "Who may call in your name."},
        {"name": "deliveries", "description": "Webhooks: what was told to whom."},
        {"name": "webhooks", "description": "Webhooks: the secret, and a test."},
    ],
}  # fmt: skip

CORS_HEADERS = (
    "accept", "authorization", "cache-control", "cancel-after", "content-type", "idempotency-key", "last-event-id",
    "openai-beta", "openai-organization", "openai-project", "prefer", "range", "x-darkroom-answer", "x-request-id",
    # What the official JavaScript clients send with every request.
    "user-agent", "x-stainless-arch", "x-stainless-custom-poll-interval", "x-stainless-helper-method",
    "x-stainless-lang", "x-stainless-os", "x-stainless-package-version", "x-stainless-poll-helper",
    "x-stainless-read-timeout", "x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version",
    "x-stainless-timeout",
)  # fmt: skip
CORS_SHOWN = (
    "Content-Disposition", "Content-Range", "ETag", "Idempotent-Replayed", "Location", "Preference-Applied",
    "Retry-After", "X-Request-ID", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "x-should-retry",
    "X-Darkroom-Predictions",
)  # fmt: skip
