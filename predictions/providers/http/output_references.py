"""File references in upstream outputs: which strings are URLs, and the file name of each."""

from __future__ import annotations

import math
import mimetypes
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from core import data_uri
from predictions.providers.base import OutputRef

MAX_FILES = 65
"""Maximum references of one output: one above the storage limit, so that an excess is noticed."""
MAX_ADDRESS = 2000
MAX_VALUE = 2 * 1024 * 1024
"""Maximum characters of a text output, its structure included: a watcher holds many at once."""
_BOX, _LEAF = 64, 16
AGAIN = "again:"
"""URL prefix of a file inside the job's own response, which is requested again to read it: `again:INDEX`."""
_DEPTH = 4
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,78}\.[A-Za-z0-9]{1,5}")
_SIGNS = re.compile(r"[\x00-\x20\x7f]")
_BASE64 = re.compile(r"[A-Za-z0-9+/=_\s-]{16}")


class TooMuch(Exception):
    """The output holds more text than any model produces."""


def is_address(value: object) -> bool:
    """Whether a value is an http(s) address or a data URI, and nothing else."""
    if not isinstance(value, str):
        return False
    if value[:5].lower() == "data:":
        return "," in value[:300]
    return (
        value[:8].lower().startswith(("http://", "https://"))
        and len(value) <= MAX_ADDRESS
        and not _SIGNS.search(value)
        and bool(_host(value))
    )


def file_addresses(output: Any, base: str) -> list[str]:
    """URLs in an output, in order: a string, a list of strings (nulls ignored), or objects that hold some.

    Empty where the output is text, as a list with any other string is. `base` resolves relative `url` values.
    """
    if isinstance(output, str):
        return [output] if is_address(output) else []
    if isinstance(output, list) and all(one is None or isinstance(one, str) for one in output):
        strings = [one for one in output if one]
        return strings[:MAX_FILES] if strings and all(is_address(one) for one in strings) else []
    found: list[str] = []
    for address in _within(output, base, 0):
        # An object may name a file twice, such as the first of a list.
        if address not in found or not isinstance(output, dict):
            found.append(address)
        if len(found) >= MAX_FILES:
            break
    return found


def references(addresses: list[str], *, repeatable: bool) -> list[OutputRef]:
    """References to these files. `repeatable`: data URIs become `again:INDEX`, to be read from a new response."""
    names = [_name(address, index) for index, address in enumerate(addresses)]
    if len(set(names)) < len(names):
        names = [f"out-{index}.{_extension(address)}" for index, address in enumerate(addresses)]
    return [
        OutputRef(
            name=name,
            content_type=_content_type(address),
            address=f"{AGAIN}{index}" if repeatable and is_data(address) else address,
        )
        for index, (name, address) in enumerate(zip(names, addresses, strict=True))
    ]


def is_data(address: str) -> bool:
    """Whether the address is a data URI."""
    return address[:5].lower() == "data:"


def of_base64(text: str) -> str:
    """The data URI of a picture that came as bare Base64, or that already is one."""
    if is_data(text):
        return text
    kinds = {"/9j/": "image/jpeg", "iVBO": "image/png", "UklG": "image/webp", "R0lG": "image/gif"}
    return f"data:{kinds.get(text[:4], data_uri.UNKNOWN_TYPE)};base64,{text}"


def looks_like_base64(text: str) -> bool:
    """Whether a string may be an image in bare Base64: long, and its beginning has only letters of Base64."""
    return len(text) > 100 and bool(_BASE64.match(text))


def clean(value: Any) -> Any:
    """An output that every database can store: no NUL, lone surrogates or infinite numbers. Raises TooMuch."""
    budget = [MAX_VALUE]
    return _clean(value, budget)


def _clean(value: Any, budget: list[int]) -> Any:
    budget[0] -= len(value) if isinstance(value, str) else _BOX if isinstance(value, list | dict) else _LEAF
    if budget[0] < 0:
        raise TooMuch
    if isinstance(value, str):
        return value.replace("\x00", "").encode(errors="replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_clean(inner, budget) for inner in value]
    if isinstance(value, dict):
        return {_clean(name, budget): _clean(inner, budget) for name, inner in value.items()}
    return value


def _within(value: Any, base: str, depth: int) -> Iterator[str]:
    """URLs anywhere inside, except previews and web pages."""
    if depth > _DEPTH:
        return
    if isinstance(value, str):
        if is_address(value):
            yield value
    elif isinstance(value, list):
        for inner in value[:1000]:
            yield from _within(inner, base, depth + 1)
    elif isinstance(value, dict):
        for name, inner in list(value.items())[:1000]:
            if name == "b64_json" and isinstance(inner, str) and looks_like_base64(inner):
                yield of_base64(inner)
            elif name == "url" and isinstance(inner, str) and inner.startswith("/"):
                yield urljoin(base, inner)
            else:
                yield from _within(inner, base, depth + 1)


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        _ = parts.port
        return parts.hostname or ""
    except ValueError:
        return ""


def _name(address: str, index: int) -> str:
    """The last path segment of the URL where it is a plain file name, else a name from its index."""
    last = "" if is_data(address) else unquote(urlsplit(address).path.rsplit("/", 1)[-1])
    return last if _NAME.fullmatch(last) else f"out-{index}.{_extension(address)}"


def _content_type(address: str) -> str:
    """The media type by the URL; the bytes decide in the end."""
    if is_data(address):
        return data_uri.safe_type(address[5:200].partition(",")[0]) or data_uri.DEFAULT_TYPE
    kind, _ = mimetypes.guess_type(urlsplit(address).path, strict=True)
    return kind or data_uri.UNKNOWN_TYPE


def _extension(address: str) -> str:
    if not is_data(address):
        last = urlsplit(address).path.rsplit("/", 1)[-1]
        stem, dot, end = last.rpartition(".")
        if dot and stem and re.fullmatch(r"[A-Za-z0-9]{1,5}", end):
            return end.lower()
    guessed = mimetypes.guess_extension(_content_type(address)) or ".bin"
    return guessed.lstrip(".")
