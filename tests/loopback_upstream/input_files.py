"""What the inputs of a prediction hold that are files: read as the real service would, told in the journal."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import urllib.error
import urllib.request
from typing import Any

from tests.loopback_upstream.sample_outputs import Model
from tests.loopback_upstream.uploads import Uploads

READ_S = 5.0
MOST = 32 * 1024 * 1024
_UPLOADED = re.compile(r".*/files/(file[0-9a-f]{22})(?:/.*)?")
_LOOPBACK = re.compile(r"https?://(127\.0\.0\.1|localhost)[:/]")
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


async def read(model: Model, given: dict[str, Any], uploads: Uploads, origin: str) -> dict[str, Any]:
    """Of each file input: how it came and what it held: {"by", "size", "sha256"}; no network but this machine."""
    found = {}
    for name, value in given.items():
        if isinstance(value, str) and model.input_schema["properties"].get(name, {}).get("format") == "uri":
            found[name] = await _read_one(value, uploads)
    return found


async def _read_one(value: str, uploads: Uploads) -> dict[str, Any]:
    if value.startswith("data:"):
        return _told("data", base64.b64decode(value.partition(",")[2]))
    uploaded = _UPLOADED.fullmatch(value)
    if uploaded and uploaded.group(1) in uploads.files:
        return _told("upload", uploads.files[uploaded.group(1)].content)
    if not _LOOPBACK.match(value):
        return {"by": "address", "address": value}
    content = await asyncio.to_thread(_fetch, value)
    return _told("address", content) if content is not None else {"by": "address", "unreadable": True}


def _fetch(url: str) -> bytes | None:
    try:
        with _OPENER.open(url, timeout=READ_S) as answer:
            return bytes(answer.read(MOST))
    except (urllib.error.URLError, OSError, ValueError):
        return None


def _told(by: str, content: bytes) -> dict[str, Any]:
    return {"by": by, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
