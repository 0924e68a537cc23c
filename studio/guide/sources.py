"""Reads the Markdown of a page. Code blocks are in the English page alone; other languages refer to them.

A line `::: code` in a Chinese page stands for the next run of code blocks of the English one, so that samples
can't differ between languages.
"""

from __future__ import annotations

import re
from functools import lru_cache

from django.conf import settings

LANGUAGES = ("en", "zh-hans")
FOLDER = settings.BASE_DIR / "docs" / "guide"
REFERENCE = "::: code"
_FENCE = "```"
_PLACEHOLDER = re.compile(r"\{\{ *([a-z_.]+) *\}\}")


class BadSource(Exception):
    """A source file of the guide is invalid; the message says which and why."""


@lru_cache(maxsize=64)
def markdown(name: str, language: str) -> str:
    """The Markdown of a page with its code inserted, and its placeholders not yet. Raises BadSource."""
    text = _read(name, language)
    if language == "en":
        return text
    return _with_code(name, text, code_runs(_read(name, "en")))


@lru_cache(maxsize=64)
def title(name: str, language: str) -> str:
    """The heading of a page."""
    return _read(name, language).partition("\n")[0].removeprefix("# ")


def placeholders(text: str) -> set[str]:
    """The names of all placeholders in a text."""
    return set(_PLACEHOLDER.findall(text))


def fill(text: str, values: dict[str, str]) -> str:
    """The text with every placeholder replaced. Raises BadSource for one without a value."""

    def value(match: re.Match[str]) -> str:
        try:
            return values[match.group(1)]
        except KeyError:
            raise BadSource(f"There is no value called {match.group(1)}.") from None

    return _PLACEHOLDER.sub(value, text)


def code_runs(text: str) -> list[str]:
    """The runs of code blocks in a text: blocks with nothing but blank lines between them are one run."""
    runs: list[list[str]] = []
    inside, broken = False, True
    for line in text.splitlines():
        if line.startswith(_FENCE):
            if not inside and broken:
                runs.append([])
            inside, broken = not inside, False
            runs[-1].append(line)
        elif inside:
            runs[-1].append(line)
        elif not line.strip():
            if runs and not broken:
                runs[-1].append("")
        else:
            broken = True
    return ["\n".join(run).strip() for run in runs]


def _read(name: str, language: str) -> str:
    try:
        return str((FOLDER / language / f"{name}.md").read_text(encoding="utf-8"))
    except OSError:
        raise BadSource(f"There is no page {name} in {language}.") from None


def _with_code(name: str, text: str, runs: list[str]) -> str:
    parts = re.split(rf"^{re.escape(REFERENCE)}$", text, flags=re.MULTILINE)
    if _FENCE in text or len(parts) - 1 != len(runs):
        raise BadSource(
            f"{name}: the English page has {len(runs)} places with code, this one {len(parts) - 1}."
        )
    return "".join(part + run for part, run in zip(parts, [*runs, ""], strict=True))
