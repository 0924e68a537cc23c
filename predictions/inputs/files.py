"""Parses file references in an input: data URIs, and URLs of uploads, outputs and external files.

Pure: the version's schema says which fields hold files, and a URL is classified by its text alone. Existence and
ownership are checked by `predictions.inputs.precheck` before acceptance; `predictions.inputs.fetch` reads the bytes in
a worker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from django.conf import settings

from predictions.models import Prediction, Version

_SCHEMES = ("http://", "https://")
_UPLOAD = re.compile(r"(?:/replicate)?/v1/files/([a-z0-9]{26})(?:/download)?(?:\?.*)?")
_OUTPUT = re.compile(r"/f/([A-Za-z0-9_-]{1,40})/([^/?#]{1,300})")


@dataclass(frozen=True)
class FileReference:
    """One file reference: the value of a field, or one element of a list."""

    name: str
    """The input field."""
    value: str = field(repr=False)
    in_list: bool = False
    upload: str | None = None
    """Public id of the upload of this server; None for anything else."""
    output: tuple[str, str] | None = None
    """Token and name of the output of this server; None for anything else."""

    @property
    def is_inline(self) -> bool:
        """Whether it is a data URI."""
        return _is_inline(self.value)

    @property
    def is_address(self) -> bool:
        """Whether it is an http(s) URL, of this server or another."""
        return self.value[:8].lower().startswith(_SCHEMES)

    @property
    def is_ours(self) -> bool:
        """Whether it is the URL of an upload or an output of this server."""
        return self.upload is not None or self.output is not None

    @property
    def is_foreign(self) -> bool:
        """Whether it is a URL of another server."""
        return self.is_address and not self.is_ours


@dataclass(frozen=True, eq=False)
class InputFiles:
    """The file references of one input, parsed once. Falsy where there are none."""

    version: Version
    inputs: Mapping[str, Any] = field(repr=False)
    origin: str
    """`https://host` under which the caller reached this server; URLs under `PUBLIC_URL` are this server's too."""

    @classmethod
    def of_prediction(cls, prediction: Prediction) -> InputFiles:
        """The file references of an accepted prediction."""
        return cls(prediction.version, prediction.input, prediction.origin)

    @cached_property
    def references(self) -> tuple[FileReference, ...]:
        """All references, in the input's order."""
        origins = own_origins(self.origin)
        return tuple(_reference(name, value, in_list, origins) for name, value, in_list in self._values())

    @cached_property
    def uploads(self) -> frozenset[str]:
        """Public ids of the referenced uploads, those within lists included."""
        return frozenset(reference.upload for reference in self.references if reference.upload is not None)

    @property
    def addresses(self) -> list[FileReference]:
        """http(s) URLs that are the value of a field; those within lists are left to the model."""
        return [reference for reference in self.references if reference.is_address and not reference.in_list]

    @property
    def foreign(self) -> list[FileReference]:
        """URLs of other servers, those within lists included."""
        return [reference for reference in self.references if reference.is_foreign]

    @property
    def names_ours(self) -> bool:
        """Whether any field's value is the URL of a file of this server."""
        return any(reference.is_ours for reference in self.addresses)

    def by_name(self) -> dict[str, FileReference]:
        """The references that are a field's value, by field."""
        return {reference.name: reference for reference in self.references if not reference.in_list}

    def has_inline(self) -> bool:
        """Whether the input contains a data URI. Safe for inputs that are not validated yet: builds no list."""
        return any(_is_inline(value) for _name, value, _in_list in self._values())

    def __bool__(self) -> bool:
        return bool(self.references)

    def _values(self) -> Iterator[tuple[str, str, bool]]:
        properties = self.version.properties
        for name, value in self.inputs.items():
            rule = properties.get(name, {})
            items = rule.get("items")
            if isinstance(value, str) and rule.get("format") == "uri":
                yield name, value, False
            elif isinstance(value, list) and isinstance(items, dict) and items.get("format") == "uri":
                yield from ((name, item, True) for item in value if isinstance(item, str))


def own_origins(origin: str) -> tuple[str, ...]:
    """The origins of this server: the caller's, and `PUBLIC_URL` where set."""
    return tuple(url for url in (origin, str(settings.PUBLIC_URL)) if url)


def upload_named(url: str, origins: Iterable[str]) -> str | None:
    """The public id of the upload at a URL under one of these origins; None for any other URL."""
    for path in _paths(url, origins):
        match = _UPLOAD.fullmatch(path)
        if match:
            return match.group(1)
    return None


def output_named(url: str, origins: Iterable[str]) -> tuple[str, str] | None:
    """Token and name of the output at a URL under one of these origins; None for any other URL."""
    for path in _paths(url, origins):
        match = _OUTPUT.fullmatch(path)
        name = unquote(match.group(2)) if match else ""
        if match and "\x00" not in name:
            return match.group(1), name
    return None


def _paths(url: str, origins: Iterable[str]) -> Iterator[str]:
    """The rest of the URL after each origin that it begins with."""
    return (url.removeprefix(origin) for origin in origins if origin and url.startswith(origin))


def _is_inline(value: str) -> bool:
    return value[:5].lower() == "data:"


def _reference(name: str, value: str, in_list: bool, origins: tuple[str, ...]) -> FileReference:
    if _is_inline(value):
        return FileReference(name, value, in_list)
    upload = upload_named(value, origins)
    output = output_named(value, origins) if upload is None else None
    return FileReference(name, value, in_list, upload, output)
