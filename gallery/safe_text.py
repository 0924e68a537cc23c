"""Sanitising of user-written text: no control characters, bidirectional overrides or invisible characters."""

from __future__ import annotations

import re
import unicodedata

JOINERS = "\u200c\u200d"
"""Zero-width, but part of Persian and Indic words and of many emoji; kept in text that is only displayed."""
# Rendered as nothing although Unicode classifies them as letters, marks or symbols.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_NOTHING = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
_SPACES = re.compile(r"\s+")
_MANY_LINES = re.compile(r"\n{3,}")
_MARKS = 4
"""Combining marks per letter: no language has more, only text that draws over its neighbours."""


def line(text: str, most: int) -> str:
    """One line of at most `most` characters, such as a title or a name."""
    return _SPACES.sub(" ", _cleaned(text, keep="\t\n\r" + JOINERS)).strip()[:most].strip()


def paragraphs(text: str, most: int) -> str:
    """Text of several lines, at most `most` characters, with at most one blank line in a row."""
    cleaned = _cleaned(text.replace("\r\n", "\n").replace("\r", "\n"), keep="\n\t" + JOINERS)
    lines = "\n".join(part.rstrip() for part in cleaned.split("\n"))
    return _MANY_LINES.sub("\n\n", lines).strip()[:most].strip()


def is_blank(text: str) -> bool:
    """Whether nothing of it would be visible."""
    return not any(
        not char.isspace() and char not in _BLANK and unicodedata.category(char) not in _NOTHING
        for char in text
    )


def without_invisible(text: str) -> str:
    """The text without invisible characters, joiners included; for comparing and looking up."""
    return _cleaned(text, keep="\t\n\r")


def _cleaned(text: str, *, keep: str) -> str:
    chars: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(char)
        if char not in keep and (char in _BLANK or kind in _NOTHING):
            continue
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks <= _MARKS:
            chars.append(char)
    return "".join(chars)
