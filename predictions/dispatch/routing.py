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

from predictions.dispatch import provider_lookup
from predictions.providers.base import Provider
from predictions.providers.registry import UnknownProvider
from predictions.upstreams import circuits

_chance = random.SystemRandom()


@dataclass(frozen=True)
class Wanted:
    """The model to route, and whether the engine may run it as last resort."""

    ref: str
    """`owner/name`."""
    last_resort: bool = False
    """Whether the engine may run it while no upstream that serves it accepts work."""


class Slots:
    """Free slots of all providers during one choice.

    `taken`: jobs under way at each provider, by name. `promised`: how many waiting predictions are pinned to a
    provider, by name; they repeat the same key there, so their slots are reserved. `full`: names of upstreams for whose
    responses enough workers wait already.
    """

    def __init__(
        self,
        providers: Sequence[Provider],
        taken: Mapping[str, int],
        *,
        promised: Mapping[str, int] | None = None,
        key_states: circuits.KeyStates | None = None,
        full: Collection[str] = (),
    ) -> None:
        self._providers = list(providers)
        self._key_states = key_states or circuits.KeyStates()
        self._closed = set(self._key_states.unavailable)
        self._half_open = set(self._key_states.half_open)
        self._promised = dict(promised or {})
        self._excluded: set[str] = set()
        self._full = frozenset(full)
        self.taken: dict[str, int] = defaultdict(int, taken)
        self._group_taken: dict[str, int] = defaultdict(int)
        for name, count in self._promised.items():
            self.taken[name] += count
        for name, count in self.taken.items():
            self._group_taken[_group_of(name, self._providers)] += count

    def has_any(self) -> bool:
        """Whether any provider has a free or reserved slot."""
        return any(self._has_room(provider) for provider in self._providers) or bool(self._promised)

    def is_idle(self, name: str) -> bool:
        """Whether the provider has nothing under way."""
        return self.taken[name] == 0

    def exclude(self, name: str) -> None:
        """Exclude the provider from the rest of this choice."""
        self._excluded.add(name)

    def find(self, wanted: Wanted, pinned: str = "", refused_by: Collection[str] = ()) -> Provider | None:
        """The provider for a prediction, or None where it must wait.

        Takes no slot yet, but may claim the probe of a half-open circuit. `pinned`: only this provider, to which it was
        sent before. `refused_by`: providers that declined it lately; others are preferred.
        """
        if pinned:
            return self._find_pinned(pinned, wanted)
        upstreams = [
            provider for provider in self._providers if provider.is_remote and provider.serves(wanted.ref)
        ]
        if upstreams:
            willing = self._willing(upstreams, wanted)
            if willing or not wanted.last_resort:
                others = [provider for provider in willing if provider.name not in refused_by]
                return self._by_priority(others or willing)
        for provider in self._providers:
            if provider.is_remote or not provider.serves(wanted.ref):
                continue
            if self._has_room(provider):
                return provider
            if provider.keeps_its_models:
                return None
        return None

    def take(self, name: str) -> None:
        """Take one slot of this provider, and of its group."""
        self.taken[name] += 1
        self._group_taken[_group_of(name, self._providers)] += 1

    def take_promised(self, name: str) -> None:
        """Take a slot for a prediction pinned to this provider; a reserved slot is counted already."""
        if self._promised.get(name, 0) > 0:
            self._promised[name] -= 1
        else:
            self.take(name)

    def _find_pinned(self, name: str, wanted: Wanted) -> Provider | None:
        known = (provider for provider in self._providers if provider.name == name)
        provider = next(known, None) or _retired_provider(name)
        if provider is None or not provider.serves(wanted.ref) or name in self._closed:
            return None
        promised = self._promised.get(name, 0) > 0 and provider.group not in self._full
        return provider if (promised or self._has_room(provider)) and self._may_probe(provider) else None

    def _willing(self, upstreams: list[Provider], wanted: Wanted) -> list[Provider]:
        """Upstreams that accept work now, whether or not they have a free slot.

        Where all of them reported the model as unknown, and the engine may not run it, they are tried again: the
        prediction then ends with a clear error.
        """
        awake = [provider for provider in upstreams if provider.name not in self._closed]
        knowing = [
            provider
            for provider in awake
            if (provider.name, wanted.ref) not in self._key_states.resting_routes
        ]
        return knowing if knowing or wanted.last_resort else awake

    def _by_priority(self, upstreams: list[Provider]) -> Provider | None:
        free = [provider for provider in upstreams if self._has_room(provider)]
        while free:
            first = min(provider.priority for provider in free)
            equals = [provider for provider in free if provider.priority == first]
            provider = _chance.choices(equals, [max(provider.weight, 0) or 1e-9 for provider in equals])[0]
            if self._may_probe(provider):
                return provider
            free.remove(provider)
        return None

    def _may_probe(self, provider: Provider) -> bool:
        """Whether the circuit is closed, or this process has claimed the probe of a half-open one."""
        name = provider.name
        if name not in self._half_open:
            return True
        self._half_open.discard(name)
        self._closed.add(name)
        return circuits.claim_probe(name)

    def _has_room(self, provider: Provider) -> bool:
        name, group = provider.name, provider.group
        return (
            name not in self._excluded
            and name not in self._closed
            and group not in self._full
            and self.taken[name] < provider.limit
            and (not group or self._group_taken[group] < provider.group_limit)
        )


def circuit_states(providers: Sequence[Provider]) -> circuits.KeyStates:
    """The states of the keys; without a query where no provider is an upstream."""
    return (
        circuits.key_states() if any(provider.is_remote for provider in providers) else circuits.KeyStates()
    )


def eligible_providers(providers: Sequence[Provider], wanted: Wanted) -> list[Provider]:
    """All providers that may run it: the upstreams that serve it, and the engine where allowed."""
    upstreams = [provider for provider in providers if provider.is_remote and provider.serves(wanted.ref)]
    engines = [provider for provider in providers if not provider.is_remote and provider.serves(wanted.ref)]
    return upstreams + engines if wanted.last_resort or not upstreams else upstreams


def _group_of(name: str, providers: Sequence[Provider]) -> str:
    """The upstream of a provider, also where its key is disabled but still has work under way."""
    known = next((provider for provider in providers if provider.name == name), None)
    provider = known or _retired_provider(name)
    return provider.group if provider else ""


def _retired_provider(name: str) -> Provider | None:
    """A provider that gets no new work, but may be sent the same start again."""
    try:
        return provider_lookup.provider(name)
    except UnknownProvider:
        return None
