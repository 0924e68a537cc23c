"""Ground colours (albedo before lighting): grass, rock, snow, sand and what grows on them."""

from __future__ import annotations

import numpy as np

from engine.images.arrays import Plane
from engine.painting.landscape.elevation import has_water, road_at
from engine.painting.landscape.noise_tiles import Tile
from engine.painting.palette import tint_image
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.stage import Stage, mix, smooth

PETALS = {
    "lavender": ((0.46, 0.32, 0.78), (0.58, 0.42, 0.88), (0.36, 0.24, 0.66)),
    "poppies": ((0.86, 0.10, 0.10), (0.94, 0.22, 0.14), (0.80, 0.08, 0.14)),
    "sunflowers": ((0.98, 0.78, 0.12), (0.95, 0.66, 0.08), (1.0, 0.86, 0.30)),
    "mixed": ((0.86, 0.16, 0.20), (0.98, 0.82, 0.20), (0.94, 0.92, 0.96), (0.58, 0.36, 0.82)),
}
"""Petal colours of a field of flowers when no colour word names them."""


def mottle(stage: Stage, tile: Tile, name: str, x: Plane, z: Plane, *, cell: float, octaves: int) -> Plane:
    """Noise around 0 on the ground of each pixel; grains too small for their distance fade away."""
    total = np.zeros(z.shape, np.float32)
    pixel = z / np.float32(stage.frame.focal)
    for octave in range(octaves):
        size = np.float32(cell / 2**octave)
        weight = np.clip(size / pixel * 0.40 - 0.4, 0, 1)
        if not weight.any():
            break
        total += (
            (tile.sample(f"{name}/{octave}", x, z, float(size)) - 0.5) * weight * np.float32(0.74**octave)
        )
    return total


def soil_colour(stage: Stage, tile: Tile, x: Plane, z: Plane, h: Plane, flat: Plane) -> tuple[Plane, Plane]:
    """Albedo H x W x 3 for the stage's scene with ground colour words applied, and the light on its grain.

    The second answer, around 0, is added to the light on the land: bumps too small for the height field.
    """
    scene, features = stage.prompt.scene, stage.prompt.features
    x0, z0 = x, z
    # On a steep face x and z hardly change: leaning the texture along the height keeps it from smearing.
    x, z = x + 0.5 * h, z + (1.7 * h if scene != "desert" else 0.3 * h)
    grain = mottle(stage, tile, "grain", x, z, cell=0.9, octaves=max(2, min(6, stage.octaves - 1)))
    bump = _bump(stage, tile, x, z, grain)
    patch = mottle(stage, tile, "patch", x, z, cell=3.2, octaves=3)
    if "lunar" in features:
        colour = mix((0.36, 0.36, 0.37), (0.60, 0.59, 0.58), np.clip(0.5 + grain + patch, 0, 1)[..., None])
    elif scene == "desert":
        colour = _sand(stage, tile, x, z, h, flat, grain, patch)
    elif scene == "sea":
        colour = _coast(stage, z, h, flat, grain, patch)
    elif scene == "mountain":
        colour = _alpine(stage, h, z, flat, grain, patch)
    else:
        colour = _meadow(stage, tile, x, z, flat, grain, patch, h)
    if "road" in features:
        colour = _road(stage, x0, z0, grain, colour)
    colour = _covered(stage, colour, h, flat, grain, patch)
    if "snow" in stage.prompt.weather or scene == "desert":
        bump = bump * (0.30 if scene == "desert" and not features & {"mars", "lunar", "mesa"} else 0.55)
    return np.asarray(colour, np.float32), bump


def _covered(stage: Stage, colour: Plane, h: Plane, flat: Plane, grain: Plane, patch: Plane) -> Plane:
    """What lies on any ground: snow where it holds, mud along a shore, and the colour of a colour word."""
    steep = stage.prompt.scene == "mountain"
    if "snow" in stage.prompt.weather:
        white = np.array((0.93, 0.95, 1.0), np.float32) * (0.97 + 0.16 * grain)[..., None]
        low, high = (0.42, 0.72) if steep else (0.2, 0.6)
        hold = smooth(low, high, flat + 0.30 * grain + (0.2 * patch if steep else 0))
        colour = mix(colour, white, (0.97 * hold)[..., None])
    if has_water(stage) and stage.prompt.scene != "sea":
        shore = smooth(0.05, 0.0, h + 0.02 * grain)
        colour = mix(colour, (0.42, 0.37, 0.28), (0.75 * shore)[..., None])
    for name in stage.prompt.colours_of("ground")[:1]:
        if name in COLOURS:
            colour = tint_image(np.clip(colour, 0, 1), name, 0.55)
    return colour


def _bump(stage: Stage, tile: Tile, x: Plane, z: Plane, grain: Plane) -> Plane:
    """How much brighter the grain's slopes toward the light are: its fall over a few pixels that way."""
    lx, _, lz = stage.toward_sun()
    step = 2.5 * z / np.float32(stage.frame.focal) + 0.006
    octaves = max(2, min(6, stage.octaves - 1))
    toward = mottle(stage, tile, "grain", x + lx * step, z - lz * step, cell=0.9, octaves=octaves)
    return np.asarray(
        np.clip((grain - toward) * 1.9 * min(1.0, stage.frame.unit / 560), -0.5, 0.5), np.float32
    )


