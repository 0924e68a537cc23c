"""Charts drawn on the server: the geometry of bars, lines and axes, and whole charts as SVG.

Positions are in per cent, so a chart fills its container and its text keeps its size; lines are in an SVG box of their
own whose strokes do not scale. Axes are HTML beside it. Each day or moment is a slot that takes the focus and has a
label. Templates that draw their own charts take positions from here: `round_top`, `grid_lines`, `stack`, `Bar`.
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
    """A horizontal bar: its name, its parts in per cent, the texts behind it, and all of it as a label."""

    name: str
    parts: list[tuple[int, float, float]]
    """Colour, start and length of each part."""
    words: list[str]
    label: str


@dataclass(frozen=True)
class Series:
    """One figure over all slots. `form`: `bar` (stacked on the bars before), `area`, `line`, or `dashed`."""

    name: str
    values: Sequence[float | None]
    colour: int
    form: str = "bar"
    format: Callable[[float], str] = "{:,.0f}".format
    axis: Callable[[float], str] = "{:,.0f}".format


@dataclass
class Chart:
    """The context of a chart template: see `operations/_chart.html`."""

    key: str
    title: str
    slots: list[str]
    """The full name of each slot, for its label."""
    marks: list[tuple[float, str]]
    """Labels under the axis, with their position in per cent."""
    series: list[Series]
    partial: bool = False
    """Whether the last slot is not over."""
    words: str = ""
    empty: str = ""
    head: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all to draw."""
        return not any(value for series in self.series for value in series.values)

    @property
    def top(self) -> int:
        """The value at the upper edge: round, and no smaller than any."""
        stacks = [
            sum(series.values[at] or 0 for series in self.series if series.form == "bar")
            for at in range(len(self.slots))
        ]
        lines = [value or 0 for series in self.series if series.form != "bar" for value in series.values]
        # A hair above a line counts as on it.
        return round_top(max([*stacks, *lines, 0]) * 0.999999)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Heights in per cent, with their labels."""
        axis = self.series[0].axis
        return [(height, axis(value)) for value, height in grid_lines(self.top)]

    @property
    def svg(self) -> SafeString:
        """The drawing, with a focusable slot for each day or moment."""
        parts = [self._grid(), *self._bars(), *self._lines(), *self._slots()]
        return format_html(
            '<svg role="group" aria-label="{}" width="100%" height="100%">{}</svg>',
            self.title,
            format_html_join("", "{}", ((part,) for part in parts)),
        )

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The same data as a table."""
        return [
            (name, [_format(one, one.values[at]) for one in self.series])
            for at, name in enumerate(self.slots)
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
        bars = [series for series in self.series if series.form == "bar"]
        rects = []
        for at in range(len(self.slots)):
            hatched = " partial" if self.partial and at == len(self.slots) - 1 else ""
            values = [max(0, series.values[at] or 0) for series in bars]
            for series, value, piece in zip(bars, values, stack(values, self.top), strict=True):
                if not value:
                    continue
                rects.append(
                    format_html(
                        '<rect class="c{}{}" data-slot="{}" x="{}%" y="{}%" width="{}%" height="{}%" rx="1.5"/>',
                        series.colour, hatched, at, _n(self._x(at) - width / 2), _n(piece.top), _n(width),
                        _n(piece.height),
                    )
                )  # fmt: skip
        return rects

    def _lines(self) -> list[SafeString]:
        lines = []
        for series in self.series:
            if series.form == "bar":
                continue
            runs = self._runs(series)
            shapes = []
            if series.form == "area":
                shapes += [self._area(series, run) for run in runs]
            dashed = " dashed" if series.form == "dashed" else ""
            path = " ".join(f"M{self._steps(series, run)}" for run in runs)
            shapes.append(format_html('<path class="stroke c{}{}" d="{}"/>', series.colour, dashed, path))
            inner = format_html_join("", "{}", ((shape,) for shape in shapes))
            lines.append(
                format_html(
                    '<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%">{}</svg>',
                    inner,
                )
            )
        return lines

    def _runs(self, series: Series) -> list[list[int]]:
        """The slots that a line connects: of an area only adjacent ones, since the values between are unknown; of
        another line all, since it is of occasional events.
        """
        known = [at for at, value in enumerate(series.values) if value is not None]
        if series.form != "area":
            return [known] if known else []
        runs: list[list[int]] = []
        for at in known:
            if runs and runs[-1][-1] == at - 1:
                runs[-1].append(at)
            else:
                runs.append([at])
        return runs

    def _steps(self, series: Series, run: Sequence[int]) -> str:
        points = [f"{_n(self._x(at))} {_n(100 - 100 * (series.values[at] or 0) / self.top)}" for at in run]
        # A single point is drawn as a dot.
        return " L".join(points if len(points) > 1 else points * 2)

    def _area(self, series: Series, run: Sequence[int]) -> SafeString:
        first, last = _n(self._x(run[0])), _n(self._x(run[-1]))
        path = f"M{first} 100 L{self._steps(series, run)} L{last} 100 Z"
        return format_html('<path class="area c{}" d="{}"/>', series.colour, path)

    def _x(self, at: int) -> float:
        return middle(at, len(self.slots))

    def _slots(self) -> list[SafeString]:
        slot = 100 / max(1, len(self.slots))
        rects = []
        for at, name in enumerate(self.slots):
            values = (f"{series.name}: {_format(series, series.values[at])}" for series in self.series)
            label = "\n".join([name, *values])
            rects.append(
                format_html(
                    '<rect class="hit" role="img" aria-label="{}" tabindex="{}" data-slot="{}" x="{}%" width="{}%"'
                    ' height="100%"><title>{}</title></rect>',
                    label, 0 if at == len(self.slots) - 1 else -1, at, _n(slot * at), _n(slot), label,
                )
            )  # fmt: skip
        return rects


def spark(values: Sequence[float | None]) -> SafeString:
    """A sparkline: a small line without axes; empty with fewer than two known values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return SafeString("")
    low, high = min(known), max(known)
    span = (high - low) or 1
    steps = [
        f"{_n(100 * at / (len(values) - 1))} {_n(88 - 76 * (value - low) / span if high > low else 50)}"
        for at, value in enumerate(values)
        if value is not None
    ]
    return format_html(
        '<svg class="spark" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">'
        '<path d="M{}"/></svg>',
        " L".join(steps),
    )


def round_top(value: float, minimum: int = _TICKS) -> int:
    """The value at the upper edge of a chart: no smaller than `value`, nor than `minimum`, a multiple of four.

    It is `minimum` times 1, 2, 2.5 or 5 times a power of ten, so that four ticks are whole numbers.
    """
    step = minimum // _TICKS
    while True:
        for factor in (1, 2, 2.5, 5):
            top = _TICKS * math.ceil(factor * step)
            if top >= value:
                return top
        step *= 10


def grid_lines(top: int) -> list[tuple[int, float]]:
    """Horizontal grid lines: their values, and their heights above the lower edge, in per cent."""
    return [(top * n // _TICKS, 100 * n / _TICKS) for n in range(_TICKS + 1)]


def stack(values: Sequence[float], top: float, gap: float = 0) -> list[Piece]:
    """The pieces of a bar, stacked from below in the order of their values; a gap, in per cent, divides high ones."""
    pieces = []
    below = 0.0
    for value in values:
        height = 100 * value / top
        divider = gap if below and height > 2 * gap else 0
        pieces.append(Piece(100 - 100 * below / top - height, height - divider))
        below += value
    return pieces


def row_parts(
    values: Sequence[tuple[int, float]], longest: float, min_length: float = 0
) -> list[tuple[int, float, float]]:
    """The parts of a horizontal bar, from colours and values. `min_length`: the shortest visible part, in per cent."""
    parts = []
    begin = 0.0
    for colour, value in values:
        length = max(min_length, 100 * value / longest) if value else 0.0
        parts.append((colour, begin, length))
        begin += length
    return parts


def middle(at: int, slots: int) -> float:
    """The horizontal middle of a slot, in per cent of the width."""
    return 100 * (at + 0.5) / max(1, slots)


def _format(series: Series, value: float | None) -> str:
    return "–" if value is None else series.format(value)


def _n(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")
