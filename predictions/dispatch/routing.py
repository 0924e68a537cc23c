"""Provider routing: by priority, then by weight, within every limit, skipping providers whose circuit is open.

Upstreams come before the engine. The engine runs a model that upstreams serve only where the operator made it the
last resort, and only while none of them accepts work. Local weights come before the embedded painter, which never
paints a model of theirs unless the operator allowed it. An instance serves one choice under the dispatch lock;
nothing is kept.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from predictions.dispatch import provider_lookup
from predictions.providers.base import Provider
from predictions.providers.registry import UnknownProvider
from predictions.upstreams import circuits

_chance = random.SystemRandom()


@dataclass(frozen=True)
class Wanted:
    """What a prediction needs routed: its model."""

    ref: str
    """`owner/name`."""
    last_resort: bool = False
    """Whether the engine may run it while no upstream that serves it accepts work."""


@dataclass(frozen=True)
class _Pool:
    """One provider with its limits. The engine has none of an upstream's, so they are 0 or neutral."""

    provider: Provider
    group: str
    group_limit: int
    priority: int
    weight: int

    @property
    def name(self) -> str:
        return self.provider.name


class Slots:
    """Free slots of all providers during one choice.

    `taken`: jobs under way at each provider, by name. `promised`: how many of the waiting are pinned to a provider
    and will repeat the same key there; their slots are reserved. `full`: upstreams, by name, for whose answers enough
    workers wait already.
    """

    def __init__(
        self,
        everyone: Sequence[Provider],
        taken: Mapping[str, int],
        *,
        promised: Mapping[str, int] | None = None,
        standing: circuits.Standing | None = None,
        full: Collection[str] = (),
    ) -> None:
        self._pools = [_pool(provider) for provider in everyone]
        self._standing = standing or circuits.Standing()
        self._closed = set(self._standing.unavailable)
        self._half_open = set(self._standing.half_open)
        self._promised = dict(promised or {})
        self._alone: set[str] = set()
        self._full = frozenset(full)
        self.taken: dict[str, int] = defaultdict(int, taken)
        self._group_taken: dict[str, int] = defaultdict(int)
        for name, count in self._promised.items():
            self.taken[name] += count
        for name, count in self.taken.items():
            self._group_taken[_group_of(name, self._pools)] += count

    def any_left(self) -> bool:
        """Whether any provider could take anything at all."""
        return any(self._has_room(pool) for pool in self._pools) or bool(self._promised)

    def is_idle(self, name: str) -> bool:
        """Whether the provider has nothing under way."""
        return self.taken[name] == 0

    def shut(self, name: str) -> None:
        """Exclude the provider from the rest of this choice."""
        self._alone.add(name)

    def find(self, wanted: Wanted, pinned: str = "", refused_by: Collection[str] = ()) -> Provider | None:
        """The provider that gets it, or None where it must wait.

        Takes no slot yet, but may claim the probe of a half-open circuit. `pinned`: only this provider, where it was
        sent before. `refused_by`: providers that declined it lately; others come first.
        """
        if pinned:
            return self._find_pinned(pinned, wanted)
        upstreams = [pool for pool in self._pools if pool.group and pool.provider.serves(wanted.ref)]
        if upstreams:
            willing = self._willing(upstreams, wanted)
            if willing or not wanted.last_resort:
                others = [pool for pool in willing if pool.name not in refused_by]
                return self._by_priority(others or willing)
        for pool in self._pools:
            if pool.group or not pool.provider.serves(wanted.ref):
                continue
            if self._has_room(pool):
                return pool.provider
            if getattr(pool.provider, "keeps_its_models", False):
                return None
        return None

    def take(self, name: str) -> None:
        """Take one slot of this provider, and of its group."""
        self.taken[name] += 1
        self._group_taken[_group_of(name, self._pools)] += 1

    def take_promised(self, name: str) -> None:
        """Take a slot for a prediction pinned to this provider; a reserved slot is counted already."""
        if self._promised.get(name, 0) > 0:
            self._promised[name] -= 1
        else:
            self.take(name)

    def _find_pinned(self, name: str, wanted: Wanted) -> Provider | None:
        pool = next((pool for pool in self._pools if pool.name == name), None)
        if pool is None:
            pool = _retired(name)
        if pool is None or not pool.provider.serves(wanted.ref) or name in self._closed:
            return None
        promised = self._promised.get(name, 0) > 0 and pool.group not in self._full
        return pool.provider if (promised or self._has_room(pool)) and self._may_probe(pool) else None

    def _willing(self, upstreams: list[_Pool], wanted: Wanted) -> list[_Pool]:
        """The upstreams that accept work now, whether or not they have a free slot.

        Where all of them answered that they do not know the model, and the engine may not have it, they are asked
        again: the prediction then ends with a clear error.
        """
        available = [pool for pool in upstreams if pool.name not in self._closed]
        with_model = [
            pool for pool in available if (pool.name, wanted.ref) not in self._standing.resting_routes
        ]
        return with_model if with_model or wanted.last_resort else available

    def _by_priority(self, pools: list[_Pool]) -> Provider | None:
        free = [pool for pool in pools if self._has_room(pool)]
        while free:
            first = min(pool.priority for pool in free)
            candidates = [pool for pool in free if pool.priority == first]
            pool = _chance.choices(candidates, [max(pool.weight, 0) or 1e-9 for pool in candidates])[0]
            if self._may_probe(pool):
                return pool.provider
            free.remove(pool)
        return None

    def _may_probe(self, pool: _Pool) -> bool:
        """Whether it may be sent to: a closed circuit always; a half-open one by exactly one process."""
        if pool.name not in self._half_open:
            return True
        self._half_open.discard(pool.name)
        self._closed.add(pool.name)
        return circuits.claim_probe(pool.name)

    def _has_room(self, pool: _Pool) -> bool:
        return (
            pool.name not in self._alone
            and pool.name not in self._closed
            and pool.group not in self._full
            and self.taken[pool.name] < pool.provider.limit
            and (not pool.group or self._group_taken[pool.group] < pool.group_limit)
        )


