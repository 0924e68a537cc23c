"""The words of a notice, made when it is read: from the templates of its kind, in the language of the reader."""

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
_ENDS = re.compile(r"(?<=\.) |(?<=。)")
_LONGEST = 300
"""Characters of one param in a sentence."""


@dataclass(frozen=True)
class NoticeText:
    """What a notice says: one line, more for a mail (may be empty), and what the way on is called (may be empty)."""

    line: str
    more: str
    button: str
    subject: str = ""
    """The first sentence of the line, without its stop: what stands in a list of mails."""


class _Params(dict[str, Any]):
    """A notice that was written by an older release may lack a name: it is then left out, not an error."""

    def __missing__(self, key: str) -> str:
        return "…"


def for_notice(notice: Notice) -> NoticeText:
    """Its words in the language that is active; nothing for a kind that there is no more."""
    kind = notice_kinds.BY_NAME.get(notice.kind)
    if kind is None:
        return NoticeText("", "", "")
    params = _Params(_spoken(notice.params))
    line = str(kind.line)
    # Of the words before they are filled: names and dates have stops of their own.
    first = _ENDS.split(line, maxsplit=1)[0].rstrip(".。")
    return NoticeText(line % params, str(kind.more) % params, str(kind.button), first % params)


def in_language(notice: Notice, language: str) -> NoticeText:
    """The same in a language by its code; empty: the server's own."""
    with translation.override(language or None):
        return for_notice(notice)


def _spoken(params: dict[str, Any]) -> dict[str, str]:
    spoken: dict[str, str] = {}
    for name, value in params.items():
        if name.endswith(MICRO) and isinstance(value, int):
            spoken[name.removesuffix(MICRO)] = amounts.display(value)
        elif name.endswith(AT) and isinstance(value, str):
            spoken[name.removesuffix(AT)] = _day(value)
        else:
            spoken[name] = "" if value is None else str(value)[:_LONGEST]
    return spoken


def _day(text: str) -> str:
    at: datetime | None = parse_datetime(text)
    if at is None:
        return text[:_LONGEST]
    # As pages write days: Django's own for English is the American "Nov. 28, 2026".
    return formats.date_format(timezone.localtime(at), pgettext("format of a day", "j F Y"))