def _grass(stage: Stage, tone: Plane) -> Plane:
    """From dark to light grass for the season."""
    features = stage.prompt.features
    dark, light = (0.16, 0.28, 0.08), (0.50, 0.58, 0.22)
    if "autumn" in features:
        dark, light = (0.30, 0.21, 0.07), (0.68, 0.50, 0.19)
    elif "wheat" in features:
        dark, light = (0.55, 0.39, 0.11), (0.96, 0.78, 0.36)
    elif "blossom" in features:
        dark, light = (0.20, 0.34, 0.10), (0.60, 0.68, 0.30)
    return mix(dark, light, np.clip(0.46 + tone, 0, 1)[..., None])


def _meadow(
    stage: Stage, tile: Tile, x: Plane, z: Plane, flat: Plane, grain: Plane, patch: Plane, h: Plane
) -> Plane:
    colour = _grass(stage, 0.85 * grain + 1.0 * patch)
    rock = smooth(0.62, 0.50, flat + 0.25 * grain) * smooth(16, 22, z)
    colour = mix(
        colour,
        mix((0.30, 0.31, 0.34), (0.50, 0.49, 0.48), np.clip(0.5 + grain, 0, 1)[..., None]),
        rock[..., None],
    )
    far = smooth(18, 30, z)
    colour = mix(colour, (0.23, 0.31, 0.26), (0.6 * far)[..., None])
    if stage.prompt.scene == "forest":
        litter = np.clip(0.35 + patch * 1.2 + grain, 0, 1)
        fallen = mix(
            (0.20, 0.14, 0.07),
            (0.62, 0.34, 0.10) if "autumn" in stage.prompt.features else (0.30, 0.30, 0.11),
            litter[..., None],
        )
        colour = mix(colour, fallen, 0.55)
        # Sun falls through the crowns in patches.
        dapple = smooth(0.50, 0.72, tile.sample("dapple", x, z, 0.34)) * smooth(7.0, 2.0, z)
        colour = colour * (0.92 + 0.95 * dapple)[..., None]
    if "wheat" in stage.prompt.features:
        rows = 0.5 + 0.5 * np.sin(x * 9.0 + 1.4 * patch)
        colour = colour * (0.82 + 0.18 * rows * smooth(9, 3, z))[..., None]
    if "flowers" in stage.prompt.features:
        colour = _flowers(stage, tile, x, z, colour)
    return colour


def _flowers(stage: Stage, tile: Tile, x: Plane, z: Plane, grass: Plane) -> Plane:
    """Bands and specks of blossom; far away they melt into one colour."""
    names = [c for c in stage.prompt.colours_of("ground") if c in COLOURS]
    petals = [COLOURS[c] for c in names] or next(
        (list(p) for feature, p in PETALS.items() if feature in stage.prompt.features), list(PETALS["mixed"])
    )
    for k, petal in enumerate(petals[:4]):
        field = tile.sample(f"petal field {k}", x, z, 2.4)
        speck = tile.sample(f"petal {k}", x, z, 0.022)
        crowd = smooth(0.34, 0.72, field)
        near = smooth(0.56, 0.68, speck + 0.14 * crowd)
        cover = mix(near, 0.55 * np.ones_like(near), smooth(1.2, 5.0, z)) * crowd
        grass = mix(grass, petal, (0.92 * cover)[..., None])
    return grass


def _road(stage: Stage, x: Plane, z: Plane, grain: Plane, colour: Plane) -> Plane:
    """A grey road with pale shoulders and a broken line along its middle."""
    middle, half = road_at(stage, z)
    across = np.abs(x - middle) / half
    pixel = np.maximum(z / np.float32(stage.frame.focal) / half, 1e-3)
    end = smooth(9.5, 7.0, z) if stage.prompt.scene == "mountain" else smooth(20, 13, z)
    if "trail" in stage.prompt.features:
        # Trodden earth with soft rims, and grass left standing between the two ruts.
        rut = smooth(1.0, 0.62, across + 0.5 * grain) * (1 - 0.55 * smooth(0.22, 0.06, across + 0.3 * grain))
        earth = mix((0.36, 0.27, 0.17), (0.66, 0.53, 0.36), np.clip(0.5 + 1.2 * grain, 0, 1)[..., None])
        return mix(colour, earth, (0.92 * rut * end)[..., None])
    on = np.clip((1 - across) / pixel + 0.5, 0, 1) * end
    shoulder = np.clip((1.22 - across) / pixel + 0.5, 0, 1) * end
    colour = mix(colour, (0.50, 0.44, 0.34), (0.75 * shoulder)[..., None])
    colour = mix(
        colour, np.array((0.30, 0.30, 0.32), np.float32) * (1 + 0.35 * grain)[..., None], on[..., None]
    )
    edge = np.clip((0.045 - np.abs(across - 0.90)) / pixel + 0.5, 0, 1)
    dash = np.clip((0.04 - across) / pixel + 0.5, 0, 1) * (np.mod(z * 1.6, 1.0) < 0.55)
    return mix(colour, (0.86, 0.85, 0.80), (np.maximum(edge, dash) * on * smooth(11, 6, z))[..., None])