def standing_of(providers: Sequence[Provider]) -> circuits.Standing:
    """State of the circuits of these upstreams. Makes no query where there is no upstream."""
    return (
        circuits.standing() if any(is_upstream(provider) for provider in providers) else circuits.Standing()
    )


def is_upstream(provider: Provider) -> bool:
    """Whether the provider is an upstream, not one of our own engines."""
    return bool(getattr(provider, "group", ""))


def serving(providers: Sequence[Provider], wanted: Wanted) -> list[Provider]:
    """Every provider that may ever get it: the upstreams that serve it, and the engine where it may."""
    upstreams = [provider for provider in providers if is_upstream(provider) and provider.serves(wanted.ref)]
    engines = [
        provider for provider in providers if not is_upstream(provider) and provider.serves(wanted.ref)
    ]
    return upstreams + engines if wanted.last_resort or not upstreams else upstreams


def _pool(provider: Provider) -> _Pool:
    traits: Any = provider
    if not is_upstream(provider):
        return _Pool(provider, "", 0, 0, 1)
    return _Pool(provider, traits.group, traits.group_limit, traits.priority, traits.weight)


def _group_of(name: str, pools: Sequence[_Pool]) -> str:
    """Name of the upstream that a provider belongs to, also for a disabled key that still has work under way."""
    for pool in pools:
        if pool.name == name:
            return pool.group
    retired = _retired(name)
    return retired.group if retired else ""


def _retired(name: str) -> _Pool | None:
    """A provider that gets nothing new but may be asked again about what it was sent."""
    try:
        return _pool(provider_lookup.provider(name))
    except UnknownProvider:
        return None
