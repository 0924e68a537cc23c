"""Tiles of justified rows: URLs, placeholders, `srcset` and alternative texts of pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.items import justified_rows
from gallery.items.access import TILE_PROMPT_LENGTH
from gallery.models import Item

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_CHECKERBOARD = "--blur:var(--checks);--fill:16px 16px;--fills:repeat"
_BLUR = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/=]{1,4000}")


@dataclass(frozen=True)
class Tile:
    """One item in a row. `breaks`: the width classes in which a row ends after it."""

    item: Item
    own: bool
    breaks: str = ""
    target: int = 260

    @property
    def href(self) -> str:
        """The URL of its page: the library's in the owner's own lists, else the public one."""
        return reverse("library_item" if self.own else "gallery_item", args=[self.item.public_id])

    @property
    def ratio(self) -> str:
        """The aspect ratio in the row."""
        return f"{justified_rows.clamped_ratio(self.item.ratio):.4f}"

    @property
    def style(self) -> str:
        """Aspect ratio, colour and blur as CSS: the placeholder until the picture has loaded."""
        return f"--r:{self.ratio};{placeholder(self.item)}"

    @property
    def srcset(self) -> str:
        """The thumbnails with their real widths."""
        return srcset(self.item)

    @property
    def sizes(self) -> str:
        """Its width on the page, as close as can be told before layout."""
        ratio = justified_rows.clamped_ratio(self.item.ratio)
        phone = min(100, round(ratio * 56))
        return f"(max-width: 640px) {phone}vw, {round(ratio * self.target)}px"

    @property
    def is_still(self) -> bool:
        """Whether it is not animated or a video; reads the loaded file."""
        return not self.item.moves

    @property
    def is_clear(self) -> bool:
        """Whether it has transparency."""
        return has_transparency(self.item)

    @property
    def bytes(self) -> int:
        """The size of the original file."""
        return self.item.output.file.size

    @property
    def alt(self) -> str:
        """Its alternative text, as far as the viewer may read it."""
        return alt_text(self.item, own=self.own)


@dataclass(frozen=True)
class Group:
    """Rows of items; in the library, those of one day."""

    tiles: list[Tile]
    filler_style: str
    day: date | None = None
    height_style: str = ""
    more: bool = False


def picture_url(item: Item, size: str) -> str:
    """The item's own picture URL, which checks access at each request."""
    return reverse("item_picture", args=[item.public_id, size])


def srcset(item: Item) -> str:
    """The sizes that exist, for `srcset`; empty without thumbnails."""
    found = [(name, getattr(item.output, name)) for name in ("small", "medium")]
    return ", ".join(
        f"{picture_url(item, name)} {file.width}w" for name, file in found if file and file.width
    )


def has_transparency(item: Item) -> bool:
    """Whether it has transparency: such outputs have a colour but no blur."""
    return bool(item.output.colour) and not item.output.blur


def placeholder(item: Item) -> str:
    """Dominant colour and tiny blur as CSS custom properties; values not of the expected form are left out.

    Pictures with transparency get a checkerboard instead, which stays behind them.
    """
    output = item.output
    if has_transparency(item):
        return _CHECKERBOARD
    parts = []
    if _COLOUR.fullmatch(output.colour):
        parts.append(f"--c:{output.colour}")
    if _BLUR.fullmatch(output.blur):
        parts.append(f"--blur:url({output.blur})")
    return ";".join(parts)


def alt_text(item: Item, *, own: bool) -> str:
    """Alternative text: the title, the prompt where it may be read, or whose picture it is."""
    if item.title:
        return item.title
    # Lists load only the beginning of the prompt (`access.for_tiles`).
    begins: str | None = vars(item).get("begins")
    prompt = item.prompt if begins is None else begins
    if prompt and (own or item.show_prompt):
        return prompt[:TILE_PROMPT_LENGTH]
    return _("Picture by %(name)s") % {"name": item.user.shown_name}


def group(
    items: Sequence[Item],
    *,
    own: bool,
    widths: Sequence[justified_rows.Width],
    more: bool,
    day: date | None = None,
) -> Group:
    """Lay out items as rows."""
    layout = justified_rows.lay_out(
        [justified_rows.clamped_ratio(item.ratio) for item in items], widths, more=more
    )
    target = widths[-2].target
    tiles = [Tile(item, own, ends, target) for item, ends in zip(items, layout.breaks, strict=True)]
    return Group(tiles, layout.filler_style, day, layout.height_style, more)


def groups_by_day(
    items: Sequence[Item], *, more: bool, widths: Sequence[justified_rows.Width] = justified_rows.LIBRARY
) -> list[Group]:
    """A member's items grouped by days in the current time zone, newest first."""
    days: dict[date, list[Item]] = {}
    for item in items:
        days.setdefault(timezone.localtime(item.created_at).date(), []).append(item)
    last = len(days) - 1
    return [
        group(of_day, own=True, widths=widths, more=more and index == last, day=day)
        for index, (day, of_day) in enumerate(days.items())
    ]
