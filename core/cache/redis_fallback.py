"""Cache backend for Redis that falls back to this process's memory while Redis is unreachable."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from core.cache.outages import REDIS_TIMEOUTS_S, Outage

outage = Outage("cache_unreachable")


class FallbackRedisCache(RedisCache):
    """Django's cache in Redis; while Redis is unreachable, in this process's memory, where limits still hold."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        options = {**REDIS_TIMEOUTS_S, **params.get("OPTIONS", {})}
        super().__init__(server, {**params, "OPTIONS": options})
        # One for each cache, so that the keys of one evict none of another.
        name = f"redis-is-away {params.get('KEY_PREFIX', '')}"
        self._stand_in = LocMemCache(name, {**params, "OPTIONS": {"MAX_ENTRIES": 100_000}})

    def _either(self, method: str, *args: Any, **kwargs: Any) -> Any:
        if not outage.rests():
            try:
                return getattr(RedisCache, method)(self, *args, **kwargs)
            except (RedisError, OSError) as error:
                outage.note(error)
        return getattr(self._stand_in, method)(*args, **kwargs)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return bool(self._either("add", key, value, timeout, version))

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        return self._either("get", key, default, version)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> None:
        self._either("set", key, value, timeout, version)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return bool(self._either("touch", key, timeout, version))

    def delete(self, key: Any, version: Any = None) -> bool:
        return bool(self._either("delete", key, version))

    def get_many(self, keys: Any, version: Any = None) -> dict[Any, Any]:
        return dict(self._either("get_many", keys, version))

    def has_key(self, key: Any, version: Any = None) -> bool:
        return bool(self._either("has_key", key, version))

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        return int(self._either("incr", key, delta, version))

    def set_many(self, data: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> list[Any]:
        return list(self._either("set_many", data, timeout, version))

    def delete_many(self, keys: Any, version: Any = None) -> None:
        self._either("delete_many", list(keys), version)

    def clear(self) -> None:
        # Both: what was stored during an outage must not reappear in the next one.
        self._stand_in.clear()
        self._either("clear")
