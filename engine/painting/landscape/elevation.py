"""Height fields of the land, one function per kind of scene, over depth slices of the view."""

from __future__ import annotations

import math

import numpy as np

from engine.images.arrays import Plane
from engine.painting.landscape.noise_tiles import Tile
from engine.painting.landscape.perspective import Slices, geometric_slices
from engine.painting.prompt.interpretation import GROUNDED
from engine.painting.stage import Frame, Stage, smooth


def slices_for(scene: str, frame: Frame, octaves: int) -> Slices:
    """Slices dense where the scene has its slopes; fewer for low detail."""
    below = max(frame.height - frame.horizon, frame.height * 0.1)
    near = max(0.12, 0.55 * frame.focal * frame.eye / below)
    fine = float(np.clip(frame.height / 512, 0.35, 1.4)) * (0.6 + 0.05 * octaves)
    spans = {
        "mountain": [(near, 7.0, 150), (7.0, 30.0, 330), (30.0, 70.0, 60)],
        "hills": [(near, 3.0, 150), (3.0, 26.0, 260), (26.0, 90.0, 60)],
        "desert": [(near, 4.0, 180), (4.0, 40.0, 620), (40.0, 120.0, 60)],
        "forest": [(near, 30.0, 220)],
        "city": [(near, 60.0, 90), (60.0, 600.0, 10)],
        "sea": [(near, 5.0, 160), (5.0, 40.0, 160), (40.0, 900.0, 40)],
    }
    return geometric_slices(
        frame, [(a, b, max(8, int(n * fine))) for a, b, n in spans.get(scene, spans["hills"])]
    )


def mountain(stage: Stage, tile: Tile, s: Slices) -> Plane:
    """A range behind a plain or a lake, lower in the middle so that the valley leads away."""
    rng = stage.streams.rng("mountain shape")
    octaves = stage.octaves
    bend = tile.fbm("bend", s.x, s.z, cell=6.0, octaves=3, spacing=s.spacing)
    side = tile.fbm("bend side", s.x, s.z, cell=6.0, octaves=3, spacing=s.spacing)
    x, z = s.x + 1.8 * bend, s.z + 1.8 * side
    crest = tile.ridges("range", x, z, cell=6.5, octaves=octaves, gain=0.46, spacing=s.spacing)
    base = tile.fbm("range base", s.x, s.z, cell=9.0, octaves=3, spacing=s.spacing)
    start = (8.0 if has_water(stage) else 6.2) + 4.0 * base
    rise = smooth(0, 9.0, s.z - start)
    gap = float(rng.uniform(-0.22, 0.22))
    valley = 0.42 + 0.58 * np.clip(np.abs(s.x / (s.z * 0.62) - gap), 0, 1)
    size = float(rng.uniform(6.0, 8.0)) * (1.0 if has_water(stage) else 1.2)
    range_height = (
        rise * valley * size * (0.62 * crest + 0.55 * (base + 0.35)) * (1 + 0.5 * smooth(18, 40, s.z))
    )
    plain = 0.10 + 0.30 * tile.fbm(
        "plain", s.x, s.z, cell=2.6, octaves=max(2, octaves - 2), gain=0.42, spacing=s.spacing
    )
    plain += 0.035 * np.clip(s.z - 2.0, 0, 6)
    if "volcano" in stage.prompt.features:
        range_height = 0.35 * range_height + _cone(stage, s, crest)
    return np.asarray(plain + range_height, np.float32)


def _cone(stage: Stage, s: Slices, crest: Plane) -> Plane:
    """A single volcano with a crater."""
    centre = float(stage.streams.rng("cone").uniform(-4.0, 4.0))
    away = np.sqrt((s.x - centre) ** 2 + (s.z - 22.0) ** 2)
    slope = np.exp(-away / 5.2) * 8.6
    lip = 6.6
    return np.asarray(
        np.minimum(slope, lip - 0.35 * np.clip(slope - lip, 0, 1)) + 0.5 * crest * np.exp(-away / 7.0),
        np.float32,
    )


