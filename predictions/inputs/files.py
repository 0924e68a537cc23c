"""The files that an input names: data URIs, and addresses of uploads, of outputs and of files on other servers.

Pure: the version's schema says which inputs hold files, and what an address names is read from its text. Whether that
file exists, and whose it is, `predictions.inputs.precheck` asks before work is accepted; `predictions.inputs.fetch`
brings the bytes in a worker.
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
    """One file as an input names it: the value of a field, or one element of a list."""

    name: str
    """The input's field."""
    value: str = field(repr=False)
    in_list: bool = False
    upload: str | None = None
    """Public id of the upload of this server that it names; None for anything else."""
    output: tuple[str, str] | None = None
    """Token and name of the output of this server that it names; None for anything else."""

    @property
    def is_inline(self) -> bool:
        """Whether the file stands in the input itself, as a data URI."""
        return _is_inline(self.value)

    @property
    def is_address(self) -> bool:
        """Whether it is an http(s) address, of this server or another."""
        return self.value[:8].lower().startswith(_SCHEMES)

    @property
    def is_ours(self) -> bool:
        """Whether it is the address of an upload or an output of this server."""
        return self.upload is not None or self.output is not None

    @property
    def is_foreign(self) -> bool:
        """Whether it is an address of another server."""
        return self.is_address and not self.is_ours


@dataclass(frozen=True, eq=False)
class InputFiles:
    """The files of one input, read once and handed to everybody who asks about them. False where there are none."""

    version: Version
    given: Mapping[str, Any] = field(repr=False)
    origin: str
    """`https://host` under which the caller reached this server; addresses under `PUBLIC_URL` are this server's too."""

    @classmethod
    def of_prediction(cls, prediction: Prediction) -> InputFiles:
        """Those of a prediction that was accepted."""
        return cls(prediction.version, prediction.input, prediction.origin)

    @cached_property
    def references(self) -> tuple[FileReference, ...]:
        """All of them, in the input's order."""
        origins = own_origins(self.origin)
        return tuple(_reference(name, value, in_list, origins) for name, value, in_list in self._values())

    @cached_property
    def uploads(self) -> frozenset[str]:
        """Public ids of the uploads that it names, also within lists."""
        return frozenset(one.upload for one in self.references if one.upload is not None)

    @property
    def addresses(self) -> list[FileReference]:
        """The http(s) addresses that are the value of a field; those of lists are left to the model."""
        return [one for one in self.references if one.is_address and not one.in_list]

    @property
    def foreign(self) -> list[FileReference]:
        """The addresses of other servers, those of lists too."""
        return [one for one in self.references if one.is_foreign]

    @property
    def names_ours(self) -> bool:
        """Whether the value of a field is the address of a file of this server."""
        return any(one.is_ours for one in self.addresses)

    def by_name(self) -> dict[str, FileReference]:
        """The references that are the value of a field, by its name."""
        return {one.name: one for one in self.references if not one.in_list}

    def has_inline(self) -> bool:
        """Whether a file stands in the input itself. For inputs that nobody has validated: builds no list of them."""
        return any(_is_inline(value) for _name, value, _in_list in self._values())

    def __bool__(self) -> bool:
        return bool(self.references)

    def _values(self) -> Iterator[tuple[str, str, bool]]:
        properties = self.version.properties
        for name, value in self.given.items():
            rule = properties.get(name, {})
            items = rule.get("items")
            if isinstance(value, str) and rule.get("format") == "uri":
                yield name, value, False
            elif isinstance(value, list) and isinstance(items, dict) and items.get("format") == "uri":
                yield from ((name, one, True) for one in value if isinstance(one, str))


def own_origins(origin: str) -> tuple[str, ...]:
    """The origins under which addresses are this server's: the caller's, and `PUBLIC_URL` where it is set."""
    return tuple(one for one in (origin, str(settings.PUBLIC_URL)) if one)


def upload_named(url: str, origins: Iterable[str]) -> str | None:
    """The public id of the upload that an address under one of these origins names; None for any other address."""
    for path in _paths(url, origins):
        match = _UPLOAD.fullmatch(path)
        if match:
            return match.group(1)
    return None


def output_named(url: str, origins: Iterable[str]) -> tuple[str, str] | None:
    """Token and name of the output that an address under one of these origins names; None for any other address."""
    for path in _paths(url, origins):
        match = _OUTPUT.fullmatch(path)
        name = unquote(match.group(2)) if match else ""
        if match and "\x00" not in name:
            return match.group(1), name
    return None


def _paths(url: str, origins: Iterable[str]) -> Iterator[str]:
    """What follows each origin that the address begins with."""
    return (url.removeprefix(origin) for origin in origins if origin and url.startswith(origin))


def _is_inline(value: str) -> bool:
    return value[:5].lower() == "data:"


def _reference(name: str, value: str, in_list: bool, origins: tuple[str, ...]) -> FileReference:
    if _is_inline(value):
        return FileReference(name, value, in_list)
    upload = upload_named(value, origins)
    output = output_named(value, origins) if upload is None else None
    return FileReference(name, value, in_list, upload, output)
