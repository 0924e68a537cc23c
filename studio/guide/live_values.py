"""Values that pages of the guide show as `{{ name }}`: running settings, and constants that the code enforces."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils.translation import get_language

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
from predictions.submit import idempotency, replays, validation
from predictions.webhooks import delivery_claims, manual_delivery, outbox, signing_secrets
from studio.guide import model_reference

_UNITS = {3600: ("hour", "小时"), 60: ("minute", "分钟"), 1: ("second", "秒")}


@dataclass(frozen=True)
class Reader:
    """The reader of a page: the origin by which they reach the server, their language, the model of the samples."""

    origin: str
    language: str
    model: model_reference.Reference | None = None


def values(reader: Reader) -> dict[str, Any]:
    """All values, in the active language. Those that ask the database are functions, which a template calls."""
    return {
        "host": reader.origin,
        "credit": lambda: amounts.unit(2_000_000),
        "welcome": lambda: amounts.with_unit(site_rules.welcome_credits()),
        "models": model_reference.all_models,
        "rate": {name: number and f"{number:,}" for name, number in settings.RATE_LIMITS.items()},
        "retry_after": {"most": _duration(rate_limits.MAX_RETRY_AFTER_S)},
        "in_flight": f"{settings.IN_FLIGHT_PER_ACCOUNT:,}",
        "held": {"most": settings.HOLD_LIMIT and f"{settings.HOLD_LIMIT:,}"},
        "work": {"limit": _duration(settings.WORK_LIMIT)},
        "queue": {"limit": _duration(settings.QUEUE_LIMIT)},
        "wait": {"most": _duration(wait_headers.DEFAULT_WAIT)},
        "tokens": {"most": api_tokens.LIMIT},
        "page": {"most": cursor_pages.PAGE},
        "body": {
            "most": _size(settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
            "own": _size(json_body.MAX_OWN_API),
            "depth": json_body.MAX_DEPTH,
        },
        "text": {"most": f"{policy.MAX_TEXT:,}"},
        "repeats": {"life": _duration(replays.LIFE)},
        "key": {"life": _duration(idempotency.KEY_LIFE_S)},
        "cors": {"origins": [f"`{origin}`" for origin in settings.CORS_ORIGINS]},
        "file": {"most": _size(uploads.MAX_BYTES + 1), "life": _duration(uploads.LIFE)},
        "picture": {"most": _size(fetch.MAX_FILE)},
        "data_uri": {"most": _size(validation.MAX_DATA_URI * 3 // 4)},
        "fetch": {"time": _duration(fetch.FETCH_S), "redirects": fetch.MAX_REDIRECTS},
        "stream": {"keep_alive": _duration(prediction_stream.KEEP_ALIVE_S)},
        "webhook": {
            "timeout": _duration(settings.WEBHOOK_TIMEOUT),
            "tries": len(delivery_claims.RETRY_DELAYS_S),
            "waits": [wait and _duration(wait) for wait in delivery_claims.RETRY_DELAYS_S],
            "jitter": f"{delivery_claims.JITTER:.0%}",
            "inline": _size(webhook_body.INLINE_AT_MOST),
            "days": settings.DELIVERIES_KEPT,
            "tests": manual_delivery.MAX_TESTS_PER_HOUR,
            "both": _duration(signing_secrets.ROTATION_OVERLAP),
            "throttle": f"{outbox.THROTTLE.total_seconds():g}",
        },
        "images": {
            "limit": _duration(image_results.LIMIT_S),
            "count": openai_bodies.MAX_COUNT,
            "prompt": f"{openai_bodies.MAX_PROMPT:,}",
            "partials": openai_bodies.MAX_PARTIALS,
            "inline": _size(image_results.MOST_BYTES),
            "aliases": _aliases,
        },
    } | ({"model": reader.model} if reader.model else {})


def _aliases() -> list[tuple[str, str]]:
    """OpenAI's names and the models they stand for; an empty one where there is none."""
    return [(name, _target(name)) for name in openai_models.ALIASES | settings.OPENAI_ALIASES]


def _target(name: str) -> str:
    try:
        return openai_models.choose(name).version.model.ref
    except ImageError:
        return ""


def _duration(time: float | timedelta) -> str:
    """In the largest whole unit: `10 minutes`, `24 hours`, `57.5 seconds`."""
    seconds = time.total_seconds() if isinstance(time, timedelta) else time
    unit = next(unit for unit in _UNITS if seconds % unit == 0 or unit == 1)
    number, (english, chinese) = f"{seconds / unit:g}", _UNITS[unit]
    plural = "" if number == "1" else "s"
    return f"{number} {english}{plural}" if get_language() == "en" else f"{number} {chinese}"


def _size(count: int) -> str:
    """Bytes in whole units of 1,024: `25 MB`, `64 KB`."""
    return f"{count >> 20} MB" if count >> 20 else f"{count >> 10} KB"
