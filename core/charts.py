"""Charts drawn on the server: the geometry of bars, lines and axes, and whole charts as SVG.

Everything is placed in per cent, so a chart is as wide as its place and its text keeps its size; lines live in a box of
their own whose strokes do not scale. Axes are HTML beside it. Each day or moment is a slot that takes the focus and has
a label. A template that draws a chart of its own takes the places from here: `round_top`, `grid_lines`, `stack`, `Bar`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_TICKS = 4
_BAR = 0.68
_WIDEST = 6.0


@dataclass(frozen=True)
class Piece:
    """A part of a stacked bar, in per cent of the chart's height: how far below its upper edge, and how high."""

    top: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A horizontal bar: its name, its parts in per cent, the words behind it, and all of it as a label."""

    name: str
    parts: list[tuple[int, float, float]]
    """Colour, where it begins, how long it is."""
    words: list[str]
    label: str


@dataclass(frozen=True)
class Series:
    """One figure over all slots. `form`: `bar` (stacked on the bars before), `area`, `line`, or `dashed`."""

    name: str
    values: Sequence[float | None]
    colour: int
    form: str = "bar"
    shown: Callable[[float], str] = "{:,.0f}".format
    axis: Callable[[float], str] = "{:,.0f}".format


@dataclass
class Chart:
    """What a template needs to draw one: see `operations/_chart.html`."""

    key: str
    title: str
    slots: list[str]
    """What each slot is called in full, for its label."""
    marks: list[tuple[float, str]]
    """Words under the axis, and where in per cent."""
    series: list[Series]
    partial: bool = False
    """Whether the last slot is not over."""
    words: str = ""
    empty: str = ""
    head: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all to draw."""
        return not any(value for one in self.series for value in one.values)

    @property
    def top(self) -> int:
        """The value at the upper edge: round, and no smaller than any."""
        stacks = [
            sum(one.values[at] or 0 for one in self.series if one.form == "bar")
            for at in range(len(self.slots))
        ]
        lines = [value or 0 for one in self.series if one.form != "bar" for value in one.values]
        # A hair above a line counts as on it.
        return round_top(max([*stacks, *lines, 0]) * 0.999999)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Heights in per cent and their words."""
        axis = self.series[0].axis
        return [(height, axis(value)) for value, height in grid_lines(self.top)]

    @property
    def svg(self) -> SafeString:
        """The drawing, with a slot to focus for each day or moment."""
        parts = [self._grid(), *self._bars(), *self._lines(), *self._slots()]
        return format_html(
            '<svg role="group" aria-label="{}" width="100%" height="100%">{}</svg>',
            self.title,
            format_html_join("", "{}", ((part,) for part in parts)),
        )

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The same as a table."""
        return [
            (name, [_said(one, one.values[at]) for one in self.series]) for at, name in enumerate(self.slots)
        ]

    def _grid(self) -> SafeString:
        return format_html_join(
            "",
            '<line class="grid" x1="0" x2="100%" y1="{0}%" y2="{0}%"/>',
            ((100 - y,) for y, _ in self.ticks),
        )

    def _bars(self) -> list[SafeString]:
        slot = 100 / max(1, len(self.slots))
        width = min(slot * _BAR, _WIDEST)
        bars = [one for one in self.series if one.form == "bar"]
        found = []
        for at in range(len(self.slots)):
            hatched = " partial" if self.partial and at == len(self.slots) - 1 else ""
            values = [max(0, one.values[at] or 0) for one in bars]
            for one, value, piece in zip(bars, values, stack(values, self.top), strict=True):
                if not value:
                    continue
                found.append(
                    format_html(
                        '<rect class="c{}{}" data-slot="{}" x="{}%" y="{}%" width="{}%" height="{}%" rx="1.5"/>',
                        one.colour, hatched, at, _n(self._x(at) - width / 2), _n(piece.top), _n(width),
                        _n(piece.height),
                    )
                )  # fmt: skip
        return found

    def _lines(self) -> list[SafeString]:
        found = []
        for one in self.series:
            if one.form == "bar":
                continue
            runs = self._runs(one)
            shapes = []
            if one.form == "area":
                shapes += [self._area(one, run) for run in runs]
            dashed = " dashed" if one.form == "dashed" else ""
            path = " ".join(f"M{self._steps(one, run)}" for run in runs)
            shapes.append(format_html('<path class="stroke c{}{}" d="{}"/>', one.colour, dashed, path))
            inner = format_html_join("", "{}", ((shape,) for shape in shapes))
            found.append(
                format_html(
                    '<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%">{}</svg>',
                    inner,
                )
            )
        return found

    def _runs(self, one: Series) -> list[list[int]]:
        """The slots that a line goes through: of an area all that lie side by side, since nothing is known between
        them; of another line all, since it is of what happens now and then.
        """
        known = [at for at, value in enumerate(one.values) if value is not None]
        if one.form != "area":
            return [known] if known else []
        runs: list[list[int]] = []
        for at in known:
            if runs and runs[-1][-1] == at - 1:
                runs[-1].append(at)
            else:
                runs.append([at])
        return runs

    def _steps(self, one: Series, run: Sequence[int]) -> str:
        points = [f"{_n(self._x(at))} {_n(100 - 100 * (one.values[at] or 0) / self.top)}" for at in run]
        # One alone is a dot.
        return " L".join(points if len(points) > 1 else points * 2)

    def _area(self, one: Series, run: Sequence[int]) -> SafeString:
        first, last = _n(self._x(run[0])), _n(self._x(run[-1]))
        path = f"M{first} 100 L{self._steps(one, run)} L{last} 100 Z"
        return format_html('<path class="area c{}" d="{}"/>', one.colour, path)

    def _x(self, at: int) -> float:
        return middle(at, len(self.slots))

    def _slots(self) -> list[SafeString]:
        slot = 100 / max(1, len(self.slots))
        found = []
        for at, name in enumerate(self.slots):
            said = "\n".join([name, *(f"{one.name}: {_said(one, one.values[at])}" for one in self.series)])
            found.append(
                format_html(
                    '<rect class="hit" role="img" aria-label="{}" tabindex="{}" data-slot="{}" x="{}%" width="{}%"'
                    ' height="100%"><title>{}</title></rect>',
                    said, 0 if at == len(self.slots) - 1 else -1, at, _n(slot * at), _n(slot), said,
                )
            )  # fmt: skip
        return found