def hills(stage: Stage, tile: Tile, s: Slices) -> Plane:
    """Rolling green land that grows calmer toward the viewer, with a blue range far behind."""
    roll = tile.fbm("roll", s.x, s.z, cell=5.5, octaves=min(5, stage.octaves), gain=0.36, spacing=s.spacing)
    swell = tile.fbm("swell", s.x, s.z, cell=14.0, octaves=2, spacing=s.spacing)
    grow = 0.14 + smooth(1.0, 9.0, s.z) * 2.6
    far = smooth(24, 48, s.z) * (
        2.2 + 3.2 * tile.ridges("far", s.x, s.z, cell=16.0, octaves=5, gain=0.42, spacing=s.spacing)
    )
    return np.asarray(
        0.05 + roll * grow + swell * smooth(3, 16, s.z) * 4.6 + 0.085 * np.clip(s.z - 3, 0, 14) + 0.75 * far,
        np.float32,
    )


def _dune(phase: Plane) -> Plane:
    """One dune per unit of phase: a long windward slope, a crest, a short lee."""
    wave = phase - np.floor(phase)
    slope = np.where(wave < 0.72, wave / 0.72, (1 - wave) / 0.28)
    return np.asarray(slope * slope * (3 - 2 * slope) * 0.55 + slope * 0.45, np.float32)


def desert(stage: Stage, tile: Tile, s: Slices) -> Plane:
    """Dunes: asymmetric waves with sharp winding crests, soft swells between them."""
    wander = tile.fbm("wander", s.x, s.z, cell=7.0, octaves=3, gain=0.45, spacing=s.spacing)
    # The wind blows along the light: lee sides face the viewer and lie in shade, crests cut the dunes in two.
    turn = float(stage.streams.rng("wind").uniform(0.75, 1.1))
    turn = turn if stage.sun[0] > stage.frame.width / 2 else -turn
    length = float(stage.streams.rng("dune length").uniform(3.4, 5.4))
    phase = (s.z * math.cos(turn) + s.x * math.sin(turn)) / length + 2.3 * wander
    phase = phase + float(stage.streams.rng("dune phase").random())
    # Between two slices a sharp crest would flicker from column to column: it is averaged over their gap.
    gap = np.gradient(s.z[:, 0])[:, None].astype(np.float32) / np.float32(length)
    dune = sum(_dune(-phase + gap * shift) for shift in (-1.0, -0.35, 0.35, 1.0)) / 4
    size = 0.35 + np.clip(
        tile.fbm("dune size", s.x, s.z, cell=9.0, octaves=2, spacing=s.spacing) + 0.55, 0, 1.4
    )
    land = (
        dune
        * size
        * (
            float(stage.streams.rng("near dunes").uniform(0.08, 0.40 * stage.frame.eye))
            + float(stage.streams.rng("dune height").uniform(1.2, 2.0)) * smooth(1.2, 7.0, s.z)
        )
    )
    land += 0.5 * smooth(2, 12, s.z) * tile.fbm("swell", s.x, s.z, cell=13.0, octaves=2, spacing=s.spacing)
    if {"mesa", "mars"} & stage.prompt.features:
        rock = tile.fbm(
            "mesa", s.x, s.z, cell=11.0, octaves=max(3, stage.octaves - 2), gain=0.5, spacing=s.spacing
        )
        land = 0.45 * land + smooth(0.10, 0.17, rock) * smooth(9, 15, s.z) * (2.6 + 1.2 * rock)
        land += smooth(0.24, 0.28, rock) * smooth(9, 15, s.z) * 1.1
    return np.asarray(land + 0.05 * smooth(20, 60, s.z) * s.z * 0.5, np.float32)


def lunar(stage: Stage, tile: Tile, s: Slices) -> Plane:
    """A grey plain with craters of all sizes."""
    land = 0.25 * tile.fbm("regolith", s.x, s.z, cell=3.0, octaves=stage.octaves, gain=0.5, spacing=s.spacing)
    rng = stage.streams.rng("craters")
    for _ in range(70):
        z = float(rng.uniform(0.6, 5.5) ** 2)
        x, radius = float(rng.uniform(-0.7, 0.7) * z), float(0.12 * z**0.8 * rng.uniform(0.3, 1.3))
        d = np.sqrt((s.x - x) ** 2 + (s.z - z) ** 2) / np.float32(radius)
        land += np.float32(radius * 0.45) * (np.exp(-((d - 1) ** 2) * 9) * 0.55 - np.exp(-((d * 1.15) ** 4)))
    land += (
        smooth(18, 30, s.z)
        * 1.6
        * tile.ridges("rim", s.x, s.z, cell=9.0, octaves=5, gain=0.4, spacing=s.spacing)
    )
    return np.asarray(land, np.float32)


