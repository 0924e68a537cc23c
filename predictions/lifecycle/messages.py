"""Error messages of predictions: the sentences, and the words that nothing was charged."""

from __future__ import annotations

import re

FREE = "Nothing was charged."
"""The last words of every error that Darkroom writes: the hold has gone back."""
QUARANTINED = "This prediction stopped its workers several times and was set aside."
TOO_LONG = "The work took longer than this server allows and was stopped."
LONGEST_ERROR = 2000
_ENDS = (".", "!", "?", "…", "。", "！", "？")
_BREAKS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
ANSWER_LOST = "The provider's answer was lost, so that its work could not be followed."
WAITED_TOO_LONG = "Nothing could take this prediction in time."
PAST_DEADLINE = "The deadline that was asked for has passed."


def with_note(logs: str, note: str) -> str:
    """A log with one more line of our own, in brackets."""
    return f"{logs}{'' if not logs or logs.endswith(chr(10)) else chr(10)}[{one_line(note)}]\n"


def free(error: str) -> str:
    """An error for people as one line that ends by saying that nothing was charged. The only place that adds it."""
    words = one_line(error).removesuffix(FREE).rstrip()
    return f"{words}{'' if words.endswith(_ENDS) else '.'} {FREE}"


def one_line(error: str) -> str:
    """The words as they are, but on one line: whatever breaks lines becomes a blank."""
    words = _BREAKS.sub(" ", error.replace("\x00", "").strip("\r\n"))
    return words[:LONGEST_ERROR] or "The run failed without a reason."
