"""Villages: houses in the land that the prompt names only as a group."""

from __future__ import annotations

from engine.images.arrays import Plane
from engine.painting.stage import Stage
from engine.painting.subject_placement import scene_light
from engine.painting.subjects import glow, place, render


def paint_village(stage: Stage, dry: Plane) -> None:
    """A few houses among the fields, smaller with distance; `dry` is the depth of dry ground, else inf."""
    light = scene_light(stage)
    walls = [(0.93, 0.88, 0.78), (0.86, 0.72, 0.56), (0.80, 0.80, 0.82), (0.90, 0.78, 0.70)]
    places = stage.streams.cached(("village", dry.shape), lambda: _places(stage, dry))
    for k, (z, _, x, y) in enumerate(sorted(places, reverse=True)):
        height = max(8, round(0.62 * stage.frame.focal / z))
        house = render(
            "house",
            streams=stage.streams.child(f"house {k}"),
            height_px=height,
            light=light,
            colour=walls[k % 4],
        )
        column = x + stage.frame.drift(z)
        place(stage.canvas, house, column, y, light=light)
        glow(stage.canvas, house, column, y, 1.0 if stage.dark else 0.0)


def _places(stage: Stage, dry: Plane) -> list[tuple[float, float, int, int]]:
    """Distance, share across, pixel column and row of each house; computed once for a video."""
    rng = stage.streams.rng("village")
    places: list[tuple[float, float, int, int]] = []
    for u, v, _ in rng.random((60, 3)):
        row = int(stage.frame.horizon + (0.03 + 0.30 * v) * (stage.frame.height - stage.frame.horizon))
        column = int((0.08 + 0.84 * u) * stage.frame.width)
        z = float(dry[min(row, stage.frame.height - 1), column])
        free = all(abs(u - other[1]) > 0.11 for other in places)
        if 2.6 < z < 12 and free and len(places) < 6:
            places.append((z, u, column, row))
    return places
