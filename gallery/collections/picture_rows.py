"""A collection's items as justified rows; URLs and captions come from the audience's `Presentation`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gallery.items import justified_rows, tiles
from gallery.models import CollectionItem, Item


@dataclass(frozen=True)
class Presentation:
    """How an audience sees items: page URLs, picture URLs, captions, and which are blurred."""

    href: Callable[[Item], str]
    pictures: Callable[[Item], str]
    """The URL of an item's pictures without the size: `…/picture/`."""
    caption: Callable[[Item], str]
    blurs: Callable[[Item], bool]


@dataclass(frozen=True)
class Frame:
    """One item of a collection. `breaks`: the width classes in which a row ends after it."""

    item: Item
    presentation: Presentation
    breaks: str = ""
    target: int = 260

    @property
    def href(self) -> str:
        """The URL of its page."""
        return self.presentation.href(self.item)

    @property
    def picture(self) -> str:
        """The URL of its medium thumbnail."""
        return self.presentation.pictures(self.item) + "medium"

    @property
    def full(self) -> str:
        """The URL of the whole file."""
        return self.presentation.pictures(self.item) + "full"

    @property
    def small(self) -> str:
        """The URL of its small thumbnail."""
        return self.presentation.pictures(self.item) + "small"

    @property
    def caption(self) -> str:
        """Its caption, as far as the audience may read it."""
        return self.presentation.caption(self.item)

    @property
    def blurred(self) -> bool:
        """Whether it is blurred until the reader asks for it."""
        return self.presentation.blurs(self.item)

    @property
    def style(self) -> str:
        """Aspect ratio, colour and blur as CSS: the placeholder until the picture has loaded."""
        return f"--r:{justified_rows.clamped_ratio(self.item.ratio):.4f};{tiles.placeholder(self.item)}"

    @property
    def srcset(self) -> str:
        """The thumbnails with their real widths."""
        base, output = self.presentation.pictures(self.item), self.item.output
        found = (("small", output.small), ("medium", output.medium))
        return ", ".join(f"{base}{name} {file.width}w" for name, file in found if file and file.width)

    @property
    def sizes(self) -> str:
        """Its width on the page, as close as can be told before layout."""
        ratio = justified_rows.clamped_ratio(self.item.ratio)
        return f"(max-width: 640px) {min(100, round(ratio * 56))}vw, {round(ratio * self.target)}px"


@dataclass(frozen=True)
class Rows:
    """Justified rows of frames."""

    frames: list[Frame]
    filler_style: str


def lay_out(entries: Sequence[CollectionItem], presentation: Presentation, *, more: bool) -> Rows:
    """Lay out entries as rows; with `more` to come, the last row is filled up as well."""
    items = [entry.item for entry in entries]
    widths = justified_rows.GALLERY
    layout = justified_rows.lay_out(
        [justified_rows.clamped_ratio(item.ratio) for item in items], widths, more=more
    )
    frames = [
        Frame(item, presentation, ends, widths[-2].target)
        for item, ends in zip(items, layout.breaks, strict=True)
    ]
    return Rows(frames, layout.filler_style)
