"""Placeholders of the guide: values from the running settings and from the constants that the code enforces.

No number is typed twice: a page has `{{ name }}`, and this table its value. An unknown name is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.utils import translation

from accounts.credits import amounts
from accounts.site import site_rules
from accounts.tokens import api_tokens
from core.http import json_body
from predictions import policy
from predictions.api_dialects import webhook_body
from predictions.api_dialects.common import image_results, rate_limits
from predictions.api_dialects.common.image_errors import ImageError
from predictions.api_dialects.openai import model_choice as openai_models
from predictions.api_dialects.openai import request_body as openai_bodies
from predictions.api_dialects.replicate import cursor_pages, prediction_stream, wait_headers
from predictions.files import uploads
from predictions.inputs import fetch
from predictions.models import Version
from predictions.submit import idempotency, replays, validation
from predictions.webhooks import delivery_claims, manual_delivery, outbox, signing_secrets
from studio.guide import humanize, model_reference
from studio.guide.sources import BadSource


@dataclass(frozen=True)
class Reader:
    """The reader of a page: the origin by which they reach the server, their language, and the model of the
    samples."""

    origin: str
    language: str
    version: Version | None = None


def values(names: set[str], reader: Reader) -> dict[str, str]:
    """The values of these placeholders for a reader. Raises BadSource for an unknown name."""
    with translation.override(reader.language):
        return {name: _value(name, reader) for name in names}


def all_names() -> set[str]:
    """All names."""
    return {*_OF_SERVER, *_OF_READER, *model_reference.MODEL_PLACEHOLDERS}


def _value(name: str, reader: Reader) -> str:
    if name in _OF_SERVER:
        return _OF_SERVER[name]()
    if name in _OF_READER:
        return _OF_READER[name](reader)
    if name in model_reference.MODEL_PLACEHOLDERS:
        return (
            model_reference.MODEL_PLACEHOLDERS[name](reader.version)
            if reader.version
            else model_reference.NO_MODEL
        )
    raise BadSource(f"There is no value called {name}.")


def _schedule_rows() -> str:
    now = "立即" if humanize.in_chinese() else "at once"
    rows = (
        f"| {number} | {humanize.duration(wait) if wait else now} |"
        for number, wait in enumerate(delivery_claims.RETRY_DELAYS_S, 1)
    )
    return "\n".join(rows)


def _alias_rows() -> str:
    names = {**openai_models.ALIASES, **settings.OPENAI_ALIASES}
    return "\n".join(f"| `{name}` | {_target(name)} |" for name in names)


def _target(name: str) -> str:
    try:
        return f"`{openai_models.choose(name).version.model.ref}`"
    except ImageError:
        return "–"


_OF_READER: dict[str, Callable[[Reader], str]] = {
    "host": lambda reader: reader.origin,
}
_OF_SERVER: dict[str, Callable[[], str]] = {
    "credit": lambda: amounts.unit(2_000_000),
    "welcome": lambda: amounts.with_unit(site_rules.welcome_credits()),
    # -- limits
    "rate.create": lambda: humanize.limit_text(settings.RATE_LIMITS["create"]),
    "rate.poll": lambda: humanize.limit_text(settings.RATE_LIMITS["poll"]),
    "rate.other": lambda: humanize.limit_text(settings.RATE_LIMITS["other"]),
    "retry_after.most": lambda: humanize.duration(rate_limits.MAX_RETRY_AFTER_S),
    "in_flight": lambda: humanize.count(settings.IN_FLIGHT_PER_ACCOUNT),
    "held.most": lambda: humanize.limit_text(settings.HOLD_LIMIT),
    "work.limit": lambda: humanize.duration(settings.WORK_LIMIT),
    "queue.limit": lambda: humanize.duration(settings.QUEUE_LIMIT),
    "wait.most": lambda: humanize.duration(wait_headers.DEFAULT_WAIT),
    "tokens.most": lambda: humanize.count(api_tokens.LIMIT),
    "page.most": lambda: humanize.count(cursor_pages.PAGE),
    "body.most": lambda: humanize.size(settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
    "body.own": lambda: humanize.size(json_body.MAX_OWN_API),
    "body.depth": lambda: str(json_body.MAX_DEPTH),
    "text.most": lambda: humanize.count(policy.MAX_TEXT),
    "repeats.life": lambda: humanize.duration(replays.LIFE.total_seconds()),
    "cors.origins": lambda: humanize.listed_or_none(f"`{one}`" for one in settings.CORS_ORIGINS),
    "key.life": lambda: humanize.duration(idempotency.KEY_LIFE_S),
    # -- files
    "file.most": lambda: humanize.size(uploads.MAX_BYTES + 1),
    "file.life": lambda: humanize.duration(uploads.LIFE.total_seconds()),
    "picture.most": lambda: humanize.size(fetch.MAX_PICTURE),
    "data_uri.most": lambda: humanize.size(validation.MAX_DATA_URI * 3 // 4),
    "fetch.time": lambda: humanize.duration(fetch.FETCH_S),
    "fetch.redirects": lambda: str(fetch.MAX_REDIRECTS),
    # -- streams and webhooks
    "stream.keep_alive": lambda: humanize.duration(prediction_stream.KEEP_ALIVE_S),
    "webhook.timeout": lambda: humanize.duration(settings.WEBHOOK_TIMEOUT),
    "webhook.tries": lambda: str(len(delivery_claims.RETRY_DELAYS_S)),
    "webhook.schedule.rows": _schedule_rows,
    "webhook.jitter": lambda: f"{delivery_claims.JITTER:.0%}",
    "webhook.inline": lambda: humanize.size(webhook_body.INLINE_AT_MOST),
    "webhook.kept": lambda: humanize.duration(settings.DELIVERIES_KEPT * 86400.0),
    "webhook.tests": lambda: humanize.count(manual_delivery.MAX_TESTS_PER_HOUR),
    "webhook.both": lambda: humanize.duration(signing_secrets.ROTATION_OVERLAP.total_seconds()),
    "webhook.throttle": lambda: (
        f"{outbox.THROTTLE.total_seconds():g} {'秒' if humanize.in_chinese() else 's'}"
    ),
    # -- the images dialect
    "images.limit": lambda: humanize.duration(image_results.LIMIT_S),
    "images.count": lambda: str(openai_bodies.MAX_COUNT),
    "images.prompt": lambda: humanize.count(openai_bodies.MAX_PROMPT),
    "images.partials": lambda: str(openai_bodies.MAX_PARTIALS),
    "images.inline": lambda: humanize.size(image_results.MOST_BYTES),
    "images.aliases.rows": _alias_rows,
    # -- the catalogue
    "models.rows": model_reference.rows,
    "models.prices.rows": model_reference.price_rows,
}
