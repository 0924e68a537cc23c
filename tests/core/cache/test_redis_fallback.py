"""The cache in Redis, and what becomes of it while Redis is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client

from accounts.auth import attempt_limits
from core.cache import outages, redis_fallback
from tests.servers import redis_server

BACKEND = "core.cache.redis_fallback.FallbackRedisCache"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is logged of outages, in order."""
    found: list[str] = []
    monkeypatch.setattr(outages.log, "error", lambda event, **_fields: found.append(event))
    redis_fallback.outage.forget()
    yield found
    redis_fallback.outage.forget()


@pytest.fixture
def cache(settings: Any, tmp_path: Path, lines: list[str]) -> Any:
    """The cache of a server whose Redis does not answer."""
    settings.CACHES = {"default": {"BACKEND": BACKEND, "LOCATION": f"unix://{tmp_path}/none.sock"}}
    yield caches["default"]
    caches["default"].clear()


@pytest.mark.redis
def test_values_are_kept_in_redis_where_there_is_one(settings: Any, lines: list[str]) -> None:
    try:
        redis_server.binary()
    except redis_server.NoRedis as missing:
        pytest.skip(str(missing))
    with redis_server.running() as url:
        settings.CACHES = {"default": {"BACKEND": BACKEND, "LOCATION": url}}
        kept = caches["default"]
        kept.set("a", 1)
        assert (kept.get("a"), kept.incr("a"), kept.add("a", 5), kept.get_many(["a", "b"])) == (
            1, 2, False, {"a": 2},
        )  # fmt: skip
        kept.delete("a")
        assert (kept.get("a", "none"), kept.has_key("a")) == ("none", False)
        with pytest.raises(ValueError, match="not found"):
            kept.incr("a")
    assert lines == []


def test_without_redis_values_are_kept_in_this_process_and_one_line_says_so(
    cache: Any, lines: list[str]
) -> None:
    cache.set("a", 1)
    assert (cache.get("a"), cache.incr("a"), cache.add("a", 5)) == (1, 2, False)
    cache.set_many({"b": 1, "c": 2})
    assert cache.get_many(["b", "c"]) == {"b": 1, "c": 2}
    cache.delete_many(["b", "c"])
    assert not cache.has_key("b")
    assert lines == ["cache_unreachable"]


@pytest.mark.django_db
def test_guesses_are_counted_while_redis_is_away(cache: Any) -> None:
    limits = [attempt_limits.Limit("mia", 3, 60)]
    for _time in range(3):
        attempt_limits.count_attempt("test", limits)
    with pytest.raises(attempt_limits.TooMany):
        attempt_limits.count_attempt("test", limits)


@pytest.mark.django_db
def test_pages_open_while_redis_is_away(cache: Any) -> None:
    assert Client().get("/gallery/").status_code == 200
