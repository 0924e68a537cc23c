"""Safety flags in upstream responses: which images the upstream's filters marked as sensitive. Pure.

Services report them beside the images or in the object that holds them: a list with one boolean per image
(`has_nsfw_concepts`, `nsfw_content_detected`), the same name with one boolean for all, or a field of each image's own
entry.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from predictions.providers.base import OutputRef

NAMES = (
    "has_nsfw_concepts",
    "has_nsfw_concept",
    "nsfw_content_detected",
    "nsfw_detected",
    "nsfw",
    "is_nsfw",
)


def with_safety_flags(references: list[OutputRef], data: dict[str, Any], output: Any) -> list[OutputRef]:
    """The references with the flags that the response `data`, and its raw `output`, have for each."""
    sensitive = _flags(len(references), data, output)
    if not any(sensitive):
        return references
    return [
        dataclasses.replace(ref, sensitive=True) if flag else ref
        for ref, flag in zip(references, sensitive, strict=True)
    ]


def _flags(count: int, data: dict[str, Any], output: Any) -> list[bool]:
    found = [False] * count
    for flag in _reported_flags(data, output):
        if isinstance(flag, list) and len(flag) == count:
            found = [one or _is_true(other) for one, other in zip(found, flag, strict=True)]
        elif not isinstance(flag, list) and _is_true(flag):
            # One flag for all of them: any may be meant, so each is flagged.
            return [True] * count
    return found


def _reported_flags(data: dict[str, Any], output: Any) -> Iterator[Any]:
    for holder in (data, data.get("metrics"), data.get("meta"), output):
        if isinstance(holder, dict):
            yield from (holder[name] for name in NAMES if name in holder)
    for entries in _entries(output):
        own = [next((one[name] for name in NAMES if name in one), False) for one in entries]
        if any(map(_is_true, own)):
            yield own


def _entries(output: Any) -> Iterator[list[dict[str, Any]]]:
    lists = [output] if isinstance(output, list) else []
    if isinstance(output, dict):
        lists = [value for value in list(output.values())[:100] if isinstance(value, list)]
    for one in lists:
        if one and all(isinstance(entry, dict) for entry in one):
            yield one


def _is_true(value: Any) -> bool:
    """A boolean, or a service's confidence as a number."""
    if isinstance(value, str):
        return value.strip().lower() in ("true", "yes", "1")
    return value is True or (isinstance(value, int | float) and not isinstance(value, bool) and value >= 0.5)
