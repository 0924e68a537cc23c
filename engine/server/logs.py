"""Logging of the programs without Django: lines on standard error in the format of Django's processes, logfmt or JSON.

No structlog: it is not worth its memory in a process that logs a line a day. Secrets are redacted.
"""

from __future__ import annotations

import datetime
import json
import logging
import re
import sys

from core.redaction import scrub

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class LineFormatter(logging.Formatter):
    """One line a record: timestamp, level, logger, event, and the traceback where there is one."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        fields = {
            "timestamp": at.isoformat().replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        fields = {name: scrub(value) for name, value in fields.items()}
        if self._as_json:
            return json.dumps(fields)
        return " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())


def configure(level: str, *, as_json: bool) -> None:
    """Write every logger's lines of this level and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(as_json=as_json))
    logging.basicConfig(level=level, handlers=[handler])


def _quoted(value: str) -> str:
    # Control characters, which a terminal or a log viewer would interpret, are escaped.
    value = _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
    if " " in value or "=" in value or '"' in value:
        return '"' + value.replace('"', '\\"') + '"'
    return value
