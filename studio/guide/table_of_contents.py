"""Which pages the documentation has, in the order in which they are read."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Entry:
    """One page. `slug` is its address below `/docs/` and its file's name; empty for the first page."""

    slug: str

    @property
    def source(self) -> str:
        """The name of its Markdown file, without the ending."""
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
"""The page of one model, written once for all of them."""


def neighbours(slug: str) -> tuple[Entry | None, Entry | None]:
    """The pages before and after one."""
    place = ENTRIES.index(BY_SLUG[slug])
    before = ENTRIES[place - 1] if place else None
    after = ENTRIES[place + 1] if place + 1 < len(ENTRIES) else None
    return before, after