def sea(stage: Stage, tile: Tile, s: Slices) -> Plane:
    """Water to the horizon with the features of the prompt: islands, a cliff, a beach in front."""
    features, rng = stage.prompt.features, stage.streams.rng("sea shape")
    rough = tile.fbm("rough", s.x, s.z, cell=2.4, octaves=stage.octaves, gain=0.5, spacing=s.spacing)
    crag = tile.ridges("crag", s.x, s.z, cell=2.6, octaves=stage.octaves, gain=0.45, spacing=s.spacing)
    land = np.full(s.x.shape, -1.0, np.float32)
    side = 1.0 if rng.random() < 0.5 else -1.0
    coast = tile.fbm("coast", s.x, s.z, cell=2.6, octaves=3, spacing=s.spacing)
    if "island" in features:
        for k, (place, size) in enumerate(((0.16 * side, 1.7), (-0.30 * side, 0.9))):
            z = 9.0 + 7.0 * k
            d = np.sqrt(((s.x - place * z) / (1.9 * size)) ** 2 + ((s.z - z) / (1.2 * size)) ** 2)
            # The coast wanders with a calm noise: a rough one would strew islets too thin to be drawn.
            d = d - 0.45 * coast
            inland = np.clip((1.05 - d) * 2, 0, 1)
            land = np.maximum(land, (1.0 - d) * 0.8 * size + (0.6 * rough + 0.45 * crag) * inland)
    elif not features & {"cliff"}:
        for z, place, wide, high in _islets(rng, side):
            # Through fog only what is near can be seen.
            z = 0.32 * z if "fog" in stage.prompt.weather else z
            d = np.sqrt(((s.x - place * z) / wide) ** 2 + ((s.z - z) / 2.2) ** 2)
            rise = (1 - d) * high + (0.8 * rough + 0.3 * crag) * np.clip(1.05 - d, 0, 1) - 0.10
            land = np.maximum(land, rise)
    if "cliff" in features:
        # Land grows from the side the farther it lies, up to a headland with a steep wall toward the water.
        shore = s.x * side - 0.6 - 0.9 * rough - 0.5 * crag + 0.9 * (1.6 - np.abs(s.z - 10.5))
        wall = smooth(0.0, 0.22, shore) * smooth(15.0, 13.5, s.z) * smooth(6.8, 7.6, s.z + 0.8 * rough)
        top = 0.62 + 0.16 * np.clip(shore, 0, 4) + 0.4 * rough
        land = np.maximum(land, wall * (top + 0.25 * crag) - 0.25 * (1 - wall) + 0.1 * crag)
    if "beach" in features:
        lean = np.minimum(s.x * side * 0.55, 0.8) + 0.33 * rough
        land = np.maximum(land, (1.9 + lean - s.z) * 0.085 + 0.012 * rough)
    return np.asarray(land, np.float32)


def _islets(rng: np.random.Generator, side: float) -> list[tuple[float, float, float, float]]:
    """Distance, place across (share of the distance), half width and height of the land far out at sea."""
    kind = int(rng.integers(4))
    near = (float(rng.uniform(26, 40)), float(rng.uniform(0.16, 0.36)) * side, 4.6, 1.3)
    if kind == 0:  # a long coast running out of the picture
        return [
            (float(rng.uniform(30, 40)), 0.62 * side, float(rng.uniform(13, 20)), float(rng.uniform(2, 4)))
        ]
    if kind == 1:  # rocks one behind the other
        return [
            near,
            *[(float(rng.uniform(28, 48)), float(rng.uniform(-0.4, 0.4)), 2.6, 0.9) for _ in range(2)],
        ]
    return (
        [near]
        if kind == 2
        else [(float(rng.uniform(18, 24)), 0.30 * side, 5.2, float(rng.uniform(1.6, 2.6)))]
    )


