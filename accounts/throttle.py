"""How often something may go wrong before one has to wait: by account and by network, in the cache.

The cache may be a process's own, so the figure is a bound for each web process; with Redis one for all.
"""

from __future__ import annotations

import hashlib
import time

from django.core.cache import cache
from django.http import HttpRequest

from accounts import networks

_WINDOW_S = 600


def network_of(request: HttpRequest) -> str:
    """What a household or a company is reached by: an IPv4 address, or the /64 of an IPv6 one."""
    address = networks.client_address(request)
    if address is None:
        return "unknown"
    return str(address) if address.version == 4 else str(networks.parse(f"{address}/64"))


def wait_s(what: str, most: dict[str, int]) -> int:
    """Seconds until the next try, 0 for now. `most`: who tries, and how many failures each may have in ten minutes."""
    now = time.time()
    full = [
        _name(what, who, now)
        for who, allowed in most.items()
        if (cache.get(_name(what, who, now)) or 0) >= allowed
    ]
    return int(_WINDOW_S - now % _WINDOW_S) + 1 if full else 0


def failed(what: str, whose: dict[str, int]) -> None:
    """Count one failure of each."""
    now = time.time()
    for who in whose:
        name = _name(what, who, now)
        # `add` and `incr` are atomic; a key that goes between them counts from one.
        cache.add(name, 0, timeout=2 * _WINDOW_S)
        try:
            cache.incr(name)
        except ValueError:
            cache.set(name, 1, timeout=2 * _WINDOW_S)


def _name(what: str, who: str, now: float) -> str:
    digest = hashlib.sha256(who.encode()).hexdigest()[:24]
    return f"throttle:{what}:{int(now // _WINDOW_S)}:{digest}"
