"""Logging configuration: structured logs, with secrets redacted before anything is written."""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import Any

import structlog

from core.redaction import scrub

A_MINUTE = 10
"""Lines about callers' mistakes that one logger writes."""
LONGEST = 300
"""Characters of such a line that callers may have written."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _scrub_event(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    if not event.get("request_id", True):
        # Bound empty where something is done for no request, so that it is not taken for the last one's.
        del event["request_id"]
    return {key: scrub(value) if isinstance(value, str) else value for key, value in event.items()}


class ScrubbingFormatter(structlog.stdlib.ProcessorFormatter):
    """Last belt: whatever was rendered, a traceback included, is scrubbed once more as text.

    It is one line: a control character, which a terminal or a reader of the log would obey, is written out.
    """

    def format(self, record: logging.LogRecord) -> str:
        return _CONTROLS.sub(_written_out, scrub(super().format(record)))


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] == "\n":
        return "\\n"
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


class CallersMistakes(logging.Filter):
    """What callers do wrong (a bad Host, a forged form, what is no HTTP): a short warning, so many a minute.

    Anybody can make as many as they like. A traceback says nothing about them, an error would let any
    stranger raise an alarm, and more than some lines of a kind would only fill the disk: the next minute's line counts
    the rest. A fault of ours is an error with its exception, and stays as it is.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._minutes: dict[str, tuple[int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not _is_a_callers(record):
            return True
        seen, before = self._count(record.name)
        if seen > A_MINUTE:
            return False
        words = record.getMessage()
        words = f"{words[:LONGEST]}…" if len(words) > LONGEST else words
        if before > A_MINUTE:
            words = f"{words} (and {before - A_MINUTE} like it before, not written down)"
        record.msg, record.args = words, ()
        record.exc_info = record.exc_text = record.stack_info = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True

    def _count(self, name: str) -> tuple[int, int]:
        """How many of this logger there were in this minute; with the first, also in the last that had any."""
        minute = int(time.monotonic() // 60)
        with self._lock:
            then, seen = self._minutes.get(name, (minute, 0))
            self._minutes[name] = (minute, seen + 1 if then == minute else 1)
            return self._minutes[name][1], 0 if then == minute else seen


def _is_a_callers(record: logging.LogRecord) -> bool:
    if record.name.startswith("django.security."):
        return True
    if record.name == "django.request":
        # Also 501 and 503, which a view answers on purpose: what broke has an exception.
        return record.levelno < logging.ERROR or not record.exc_info
    return record.name == "uvicorn.error" and record.levelno == logging.WARNING


def logging_config(level: str, *, json: bool) -> dict[str, Any]:
    """Django's LOGGING: one handler on standard error, for our own lines and the libraries'."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _scrub_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "logger", "event"], drop_missing=True
        )
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": ScrubbingFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                "foreign_pre_chain": shared,
            }
        },
        "filters": {"callers_mistakes": {"()": CallersMistakes}},
        "handlers": {
            "standard_error": {
                "class": "logging.StreamHandler",
                "formatter": "structured",
                "filters": ["callers_mistakes"],
            }
        },
        "root": {"handlers": ["standard_error"], "level": level},
        "loggers": {
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},
            "uvicorn.access": {"level": "WARNING"},
            "django-q": {"level": "WARNING", "handlers": [], "propagate": True},
        },
    }
