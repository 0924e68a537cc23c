"""Text of a notice, rendered on reading from its kind's templates, in the reader's language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import formats, timezone, translation
from django.utils.dateparse import parse_datetime
from django.utils.translation import pgettext

from accounts.credits import amounts
from accounts.models import Notice
from accounts.notifications import notice_kinds

MICRO, AT = "_micro", "_at"
_SENTENCE_END = re.compile(r"(?<=\.) |(?<=。)")
_LONGEST = 300
"""Longest value of one param in a text, in characters."""


@dataclass(frozen=True)
class NoticeText:
    """A notice's texts: one line, more for the e-mail and the link's label, both of which may be empty."""

    line: str
    more: str
    button: str
    subject: str = ""
    """First sentence of the line, without its full stop: the e-mail's subject."""


class _Params(dict[str, Any]):
    """Params of a notice; a name missing in a notice of an older release renders as `…`."""

    def __missing__(self, key: str) -> str:
        return "…"


def for_notice(notice: Notice) -> NoticeText:
    """Its text in the active language; empty for a kind that no longer exists."""
    kind = notice_kinds.BY_NAME.get(notice.kind)
    if kind is None:
        return NoticeText("", "", "")
    params = _Params(_formatted(notice.params))
    line = str(kind.line)
    # Split before formatting: names and dates may contain full stops.
    first = _SENTENCE_END.split(line, maxsplit=1)[0].rstrip(".。")
    return NoticeText(line % params, str(kind.more) % params, str(kind.button), first % params)


def in_language(notice: Notice, language: str) -> NoticeText:
    """The same in the language of this code; empty: the server's default."""
    with translation.override(language or None):
        return for_notice(notice)


def _formatted(params: dict[str, Any]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, value in params.items():
        if name.endswith(MICRO) and isinstance(value, int):
            texts[name.removesuffix(MICRO)] = amounts.display(value)
        elif name.endswith(AT) and isinstance(value, str):
            texts[name.removesuffix(AT)] = _day(value)
        else:
            texts[name] = "" if value is None else str(value)[:_LONGEST]
    return texts


def _day(text: str) -> str:
    moment: datetime | None = parse_datetime(text)
    if moment is None:
        return text[:_LONGEST]
    # The format of all pages; Django's English default is "Nov. 28, 2026".
    return formats.date_format(timezone.localtime(moment), pgettext("format of a day", "j F Y"))
