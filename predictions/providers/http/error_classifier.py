"""Classification of upstream error responses: the cause, the operator's message and the caller's."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core import redaction
from predictions.providers.base import ErrorKind, ProviderError
from predictions.providers.http import error_phrases
from predictions.providers.http.rate_limiter import requested_wait

MAX_KEPT = 4000
"""Characters of a response kept for operators."""
MAX_SENTENCE = 500
_SEARCHED = 4000
_MEMBERS: frozenset[ErrorKind] = frozenset({"safety", "bad_input"})
# Keys as some services repeat them: masked except for beginning and end.
_STARRED = re.compile(r"\b[A-Za-z0-9_-]{2,40}[*.•…]{3,}[A-Za-z0-9_-]{2,20}\b")
_TAGS = re.compile(r"(?is)<(script|style)\b.*?</\1\s*>|<[^>]{0,1000}>")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\s]+")
_BY_STATUS: dict[int, ErrorKind] = {
    400: "bad_input",
    401: "key",
    402: "quota",
    403: "key",
    404: "permanent",
    405: "permanent",
    406: "permanent",
    408: "transient",
    409: "transient",
    410: "permanent",
    413: "bad_input",
    415: "permanent",
    422: "bad_input",
    423: "transient",
    425: "transient",
    429: "rate",
    451: "safety",
    501: "permanent",
    505: "permanent",
}


@dataclass(frozen=True)
class Verdict:
    """The classification of one error response."""

    kind: ErrorKind
    summary: str
    """One sentence for operators, without secrets."""
    words: str
    """One line for the caller where the cause is their prompt or input, else empty."""
    explicit: bool = False
    """Whether the response's text gave the kind, rather than the status alone."""
    retry_after: float | None = None
    answer: str = field(default="", repr=False)
    """The response, truncated and redacted."""


def classify(status: int, headers: Mapping[str, str], body: Any, secret: str = "") -> Verdict:
    """Classify an error response. `body`: decoded JSON, or text (HTML, prose, nothing). Header names in lower case."""
    texts = _error_texts(body)
    text = " ".join(texts.sentences).lower()[:_SEARCHED]
    kind, explicit = _kind(status, texts, text)
    sentence = one_line(": ".join(dict.fromkeys(texts.sentences)), secret)
    return Verdict(
        kind=kind,
        summary=f"The service answered {status}" + (f": {sentence}" if sentence else "."),
        words=_for_the_caller(status, body, texts, secret) if kind in _MEMBERS else "",
        explicit=explicit,
        retry_after=requested_wait(headers, text if kind == "rate" else ""),
        answer=for_operators(body, secret),
    )


def redirected(status: int, headers: Mapping[str, str], secret: str = "") -> ProviderError:
    """The verdict on a redirect: the configured address is not the API's.

    Nothing was started; repeats fail until the operator corrects the address.
    """
    onward = one_line(headers.get("location", ""), secret, most=200)
    return ProviderError(
        f"The service answered {status}: its address leads elsewhere{f', to {onward}' if onward else ''}. "
        "Redirects are not followed: give the address of the API itself.",
        permanent=False,
        refused=True,
        kind="address",
    )


def kind_of_text(text: str) -> ErrorKind | None:
    """The cause named by a sentence; None where it names none."""
    lower = text.lower()[:_SEARCHED]
    for pattern, kind in (
        (error_phrases.SAFETY, "safety"),
        (error_phrases.QUOTA, "quota"),
        (error_phrases.KEY, "key"),
        (error_phrases.RATE, "rate"),
    ):
        if pattern.search(lower):
            return kind  # type: ignore[return-value]
    return None


def scrub(text: str, secret: str = "") -> str:
    """The text without the key, and without anything that looks like a key."""
    if secret:
        text = text.replace(secret, redaction.PLACEHOLDER)
    return _STARRED.sub(redaction.PLACEHOLDER, redaction.scrub(text))


def one_line(text: str, secret: str = "", most: int = MAX_SENTENCE) -> str:
    """One printable line, redacted and truncated, without control characters."""
    line = _UNPRINTABLE.sub(" ", scrub(text[: most * 8], secret).encode(errors="replace").decode()).strip()
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def for_operators(body: Any, secret: str = "") -> str:
    """A response for operators: truncated, redacted, without NUL characters."""
    if isinstance(body, str):
        text = body[: MAX_KEPT * 4]
    else:
        text = _json_start(body)
    clean = scrub(text, secret).replace("\x00", "").encode(errors="replace").decode()
    return clean if len(clean) <= MAX_KEPT else clean[:MAX_KEPT] + " […]"


def _json_start(body: Any) -> str:
    """The beginning of a response as JSON. Long values are cut before serialising: a response may be 64 MiB."""
    return json.dumps(_beginning(body, [MAX_KEPT * 2]), ensure_ascii=False, default=str)