def _alpine(stage: Stage, h: Plane, z: Plane, flat: Plane, grain: Plane, patch: Plane) -> Plane:
    """Grass below, bare layered rock above, woods between, snow on what is high and flat enough."""
    grass = _grass(stage, 0.8 * grain + patch - 0.06)
    layer = 0.5 + 0.5 * np.sin(h * 9.0 + 5.0 * patch + 2.0 * grain)
    tone = np.clip(0.42 + 0.9 * grain + 0.25 * (layer - 0.5) + 0.5 * patch, 0, 1)[..., None]
    rock = mix((0.25, 0.235, 0.235), (0.56, 0.52, 0.48), tone)
    wood = mix((0.055, 0.115, 0.065), (0.14, 0.24, 0.11), np.clip(0.4 + 1.6 * grain, 0, 1)[..., None])
    if "autumn" in stage.prompt.features:
        wood = mix(
            (0.30, 0.15, 0.04), (0.78, 0.44, 0.10), np.clip(0.45 + 1.8 * grain + patch, 0, 1)[..., None]
        )
    steep = smooth(0.80, 0.58, flat + 0.22 * grain)
    colour = mix(
        grass, wood, (smooth(4.5, 9.0, z) * smooth(2.1, 1.3, h + 1.2 * patch + 0.5 * grain))[..., None]
    )
    colour = mix(
        colour,
        rock,
        np.maximum(steep * smooth(0.5, 1.0, h), smooth(1.4, 2.2, h + 1.2 * patch + 0.5 * grain))[..., None],
    )
    line = 1.5 if "snowcap" in stage.prompt.features else 2.5
    snow = smooth(line - 0.35, line + 0.55, h + 1.3 * patch + 0.9 * grain) * smooth(
        0.44, 0.66, flat + 0.35 * grain
    )
    if "volcano" in stage.prompt.features and "snowcap" not in stage.prompt.features:
        snow *= 0.25
    if stage.prompt.style == "ink":
        snow *= 0.2  # in ink, rock carries the drawing
    return mix(colour, (0.95, 0.97, 1.0), (0.96 * snow)[..., None])


def _sand(
    stage: Stage, tile: Tile, x: Plane, z: Plane, h: Plane, flat: Plane, grain: Plane, patch: Plane
) -> Plane:
    red = bool({"mars", "mesa"} & stage.prompt.features)
    dark, light = (
        ((0.46, 0.20, 0.10), (0.86, 0.46, 0.25)) if red else ((0.58, 0.40, 0.22), (0.86, 0.67, 0.42))
    )
    turn = float(stage.streams.rng("ripples").uniform(-1.1, 1.1))
    bend = tile.sample("ripple bend", x, z, 0.8) * 3.0 + patch * 4
    # Ripples keep their size on the ground and fade where a pixel no longer holds one.
    visible = smooth(0.75, 0.28, 46.0 / 6.28 * z * z / np.float32(stage.frame.focal * stage.frame.eye))
    ripple = np.sin((z + turn * x) * 46.0 + bend * 2.4) * visible * smooth(0.6, 0.9, flat)
    tone = np.clip(0.55 + 0.46 * grain + 0.50 * patch + 0.20 * ripple, 0, 1)
    colour = mix(dark, light, tone[..., None])
    rock = smooth(0.75, 0.5, flat + 0.2 * grain) * smooth(7, 11, z) * (1.0 if red else 0.0)
    band = 0.5 + 0.5 * np.sin(h * 14 + 3 * patch)
    stone = mix((0.36, 0.15, 0.09), (0.72, 0.38, 0.22), np.clip(band + 0.5 * grain, 0, 1)[..., None])
    return mix(colour, stone, rock[..., None])


def _coast(stage: Stage, z: Plane, h: Plane, flat: Plane, grain: Plane, patch: Plane) -> Plane:
    """Sand at the water's edge, rock on steep ground, green on top."""
    tone = np.clip(0.5 + 0.7 * grain + 0.5 * patch, 0, 1)[..., None]
    sand = mix((0.72, 0.58, 0.40), (0.98, 0.89, 0.70), tone)
    wet = smooth(0.035, 0.0, h + 0.01 * patch)
    sand = sand * (1 - 0.38 * wet)[..., None]
    rock = mix((0.20, 0.18, 0.17), (0.52, 0.47, 0.42), tone)
    green = mix((0.12, 0.22, 0.07), (0.42, 0.50, 0.18), tone)
    if "beach" in stage.prompt.features or "island" in stage.prompt.features:
        low = smooth(0.34, 0.12, h + 0.2 * grain)
    else:
        low = 0.0 * h
    colour = mix(
        rock, green, (smooth(0.62, 0.85, flat + 0.3 * grain) * smooth(0.12, 0.5, h + 0.3 * patch))[..., None]
    )
    return mix(colour, sand, low[..., None])
