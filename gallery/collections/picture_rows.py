"""Pictures of a collection as rows, wherever it is looked at: addresses and words are those of the way in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gallery.items import justified_rows, tiles
from gallery.models import CollectionItem, Item


@dataclass(frozen=True)
class Look:
    """A way of looking at items: where their pages and pictures are, what is said of them, which are blurred."""

    href: Callable[[Item], str]
    pictures: Callable[[Item], str]
    """The address of an item's pictures without the size: `…/picture/`."""
    words: Callable[[Item], str]
    blurs: Callable[[Item], bool]


@dataclass(frozen=True)
class Frame:
    """One picture of a collection. `breaks` are the width classes in which the row ends after it."""

    item: Item
    look: Look
    breaks: str = ""
    target: int = 260

    @property
    def href(self) -> str:
        """The page behind it."""
        return self.look.href(self.item)

    @property
    def picture(self) -> str:
        """The address of its picture in the middle size."""
        return self.look.pictures(self.item) + "medium"

    @property
    def full(self) -> str:
        """The address of the whole file."""
        return self.look.pictures(self.item) + "full"

    @property
    def small(self) -> str:
        """The address of its small picture."""
        return self.look.pictures(self.item) + "small"

    @property
    def words(self) -> str:
        """What it shows, as far as the reader may know it."""
        return self.look.words(self.item)

    @property
    def blurred(self) -> bool:
        """Whether it is not shown before the reader asks."""
        return self.look.blurs(self.item)

    @property
    def style(self) -> str:
        """Ratio, colour and blur: they hold the place until the picture is there."""
        return f"--r:{justified_rows.shown_ratio(self.item.ratio):.4f};{tiles.placeholder(self.item)}"

    @property
    def srcset(self) -> str:
        """The thumbnails with their real widths."""
        base, output = self.look.pictures(self.item), self.item.output
        found = (("small", output.small), ("medium", output.medium))
        return ", ".join(f"{base}{name} {file.width}w" for name, file in found if file and file.width)

    @property
    def sizes(self) -> str:
        """How wide it will be, as near as can be told before layout."""
        ratio = justified_rows.shown_ratio(self.item.ratio)
        return f"(max-width: 640px) {min(100, round(ratio * 56))}vw, {round(ratio * self.target)}px"


@dataclass(frozen=True)
class Rows:
    """Justified rows of frames."""

    frames: list[Frame]
    filler_style: str


def lay_out(entries: Sequence[CollectionItem], look: Look, *, more: bool) -> Rows:
    """The entries as rows; with `more` to come after them the last row is filled as well."""
    items = [entry.item for entry in entries]
    widths = justified_rows.GALLERY
    layout = justified_rows.lay_out(
        [justified_rows.shown_ratio(item.ratio) for item in items], widths, more=more
    )
    frames = [
        Frame(item, look, ends, widths[-2].target) for item, ends in zip(items, layout.breaks, strict=True)
    ]
    return Rows(frames, layout.filler_style)
