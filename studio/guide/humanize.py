"""Human-readable durations, sizes, counts and lists for the guide, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import get_language

_UNITS = (
    (86400, "day", "days", "天"),
    (3600, "hour", "hours", "小时"),
    (60, "minute", "minutes", "分钟"),
    (1, "second", "seconds", "秒"),
)


def in_chinese() -> bool:
    """Whether the active language is Chinese."""
    return (get_language() or "").startswith("zh")


def duration(seconds: float) -> str:
    """In the largest whole unit: `10 minutes`, `24 hours`, `57.5 seconds`; two days and more in days."""
    for size, one, many, chinese in _UNITS:
        amount = seconds / size
        # One day is written as 24 hours; from two on days are easier to read.
        fits = amount == int(amount) and amount >= (2 if size == _UNITS[0][0] else 1)
        if fits or size == 1:
            number = f"{amount:g}"
            return f"{number} {chinese}" if in_chinese() else f"{number} {one if amount == 1 else many}"
    raise AssertionError("every number is a number of seconds")


def size(count: int) -> str:
    """Bytes in whole units of 1,024: `25 MB`, `64 KB`."""
    if count >= 1024 * 1024:
        return f"{count // (1024 * 1024)} MB"
    return f"{count // 1024} KB"


def count(number: int) -> str:
    """With thousands separators."""
    return f"{number:,}"


def limit_text(number: int) -> str:
    """The same, where 0 means no limit."""
    if number:
        return count(number)
    return "不限" if in_chinese() else "no limit"


def listed(words: Iterable[str]) -> str:
    """`a, b, c` with the language's punctuation."""
    return ("、" if in_chinese() else ", ").join(words)


def listed_or_none(words: Iterable[str]) -> str:
    """The same, with a word for none."""
    return listed(words) or ("无" if in_chinese() else "none")


def cell(text: str) -> str:
    """A text escaped for a cell of a Markdown table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
