"""The vocabulary of a figure's design: layers of shapes with colour, material and surface marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from engine.painting.random_streams import Streams
from engine.painting.subjects.materials import MATERIALS
from engine.painting.subjects.primitives import Box, Knot, Point, Shape, union_bounds

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Mark:
    """Another colour upon a layer, inside `shapes`, with a rim `soft` wide (in figure heights)."""

    shapes: tuple[Shape, ...]
    colour: str
    soft: float = 0.004
    strength: float = 1.0


@dataclass(frozen=True)
class Pattern:
    """A repeating second colour: `kind` is a name in patterns.KINDS, `scale` its repeats per figure height."""

    kind: str
    colour: str
    scale: float = 12.0
    strength: float = 1.0


@dataclass(frozen=True)
class Layer:
    """Shapes melted into one body, painted over the layers before it.

    `blend` is the radius of the melting, `bulge` scales the swelling, `soft` the smoothing of the relief,
    `glow` adds light of its own, `shade` is how dark its shadow falls on the layers behind. `flow` is the
    way the hair lies: degrees clockwise from right, or the point that it grows away from. Around each
    joint (x, y, radius) the layer fades into what is behind it.
    """

    shapes: tuple[Shape, ...]
    colour: str
    material: str = "clay"
    blend: float = 0.03
    bulge: float = 1.0
    soft: float = 1.0
    glow: float = 0.0
    shade: float = 1.0
    flow: float | Point = 90.0
    marks: tuple[Mark, ...] = ()
    pattern: Pattern | None = None
    cuts: tuple[Shape, ...] = ()
    joints: tuple[Knot, ...] = ()

    def bounds(self) -> Box:
        """The box around the layer: melting swells a body beyond its shapes, hair frays its rim."""
        left, top, right, bottom = union_bounds(self.shapes)
        grown = 0.18 * self.blend * (len(self.shapes) > 1) + MATERIALS[self.material].ragged
        return left - grown, top - grown, right + grown, bottom + grown


@dataclass(frozen=True)
class Design:
    """A figure as data. `main` in the palette is the colour that a colour word replaces.

    `seat` is where a rider's base goes; `close` is the box that a close-up shows; `ground` is the y on
    which it stands (by default its lowest point); `stands` is the x of its base; `floor` is where shapes that
    run on below it are cut off.
    """

    layers: tuple[Layer, ...]
    palette: dict[str, str]
    seat: Point | None = None
    close: Box | None = None
    ground: float | None = None
    stands: float = 0.0
    floor: float | None = None

    def foot(self) -> float:
        """The y on which the figure stands."""
        if self.ground is not None:
            return self.ground
        return max(union_bounds(layer.shapes)[3] for layer in self.layers)

    def bounds(self) -> Box:
        """The box around every layer."""
        boxes = [layer.bounds() for layer in self.layers]
        left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
        right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
        return left, top, right, bottom if self.floor is None else min(bottom, self.floor)


class Variation:
    """Random variation of a figure by seed: each draw has a name, hence a stream of its own."""

    def __init__(self, streams: Streams, name: str) -> None:
        """Draw for the figure called `name`."""
        self._streams = streams
        self._name = name

    def between(self, key: str, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        return float(self._streams.rng(f"figure/{self._name}/{key}").uniform(low, high))

    def choose(self, key: str, options: Sequence[dict[str, str]]) -> dict[str, str]:
        """One of `options`."""
        return options[int(self._streams.rng(f"figure/{self._name}/{key}").integers(len(options)))]

    def pick(self, key: str, options: Sequence[str]) -> str:
        """One of the words in `options`."""
        return options[int(self._streams.rng(f"figure/{self._name}/{key}").integers(len(options)))]


DesignBuilder = Callable[[Variation], Design]


def hex_rgb(text: str) -> Rgb:
    """`#rrggbb` as sRGB 0..1."""
    value = int(text[1:], 16)
    return (value >> 16) / 255, (value >> 8 & 255) / 255, (value & 255) / 255


def shift(layers: Iterable[Layer], dx: float, dy: float, scale: float = 1.0) -> tuple[Layer, ...]:
    """The layers scaled about the origin, then shifted."""

    def move(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        return tuple(shape.moved(dx, dy, scale) for shape in shapes)

    return tuple(
        replace(
            layer,
            shapes=move(layer.shapes),
            cuts=move(layer.cuts),
            joints=tuple((x * scale + dx, y * scale + dy, r * scale) for x, y, r in layer.joints),
            blend=layer.blend * scale,
            flow=_move_flow(layer.flow, dx, dy, scale),
            marks=tuple(replace(m, shapes=move(m.shapes), soft=m.soft * scale) for m in layer.marks),
        )
        for layer in layers
    )


def _move_flow(flow: float | Point, dx: float, dy: float, scale: float) -> float | Point:
    if isinstance(flow, tuple):
        return flow[0] * scale + dx, flow[1] * scale + dy
    return flow
