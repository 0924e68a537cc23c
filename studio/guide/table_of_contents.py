"""Table of contents of the guide: its pages, in reading order."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Entry:
    """One page. `slug` is its path below `/docs/` and its file's name; empty for the first page."""

    slug: str

    @property
    def source(self) -> str:
        """The name of its Markdown file, without the extension."""
        return self.slug or "index"


@dataclass(frozen=True)
class Group:
    """Pages under one heading of the table of contents."""

    name: str | Promise
    entries: tuple[Entry, ...]


GROUPS = (
    Group(
        _("Start"),
        (
            Entry(""),
            Entry("replicate"),
            Entry("openai"),
            Entry("gateway"),
        ),
    ),
    Group(
        _("How it works"),
        (
            Entry("predictions"),
            Entry("models"),
            Entry("files"),
            Entry("streaming"),
            Entry("webhooks"),
            Entry("repeats"),
            Entry("api"),
        ),
    ),
    Group(
        _("What to count on"),
        (Entry("money"), Entry("limits"), Entry("errors")),
    ),
)
ENTRIES = tuple(entry for group in GROUPS for entry in group.entries)
BY_SLUG = {entry.slug: entry for entry in ENTRIES}
MODEL_SOURCE = "_model"
"""The page of a model, one source for all."""


def neighbours(slug: str) -> tuple[Entry | None, Entry | None]:
    """The pages before and after one."""
    place = ENTRIES.index(BY_SLUG[slug])
    before = ENTRIES[place - 1] if place else None
    after = ENTRIES[place + 1] if place + 1 < len(ENTRIES) else None
    return before, after
