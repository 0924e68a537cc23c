"""What people write, made safe to show: no control characters, none that turn or hide what stands beside them."""

from __future__ import annotations

import re
import unicodedata

JOINERS = "\u200c\u200d"
"""Zero-width, but part of Persian and Indic words and of many emoji; they stay where text is only shown."""
# What is drawn as nothing although Unicode calls it a letter, a mark or a symbol.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_NOTHING = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
_SPACES = re.compile(r"\s+")
_MANY_LINES = re.compile(r"\n{3,}")
_MARKS = 4
"""Marks on one letter, at most: more is no language but a drawing over the neighbours."""


def line(text: str, most: int) -> str:
    """One line of at most `most` characters: a title or a name."""
    return _SPACES.sub(" ", _shown(text, keep="\t\n\r" + JOINERS)).strip()[:most].strip()


def paragraphs(text: str, most: int) -> str:
    """Text of several lines, at most `most` characters; never more than one empty line on end."""
    kept = _shown(text.replace("\r\n", "\n").replace("\r", "\n"), keep="\n\t" + JOINERS)
    lines = "\n".join(part.rstrip() for part in kept.split("\n"))
    return _MANY_LINES.sub("\n\n", lines).strip()[:most].strip()


def is_blank(text: str) -> bool:
    """Whether nothing of it would be seen."""
    return not any(
        not one.isspace() and one not in _BLANK and unicodedata.category(one) not in _NOTHING for one in text
    )


def without_invisible(text: str) -> str:
    """The text without anything that is not seen, joiners too, for what is compared or looked up."""
    return _shown(text, keep="\t\n\r")


def _shown(text: str, *, keep: str) -> str:
    kept: list[str] = []
    marks = 0
    for one in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(one)
        if one not in keep and (one in _BLANK or kind in _NOTHING):
            continue
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks <= _MARKS:
            kept.append(one)
    return "".join(kept)
