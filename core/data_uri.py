"""Reading and writing data URIs: `data:[TYPE][;parameter…][;base64],DATA`."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

_BLANKS = b" \t\n\r\f\v"
_TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}", re.ASCII)
DEFAULT_TYPE = "text/plain"
"""What a data URI without a type holds, by RFC 2397."""

UNKNOWN_TYPE = "application/octet-stream"


class NotADataUri(ValueError):
    """The text is no data URI, or its data cannot be read; the message says which."""


def parse(text: str) -> tuple[str, bytes]:
    """Content type (lower case, without parameters) and bytes. Raises `NotADataUri`."""
    head, comma, body = text.partition(",")
    if not comma or head[:5].lower() != "data:":
        raise NotADataUri("it is no data URI")
    kind, *parameters = (part.strip() for part in head[5:].split(";"))
    try:
        data = unquote_to_bytes(body.encode("ascii"))
    except UnicodeEncodeError:
        raise NotADataUri("it holds characters that no data URI may hold") from None
    if any(parameter.lower() == "base64" for parameter in parameters):
        try:
            data = base64.b64decode(_padded(data.translate(None, _BLANKS)), validate=True)
        except binascii.Error:
            raise NotADataUri("its Base64 cannot be read") from None
    return safe_type(kind) or DEFAULT_TYPE, data


def first_bytes(text: str, limit: int) -> tuple[bytes, int]:
    """The first bytes, at most `limit`, and about how many there are in all (exact for short ones).

    The remaining text is not decoded. Raises `NotADataUri`.
    """
    head, comma, body = text.partition(",")
    # Base64 is read in whole groups of four.
    cut = 4 * limit
    if not comma or len(body) <= cut or "%" in body[:cut]:
        data = parse(text)[1]
        return data[:limit], len(data)
    if "base64" not in head.lower():
        return parse(f"{head},{body[:cut]}")[1][:limit], len(body)
    plain = "".join(body[:cut].split())
    data = parse(f"{head},{plain[: len(plain) // 4 * 4]}")[1]
    return data[:limit], len(body) * 3 // 4


def build(content_type: str, data: bytes) -> str:
    """The data URI for these bytes, as Base64. An empty type becomes `UNKNOWN_TYPE`."""
    return f"data:{content_type or UNKNOWN_TYPE};base64,{base64.b64encode(data).decode()}"


def safe_type(text: str) -> str:
    """A media type, lower case, without its parameters; empty where the text names none."""
    kind = text.partition(";")[0].strip()
    return kind.lower() if _TYPE.fullmatch(kind) else ""


def _padded(data: bytes) -> bytes:
    # Some writers leave the closing `=` out, and nothing is ambiguous without it.
    return data + b"=" * (-len(data) % 4)
