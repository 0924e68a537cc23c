"""Redaction of secrets in texts: those that this process has read, and everything that looks like one."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, quote_plus

PLACEHOLDER = "[secret]"
SHORTEST = 8
_SHAPES = (
    re.compile(r"\bdr_[A-Za-z0-9]{8,}"),
    # `Authorization: Basic …` and its like, with whatever follows the scheme.
    re.compile(
        r"(?i)(?<=authorization)[\"']?\s*[:=,]\s*[\"']?(?:(?:basic|bearer|token|key)\s+)?[A-Za-z0-9._~+/=:-]{8,}"
    ),
    re.compile(r"(?i)\b(bearer|token)\s+[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"\b(r8|sk|whsec|hf|xai)_[A-Za-z0-9+/=_-]{8,}"),
    re.compile(r"\b(sk|xai)-[A-Za-z0-9_-]{16,}"),
    re.compile(r"\bAIza[A-Za-z0-9_-]{20,}"),
    re.compile(r"\bgAAAAA[A-Za-z0-9_=-]{40,}"),
    re.compile(r"(?<=://)[^/\s:@\"']{1,200}:[^/\s@\"']{1,200}(?=@)"),
)
_KEYS_IN_PATHS = re.compile(
    r"(/(?:f|s|streams|invitation|join|notices/stop|confirm-email|reset/key|hooks/upstream)/|/files/stream-)"
    r"([A-Za-z0-9_:-]{4})[A-Za-z0-9_:.%=-]{4,}(/[A-Za-z0-9_:-]{24,})?"
)
"""Paths of ours whose next segment is a bearer secret: a picture's, a share link's, an invitation's."""
_known: set[str] = set()


def remember(secret: str) -> None:
    """Redact this secret from now on, in each spelling that a log line, a JSON text or a URL may give it.

    One shorter than eight characters is ignored: it would match ordinary words.
    """
    if len(secret) < SHORTEST:
        return
    _known.update(
        {
            secret,
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            repr(secret)[1:-1],
            quote(secret, safe=""),
            quote_plus(secret),
        }
    )


def scrub(text: str) -> str:
    """The text with every remembered secret, and everything that looks like a key or a token, redacted."""
    # A copy: another thread may add one meanwhile. The longest first, since one may be part of another.
    for secret in sorted(_known.copy(), key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, PLACEHOLDER)
    for pattern in _SHAPES:
        text = pattern.sub(PLACEHOLDER, text)
    return scrub_path(text)


def scrub_path(path: str) -> str:
    """A path with its secret segment cut to four characters: enough to recognise it, too little to use it."""
    return _KEYS_IN_PATHS.sub(r"\1\2…", path)
