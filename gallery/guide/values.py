"""What the documentation says in numbers, from the running settings and from the code that keeps to them.

Never typed twice: a page holds `{{ name }}`, this table says what it is. A name that is not here is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.utils import translation

from accounts import json_body, site, tokens
from gallery import money
from gallery.guide import shop, words
from gallery.guide.sources import BadSource
from predictions import policy, repeats, submit, validation
from predictions.delivery import keys, rounds, sending, webhooks
from predictions.dialects.common import images, rates
from predictions.dialects.common.image_errors import ImageError
from predictions.dialects.openai import bodies as openai_bodies
from predictions.dialects.openai import models as openai_models
from predictions.dialects.replicate import live, paging, streams
from predictions.files import uploads
from predictions.models import Version
from predictions.running import inputs


@dataclass(frozen=True)
class Reader:
    """For whom a page is written: the origin that they reach us by, their language, and the model of the samples."""

    origin: str
    language: str
    version: Version | None = None


def values(names: set[str], reader: Reader) -> dict[str, str]:
    """The values of these names for a reader. Raises BadSource for a name that has none."""
    with translation.override(reader.language):
        return {name: _value(name, reader) for name in names}


def known() -> set[str]:
    """Every name there is."""
    return {*_OF_THE_HOUSE, *_OF_THE_READER, *shop.OF_A_MODEL}


def _value(name: str, reader: Reader) -> str:
    if name in _OF_THE_HOUSE:
        return _OF_THE_HOUSE[name]()
    if name in _OF_THE_READER:
        return _OF_THE_READER[name](reader)
    if name in shop.OF_A_MODEL:
        return shop.OF_A_MODEL[name](reader.version) if reader.version else shop.WITHOUT_A_MODEL
    raise BadSource(f"There is no value called {name}.")


def _schedule_rows() -> str:
    now = "立即" if words.in_chinese() else "at once"
    rows = (
        f"| {number} | {words.duration(wait) if wait else now} |"
        for number, wait in enumerate(rounds.WAITS_S, 1)
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


_OF_THE_READER: dict[str, Callable[[Reader], str]] = {
    "host": lambda reader: reader.origin,
}
_OF_THE_HOUSE: dict[str, Callable[[], str]] = {
    "credit": lambda: money.unit(2_000_000),
    "welcome": lambda: money.words(site.welcome_credits()),
    # -- limits
    "rate.create": lambda: words.limit(settings.RATE_LIMITS["create"]),
    "rate.poll": lambda: words.limit(settings.RATE_LIMITS["poll"]),
    "rate.other": lambda: words.limit(settings.RATE_LIMITS["other"]),
    "retry_after.most": lambda: words.duration(rates.MAX_RETRY_AFTER_S),
    "in_flight": lambda: words.count(settings.IN_FLIGHT_PER_ACCOUNT),
    "held.most": lambda: words.limit(settings.HOLD_LIMIT),
    "work.limit": lambda: words.duration(settings.WORK_LIMIT),
    "queue.limit": lambda: words.duration(settings.QUEUE_LIMIT),
    "wait.most": lambda: words.duration(live.DEFAULT_WAIT),
    "tokens.most": lambda: words.count(tokens.LIMIT),
    "page.most": lambda: words.count(paging.PAGE),
    "body.most": lambda: words.size(settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
    "body.own": lambda: words.size(json_body.MAX_OWN_API),
    "body.depth": lambda: str(json_body.MAX_DEPTH),
    "text.most": lambda: words.count(policy.MAX_TEXT),
    "repeats.life": lambda: words.duration(repeats.LIFE.total_seconds()),
    "cors.origins": lambda: words.some(f"`{one}`" for one in settings.CORS_ORIGINS),
    "key.life": lambda: words.duration(submit.KEY_LIFE_S),
    # -- files
    "file.most": lambda: words.size(uploads.MAX_BYTES + 1),
    "file.life": lambda: words.duration(uploads.LIFE.total_seconds()),
    "picture.most": lambda: words.size(inputs.MAX_PICTURE),
    "data_uri.most": lambda: words.size(validation.MAX_DATA_URI * 3 // 4),
    "fetch.time": lambda: words.duration(inputs.FETCH_S),
    "fetch.redirects": lambda: str(inputs.MAX_REDIRECTS),
    # -- streams and webhooks
    "stream.keep_alive": lambda: words.duration(streams.KEEP_ALIVE_S),
    "webhook.timeout": lambda: words.duration(settings.WEBHOOK_TIMEOUT),
    "webhook.tries": lambda: str(len(rounds.WAITS_S)),
    "webhook.schedule.rows": _schedule_rows,
    "webhook.jitter": lambda: f"{rounds.JITTER:.0%}",
    "webhook.inline": lambda: words.size(webhooks.INLINE_AT_MOST),
    "webhook.kept": lambda: words.duration(settings.DELIVERIES_KEPT * 86400.0),
    "webhook.tests": lambda: words.count(sending.TESTS_AN_HOUR),
    "webhook.both": lambda: words.duration(keys.BOTH_FOR.total_seconds()),
    "webhook.throttle": lambda: (
        f"{webhooks.THROTTLE.total_seconds():g} {'秒' if words.in_chinese() else 's'}"
    ),
    # -- the images dialect
    "images.limit": lambda: words.duration(images.LIMIT_S),
    "images.count": lambda: str(openai_bodies.MAX_COUNT),
    "images.prompt": lambda: words.count(openai_bodies.MAX_PROMPT),
    "images.partials": lambda: str(openai_bodies.MAX_PARTIALS),
    "images.inline": lambda: words.size(images.MOST_BYTES),
    "images.aliases.rows": _alias_rows,
    # -- what can be asked for
    "models.rows": shop.rows,
    "models.prices.rows": shop.price_rows,
}
