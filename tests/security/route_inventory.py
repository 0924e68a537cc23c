"""Every address there is, with its places open: for tests that hold of all of them, those of tomorrow too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import pytest
from django.conf import settings
from django.http import QueryDict
from django.urls import URLPattern, URLResolver, get_resolver

# Other URLs (the admin's and allauth's have no ids that members know), and what upstreams call.
OTHERS = ("^", "admin/", "accounts/", "hooks/")
API = ("/api/", "/v1/", "/replicate/", "/openai/")
# Streams have no end that a test client would get to.
STREAMS = ("/live/", "/p/{}/preview")
_PLACE = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Route:
    """An address with places to fill."""

    name: str
    path: str

    @property
    def places(self) -> list[str]:
        """The names of its places, in order."""
        return _PLACE.findall(self.path)

    @property
    def is_api(self) -> bool:
        """Whether programs ask for it, with a token."""
        return self.path.startswith(API)

    @property
    def key(self) -> str:
        """What a fault is reported under."""
        return self.name or self.path

    def filled(self, fits: Mapping[str, list[str]]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The address with all that fits in its places, and what was put there. KeyError for an unknown place."""
        for chosen in product(*(fits[place] for place in self.places)):
            address = self.path
            for value in chosen:
                address = _PLACE.sub(lambda _, value=value: value, address, count=1)  # type: ignore[misc]
            yield address, chosen


def routes(patterns: Any = None, before: str = "") -> Iterator[Route]:
    """All of them, but those that catch the rest."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        text = str(pattern.pattern)
        path = before + text
        if text.startswith("^") or path.startswith(OTHERS):
            continue
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield Route(pattern.name or "", f"/{path}")


def streams(route: Route) -> bool:
    """Whether its response to authorised callers is an endless stream."""
    return _PLACE.sub("{}", route.path) in STREAMS


@contextmanager
def noted_parameters() -> Iterator[set[str]]:
    """The names by which a page asks for what was sent in its address or as a form, there or not; `*` for all of it."""
    names: set[str] = set()
    parsing = 0
    begin = QueryDict.__init__

    def parsed(self: QueryDict, *given: Any, **more: Any) -> None:
        nonlocal parsing
        parsing += 1
        try:
            begin(self, *given, **more)
        finally:
            parsing -= 1

    def noting(name: str) -> Any:
        asked = getattr(QueryDict, name)

        def note(self: QueryDict, *words: Any, **more: Any) -> Any:
            if not parsing:
                names.add(str(words[0]) if words and isinstance(words[0], str) else "*")
            return asked(self, *words, **more)

        return note

    ways = ("__getitem__", "__contains__", "__iter__", "getlist", "get", "keys", "values", "items", "lists", "dict",
            "copy", "urlencode", "__copy__", "__deepcopy__")  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QueryDict, "__init__", parsed)
        for name in ways:
            patch.setattr(QueryDict, name, noting(name))
        yield names


@cache
def named_in_source(kind: str) -> list[str]:
    """The names of all parameters (`GET`) or form fields (`POST`) that the pages' code reads."""
    found: set[str] = set()
    reads = rf"(?:{kind}|asked|given|form|values)(?:\.get|\.getlist)?[\[(]\s*\"([a-z_.]+(?:\[\])?)\""
    for room in ("gallery", "accounts"):
        for file in (settings.BASE_DIR / room).rglob("*.py"):
            found.update(re.findall(reads, file.read_text()))
    return sorted(found)