def flood(stage: Stage, tile: Tile, s: Slices, land: Plane) -> Plane:
    """Sink a lake or a river into the land, with a bank on one side of the foreground."""
    features = stage.prompt.features
    footing = smooth(2.0, 1.5, s.z) if needs_ground(stage) else np.float32(0)
    shape = tile.fbm("shore", s.x, s.z, cell=2.8, octaves=5, gain=0.5, spacing=s.spacing)
    if "lake" in features:
        rng = stage.streams.rng("lake shape")
        side = 1.0 if rng.random() < 0.5 else -1.0
        bank = smooth(0.10, 0.55, s.x * side / s.z + 0.35 * shape + 0.04) * smooth(2.4, 1.0, s.z)
        bank = np.maximum(bank, footing)
        basin = smooth(9.5, 6.0, s.z + 4.0 * shape) * (1 - bank)
        # A near bank as high as the plain would be a wall before the camera.
        land = land * (1 - 0.72 * smooth(2.8, 1.2, s.z))
        return np.asarray(land * (1 - basin) - basin * 0.20 + bank * 0.05 * (1 + shape), np.float32)
    rng = stage.streams.rng("river shape")
    swing, phase = float(rng.uniform(0.35, 0.6)), float(rng.uniform(0, 6.28))
    middle = swing * np.sin(s.z * 0.62 + phase) * (0.4 + 0.16 * s.z) + 0.5 * shape
    width = 0.34 + 0.05 * s.z
    middle = middle + 3.0 * footing
    bed = np.exp(-(((s.x - middle) / width) ** 4)) * smooth(16, 9, s.z)
    valley = np.exp(-(((s.x - middle) / (width * 3.2)) ** 2)) * smooth(18, 10, s.z)
    return np.asarray(land * (1 - 0.85 * valley) + 0.02 - bed * 0.28, np.float32)


def swell(stage: Stage, tile: Tile, s: Slices) -> Plane:
    """Heights of a stormy sea's waves, 0 and more: long crests across the view, steeper than they are wide."""
    total = np.zeros(s.x.shape, np.float32)
    for k, (cell, size) in enumerate(((2.3, 0.20), (1.1, 0.10), (0.5, 0.045), (0.24, 0.02))):
        noise = tile.sample(
            f"swell {k}", 0.5 * s.x, s.z + np.float32(stage.clock * 1.1 * math.sqrt(cell)), cell
        )
        crest = 1 - np.abs(2 * noise - 1)
        fade = np.clip(cell / s.spacing * 0.5 - 0.5, 0, 1)
        total += crest * crest * np.float32(size) * fade
    return total


def needs_ground(stage: Stage) -> bool:
    """Whether a subject stands in the foreground and needs dry land under its feet."""
    return any(name in GROUNDED for name in stage.prompt.subjects)


def road_at(stage: Stage, z: Plane) -> tuple[Plane, Plane]:
    """World x of the middle of a winding road at distance z, and its half width."""
    rng = stage.streams.rng("road")
    swing, phase = float(rng.uniform(0.20, 0.34)), float(rng.uniform(0, 6.28))
    middle = swing * np.sin(z * 0.55 + phase) * (0.3 + 0.30 * z) - swing * math.sin(phase) * 0.3
    return np.asarray(middle, np.float32), np.asarray(0.34 + 0.0 * z, np.float32)


def height_of(stage: Stage, tile: Tile, s: Slices) -> Plane:
    """Height field of the stage's scene, S x W; below 0 is water where the scene has any."""
    makers = {
        "mountain": mountain,
        "hills": hills,
        "desert": desert,
        "sea": sea,
        "lake": _lakeside,
        "forest": hills,
    }
    features = stage.prompt.features
    land = (lunar if "lunar" in features else makers.get(stage.prompt.scene, hills))(stage, tile, s)
    if "road" in features:
        middle, half = road_at(stage, s.z)
        level = np.take_along_axis(land, np.argmin(np.abs(s.x - middle), axis=1)[:, None], 1)
        near = np.exp(-(((s.x - middle) / (half * 2.2)) ** 4))
        land = np.asarray(land + (level - land) * near, np.float32)
    if has_water(stage) and stage.prompt.scene != "sea":
        land = flood(stage, tile, s, land)
    elif stage.prompt.scene != "sea":
        land = np.maximum(land, 0.02)
    return land


def _lakeside(stage: Stage, tile: Tile, s: Slices) -> Plane:
    return hills(stage, tile, s) + smooth(7, 12, s.z) * 0.35


def has_water(stage: Stage) -> bool:
    """Whether anything of the scene lies under water."""
    return stage.prompt.scene in ("sea", "lake") or bool(stage.prompt.features & {"lake", "river"})
