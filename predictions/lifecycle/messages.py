"""Formatting of predictions' error messages and log notes."""

from __future__ import annotations

import re

FREE = "Nothing was charged."
"""The suffix of every error that Darkroom writes: the hold was released."""
QUARANTINED = "This prediction stopped its workers several times and was set aside."
TOO_LONG = "The work took longer than this server allows and was stopped."
LONGEST_ERROR = 2000
_ENDS = (".", "!", "?", "…", "。", "！", "？")
_BREAKS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
ANSWER_LOST = "The provider's answer was lost, so that its work could not be followed."
WAITED_TOO_LONG = "Nothing could take this prediction in time."
PAST_DEADLINE = "The deadline that was asked for has passed."


def with_note(logs: str, note: str) -> str:
    """The log with one more line of our own, in brackets."""
    return f"{logs}{'' if not logs or logs.endswith(chr(10)) else chr(10)}[{one_line(note)}]\n"


def free(error: str) -> str:
    """The error on one line, with the suffix that nothing was charged. The only place that adds it."""
    text = one_line(error).removesuffix(FREE).rstrip()
    return f"{text}{'' if text.endswith(_ENDS) else '.'} {FREE}"


def one_line(error: str) -> str:
    """The text on one line: line breaks become spaces."""
    text = _BREAKS.sub(" ", error.replace("\x00", "").strip("\r\n"))
    return text[:LONGEST_ERROR] or "The run failed without a reason."