def spark(values: Sequence[float | None]) -> SafeString:
    """A small line without axes; a dot in its middle where nothing is known."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return SafeString("")
    low, high = min(known), max(known)
    room = (high - low) or 1
    steps = [
        f"{_n(100 * at / (len(values) - 1))} {_n(88 - 76 * (value - low) / room if high > low else 50)}"
        for at, value in enumerate(values)
        if value is not None
    ]
    return format_html(
        '<svg class="spark" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">'
        '<path d="M{}"/></svg>',
        " L".join(steps),
    )


def round_top(value: float, least: int = _TICKS) -> int:
    """The value at the upper edge of a chart: no smaller than the given one, nor than `least`, a multiple of four.

    `least` times 1, 2, 2.5 or 5 times a power of ten; four steps that are whole numbers lead to it.
    """
    step = least // _TICKS
    while True:
        for factor in (1, 2, 2.5, 5):
            top = _TICKS * math.ceil(factor * step)
            if top >= value:
                return top
        step *= 10


def grid_lines(top: int) -> list[tuple[int, float]]:
    """Where lines across stand: their values, and how far above the lower edge, in per cent."""
    return [(top * n // _TICKS, 100 * n / _TICKS) for n in range(_TICKS + 1)]


def stack(values: Sequence[float], top: float, gap: float = 0) -> list[Piece]:
    """The pieces of a bar, stacked from below in the order of their values; a gap, in per cent, divides high ones."""
    pieces = []
    below = 0.0
    for value in values:
        height = 100 * value / top
        gone = gap if below and height > 2 * gap else 0
        pieces.append(Piece(100 - 100 * below / top - height, height - gone))
        below += value
    return pieces


def row_parts(
    values: Sequence[tuple[int, float]], longest: float, least: float = 0
) -> list[tuple[int, float, float]]:
    """The parts of a horizontal bar, from colours and values; `least` per cent are what can be seen of a part."""
    parts = []
    begin = 0.0
    for colour, value in values:
        length = max(least, 100 * value / longest) if value else 0.0
        parts.append((colour, begin, length))
        begin += length
    return parts


def middle(at: int, slots: int) -> float:
    """Where the middle of a slot is, in per cent of the width."""
    return 100 * (at + 0.5) / max(1, slots)


def _said(one: Series, value: float | None) -> str:
    return "–" if value is None else one.shown(value)


def _n(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")