def _beginning(value: Any, budget: list[int]) -> Any:
    """A copy of so many characters and values, the rest left out."""
    budget[0] -= 4
    if isinstance(value, str):
        text = value[: max(budget[0], 0)]
        budget[0] -= len(text)
        return text
    if isinstance(value, list):
        return [_beginning(inner, budget) for inner in value[: max(budget[0], 0) // 4]]
    if isinstance(value, dict):
        pairs = itertools.islice(value.items(), max(budget[0], 0) // 4)
        return {_beginning(name, budget): _beginning(inner, budget) for name, inner in pairs}
    return value


@dataclass
class _ErrorTexts:
    """The texts and codes of an error body of any known form."""

    codes: list[str] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """One line for each invalid input."""


def _error_texts(body: Any) -> _ErrorTexts:
    texts = _ErrorTexts()
    if isinstance(body, str):
        text = _TAGS.sub(" ", body[:20_000]) if "<" in body[:2000] else body[:_SEARCHED]
        texts.sentences.append(" ".join(text.split())[:_SEARCHED])
    elif isinstance(body, dict):
        _read(body, texts, 0)
    elif isinstance(body, list):
        for entry in body[:10]:
            _read(entry, texts, 0) if isinstance(entry, dict) else _note(texts, entry)
    return texts


def _read(body: Mapping[str, Any], texts: _ErrorTexts, depth: int) -> None:
    for name in ("code", "type", "status", "reason"):
        value = body.get(name)
        if isinstance(value, str) and len(value) < 80:
            texts.codes.append(value.lower())
    for name in ("title", "message", "msg", "detail", "error_message", "error_description", "description"):
        _note(texts, body.get(name))
    texts.faults += list(_faults(body))
    for name in ("error", "errors", "detail", "data"):
        inner = body.get(name)
        if isinstance(inner, dict) and depth < 3:
            _read(inner, texts, depth + 1)
        elif isinstance(inner, list) and depth < 3 and name == "errors":
            for entry in inner[:10]:
                _read(entry, texts, depth + 1) if isinstance(entry, dict) else _note(texts, entry)
        elif name == "error":
            _note(texts, inner)


def _note(texts: _ErrorTexts, value: object) -> None:
    if isinstance(value, str) and value.strip():
        texts.sentences.append(" ".join(value[:_SEARCHED].split()))


def _faults(body: Mapping[str, Any]) -> Iterator[str]:
    """Faults of the input: Replicate's `invalid_fields`, and FastAPI's `detail` as a list."""
    for entry in _list(body.get("invalid_fields"))[:20]:
        if isinstance(entry, dict) and isinstance(entry.get("description"), str):
            yield f"{_text(entry.get('field'))}: {entry['description']}".removeprefix(": ")
    for entry in _list(body.get("detail"))[:20]:
        if isinstance(entry, dict) and isinstance(entry.get("msg"), str):
            where = ".".join(str(part)[:80] for part in _list(entry.get("loc"))[:8] if part != "body")
            yield f"{where}: {entry['msg']}".removeprefix(": ")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _kind(status: int, texts: _ErrorTexts, text: str) -> tuple[ErrorKind, bool]:
    """The kind, and whether text gave it. Error codes first, then prose, then the status."""
    if error_phrases.NO_CHANNEL.search(text):
        # Reported with codes of a missing model although it is missing only for the moment.
        return "channel", True
    for code in texts.codes:
        known = error_phrases.CODES.get(code)
        if known is not None and not (
            code == "image_generation_user_error" and error_phrases.QUOTA.search(text)
        ):
            return known, True
    if status == 401:
        return ("quota" if error_phrases.QUOTA.search(text) else "key"), True
    if status == 429:
        # A rate limit because little credit is left is still solved by waiting.
        plain_rate = error_phrases.RATE.search(text) and not re.search(
            r"exceeded your current quota|insufficient", text
        )
        return ("quota" if error_phrases.QUOTA.search(text) and not plain_rate else "rate"), True
    if status == 402:
        return "quota", True
    for pattern, kind in _order(status):
        if pattern.search(text):
            return kind, True
    if texts.faults and status < 500:
        return "bad_input", True
    return _BY_STATUS.get(status, "transient" if status >= 500 or status < 400 else "permanent"), False


def _order(status: int) -> list[tuple[re.Pattern[str], ErrorKind]]:
    prose: list[tuple[re.Pattern[str], ErrorKind]] = [
        (error_phrases.QUOTA, "quota"),
        (error_phrases.RATE, "rate"),
        (error_phrases.UNKNOWN_MODEL, "permanent"),
        (error_phrases.KEY, "key"),
        (error_phrases.OVERLOADED, "transient"),
    ]
    if status not in (404, 405):
        prose.insert(0, (error_phrases.SAFETY, "safety"))
    if status >= 500 or status < 400:
        prose.append((error_phrases.BAD_INPUT, "bad_input"))
    return prose


def _for_the_caller(status: int, body: Any, texts: _ErrorTexts, secret: str) -> str:
    """The message as one line: the list of faults where there is one, else the longest sentence."""
    if texts.faults:
        return one_line("; ".join(texts.faults), secret)
    if status == 413:
        return "The input is larger than the provider takes."
    # An HTML page or a proxy's text tells a caller nothing.
    return "" if isinstance(body, str) else one_line(max(texts.sentences, key=len, default=""), secret)
