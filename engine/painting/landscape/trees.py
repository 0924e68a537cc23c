"""Placement of trees and grass in a scene: each sprite sized, coloured, lit and hazed."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.landscape.elevation import road_at
from engine.painting.landscape.ground_colours import PETALS
from engine.painting.landscape.plant_sprites import Sprite, sprite
from engine.painting.landscape.terrain import Ground, haze_at, haze_colour
from engine.painting.movement import sway, sway_margin
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.stage import Stage

Tones = tuple[tuple[float, float, float], tuple[float, float, float]]

_LOW = ("tuft", "bloom")

LEAVES: dict[str, list[Tones]] = {
    "conifer": [((0.03, 0.10, 0.06), (0.20, 0.38, 0.17)), ((0.04, 0.11, 0.08), (0.16, 0.33, 0.20))],
    "leafy": [((0.06, 0.16, 0.04), (0.42, 0.56, 0.14)), ((0.05, 0.18, 0.06), (0.30, 0.50, 0.15))],
    "birch": [((0.16, 0.30, 0.07), (0.62, 0.72, 0.22))],
    "bamboo": [((0.10, 0.24, 0.05), (0.52, 0.70, 0.22)), ((0.08, 0.22, 0.06), (0.42, 0.64, 0.20))],
    "palm": [((0.04, 0.17, 0.06), (0.38, 0.60, 0.18))],
    "bush": [((0.06, 0.15, 0.05), (0.36, 0.48, 0.15))],
    "autumn": [
        ((0.42, 0.08, 0.03), (0.95, 0.34, 0.10)),
        ((0.50, 0.20, 0.03), (1.00, 0.62, 0.13)),
        ((0.48, 0.30, 0.04), (1.00, 0.83, 0.24)),
        ((0.30, 0.24, 0.06), (0.72, 0.62, 0.18)),
    ],
    "tuft": [((0.07, 0.17, 0.04), (0.33, 0.47, 0.13)), ((0.08, 0.17, 0.05), (0.40, 0.47, 0.16))],
    "bloom": [
        ((0.70, 0.58, 0.20), (0.98, 0.97, 0.94)),
        ((0.80, 0.52, 0.06), (1.00, 0.86, 0.20)),
        ((0.36, 0.20, 0.52), (0.68, 0.50, 0.92)),
        ((0.62, 0.16, 0.30), (0.98, 0.52, 0.62)),
    ],
    "blossom": [((0.70, 0.36, 0.48), (1.00, 0.84, 0.90)), ((0.78, 0.44, 0.56), (1.00, 0.92, 0.95))],
}  # fmt: skip


def _coloured(stage: Stage, kind: str, plate: Plane, tones: Tones) -> Plane:
    """Premultiplied colour and cover of a plate in the stage's light, before any haze: h x w x 4."""
    cover = plate[..., 3:]
    scale = 1.0 / np.maximum(cover, 1e-3)
    tone, lit, wood = (plate[..., k : k + 1] * scale for k in range(3))
    dark, light = np.array(tones[0], np.float32), np.array(tones[1], np.float32)
    stem = {"birch": (0.66, 0.64, 0.60), "bloom": (0.16, 0.30, 0.08), "bamboo": (0.34, 0.50, 0.16)}.get(
        kind, (0.17, 0.125, 0.09)
    )
    bark = np.array(stem, np.float32) * (0.5 + 0.8 * tone)
    albedo = dark + (light - dark) * tone
    albedo += (bark - albedo) * np.minimum(wood * (1.8 if kind == "birch" else 1.0), 1)
    p = stage.palette
    ambient, sun = np.array(p.ambient, np.float32), np.array(p.light, np.float32)
    colour = albedo * (ambient * 0.55 + (ambient * 0.6 + sun * 1.15) * lit)
    if "snow" in stage.prompt.weather:
        frost = np.clip((lit - 0.42) * 3.2, 0, 0.92) * (wood < 0.5)
        colour += (ambient * 0.7 + sun * 0.55 - colour) * frost
    return np.concatenate([colour * cover, cover], axis=2)


def _drawn(stage: Stage, kind: str, number: int) -> Sprite:
    """A sprite of the stage, drawn on first use."""
    key = (kind, number)
    if key not in stage.plants:
        tall = 1.15 * stage.frame.unit * (0.55 + 0.45 * min(1.0, stage.octaves / 8))
        light, height = stage.toward_sun(), tall * (0.3 if kind in _LOW else 1)
        stage.plants[key] = stage.streams.cached(
            ("plant", kind, number, light, height), lambda: sprite(stage.streams, kind, number, light, height)
        )
    return stage.plants[key]


def _painted_plates(stage: Stage) -> dict[tuple[Any, ...], Plane]:
    """The cache of coloured plates: a still's stage, or for a video as long as the light is the same."""
    if stage.streams.memory is None:
        return stage.painted
    lights: dict[tuple[Any, ...], dict[tuple[Any, ...], Plane]] = stage.streams.cached(
        ("painted plants",), dict
    )
    light = (stage.palette.ambient, stage.palette.light, "snow" in stage.prompt.weather)
    if light not in lights:
        lights.clear()  # keep those of one light only: they are large
    return lights.setdefault(light, {})


class SpriteSet:
    """A few sprites of each kind, placed many times."""

    def __init__(self, stage: Stage, kinds: tuple[str, ...], count: int) -> None:
        """Draw `count` sprites of every kind for the stage's season and light."""
        self.stage = stage
        self.plants = [(kind, _drawn(stage, kind, number)) for kind in kinds for number in range(count)]
        self.air = haze_colour(stage).reshape(-1, 3).mean(axis=0)
        self.painted = _painted_plates(stage)

    def _tones(self, kind: str) -> list[Tones]:
        named = [COLOURS[c] for c in self.stage.prompt.colours_of("trees") if c in COLOURS]
        if kind == "bloom":
            wild = next((p for f, p in PETALS.items() if f in self.stage.prompt.features), None)
            return [(_shade(c, 0.6), _shade(c, 1.1)) for c in wild] if wild else LEAVES["bloom"]
        if named and kind != "tuft":
            return [(_shade(c, 0.35), _shade(c, 1.1)) for c in named]
        if kind == "tuft":
            named = [COLOURS[c] for c in self.stage.prompt.colours_of("ground") if c in COLOURS]
            if named:
                return [(_shade(named[0], 0.3), _shade(named[0], 0.85))]
        season = next((s for s in ("autumn", "blossom") if s in self.stage.prompt.features), "")
        if season and kind in ("leafy", "birch", "bush") and not (kind == "bush" and season == "blossom"):
            return LEAVES[season]
        if kind == "tuft" and "autumn" in self.stage.prompt.features:
            return [((0.34, 0.22, 0.07), (0.78, 0.58, 0.22))]
        if kind == "tuft" and "wheat" in self.stage.prompt.features:
            return [((0.56, 0.38, 0.10), (1.0, 0.82, 0.40))]
        return LEAVES[kind]

    def set(
        self, x: float, y: float, height: float, z: float, rng: np.random.Generator, extra: float = 0.0
    ) -> None:
        """Set a plant with its root at pixel (x, y), `height` px tall, at distance z; `extra` haze 0..1."""
        kind, plant = self.plants[int(rng.integers(len(self.plants)))]
        tones = self._tones(kind)
        tone = tones[int(rng.integers(64)) % len(tones)]
        haze = float(np.clip(haze_at(self.stage, np.array(z, np.float32)) + extra, 0, 0.93))
        canvas = self.stage.canvas
        n = max(2, round(height))
        plate = self._painted(kind, plant, plant.plate_for(n), tone)
        wide = max(1, round((plant.right - plant.left) * n))
        left, top = round(x + plant.left * n), round(y - 0.985 * n)
        part_right, room = x + plant.left * n - left, sway_margin(self.stage, n)
        left -= room
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(canvas.shape[1], left + wide + 2 * room), min(canvas.shape[0], top + n)
        if x0 >= x1 or y0 >= y1:
            return
        small = cv2.resize(
            plate, (wide, n), interpolation=cv2.INTER_AREA if n < plate.shape[0] else cv2.INTER_LINEAR
        )
        small = sway(self.stage, small, x, z, part_right)
        part = small[y0 - top : y1 - top, x0 - left : x1 - left]
        seen, cover = canvas[y0:y1, x0:x1], part[..., 3:]
        # Haze and compositing in one step, without a third copy.
        seen += cover * (self.air * np.float32(haze) - seen)
        seen += part[..., :3] * np.float32(1 - haze)

    def _painted(self, kind: str, plant: Sprite, plate: Plane, tone: Tones) -> Plane:
        """The plate in colour, mixed once: most plants are one of a few, set many times."""
        key = (kind, id(plant), plate.shape[0], tone)
        if key not in self.painted:
            self.painted[key] = _coloured(self.stage, kind, plate, tone)
        return self.painted[key]


def _shade(rgb: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    r, g, b = (min(1.0, c * factor) for c in rgb)
    return r, g, b


def kinds_for(stage: Stage) -> tuple[str, ...]:
    """Which trees grow in the stage's scene."""
    features, scene = stage.prompt.features, stage.prompt.scene
    for feature in ("conifer", "birch", "bamboo", "palms"):
        if feature in features:
            return ("palm",) if feature == "palms" else (feature,)
    if features & {"leafy", "autumn", "blossom"}:
        return ("leafy",)
    if scene == "mountain" or "snow" in stage.prompt.weather:
        return ("conifer",)
    return ("leafy", "conifer") if scene == "forest" else ("leafy",)


def scatter(
    stage: Stage,
    ground: Ground,
    sprites: SpriteSet,
    name: str,
    *,
    count: int,
    near: float,
    far: float,
    size: tuple[float, float],
    clear: float = 0.0,
) -> None:
    """Set plants on dry land between two distances; `size` in world units; `clear` keeps the middle free.

    Places are drawn as shares of the picture, so every size of it has the same ones.
    """
    key = ("places", name, count, near, far, ground.z.shape)
    places = stage.streams.cached(key, lambda: _places(stage, ground, name, count, (near, far), size, clear))
    for z, x, y, tall, pick in places:
        height = tall * stage.frame.focal / z
        if height >= 2:
            x += stage.frame.drift(z)
            _shadow(stage, x, y, height)
            sprites.set(x, y, height, z, np.random.default_rng(int(pick * 2**32)))


def _places(
    stage: Stage,
    ground: Ground,
    name: str,
    count: int,
    between: tuple[float, float],
    size: tuple[float, float],
    clear: float,
) -> list[tuple[float, float, float, float, float]]:
    """Distance, pixel column and row, height in world units and looks (0..1) of each plant, the farthest first.

    Computed once for a video, from the first position of its camera.
    """
    rng = stage.streams.rng(name)
    h, w = ground.z.shape
    near, far = between
    found = []
    for u, v, tall, pick in rng.random((count, 4)):
        row, column = int((stage.frame.horizon + v * (h - stage.frame.horizon)) * 0.9999), int(u * w)
        row = min(h - 1, row - int(0.06 * h * (1 - v)))
        z = float(ground.z[row, column])
        roomy = abs(u - 0.5) >= clear * (1 - 0.5 * (z / far))
        if near < z < far and roomy and _is_plantable(stage, ground, row, column, z):
            found.append((z, column + 0.5, row + 0.5, size[0] + (size[1] - size[0]) * tall, pick))
    return sorted(found, reverse=True)


def _is_plantable(stage: Stage, ground: Ground, row: int, column: int, z: float) -> bool:
    """Whether a plant can stand at this pixel: dry, fairly level, beside any road."""
    if "road" in stage.prompt.features:
        middle, half = road_at(stage, np.array([[z]], np.float32))
        if abs(float(ground.x[row, column]) - float(middle[0, 0])) < 1.35 * float(half[0, 0]):
            return False
    built = stage.ground.get("built")
    if built is not None and built[row, column] > 0.05:
        return False
    dry = ground.h[row, column] > 0.015 and ground.view.cover[row, column] > 0.9
    return bool(dry and ground.flat[row, column] > 0.70)


def _shadow(stage: Stage, x: float, y: float, height: float) -> None:
    """A soft dark pool to the side that the light does not reach."""
    lx, ly, _ = stage.toward_sun()
    wide, tall = height * 0.34, max(1.0, height * 0.045)
    cx = x - lx * height * 0.30 / max(ly, 0.35)
    h, w = stage.canvas.shape[:2]
    x0, x1 = max(0, int(cx - 2 * wide)), min(w, int(cx + 2 * wide) + 1)
    y0, y1 = max(0, int(y - 2 * tall)), min(h, int(y + 2 * tall) + 1)
    if x0 >= x1 or y0 >= y1:
        return
    dx = (np.arange(x0, x1, dtype=np.float32)[None, :] - cx) / wide
    dy = (np.arange(y0, y1, dtype=np.float32)[:, None] - y) / tall
    stage.canvas[y0:y1, x0:x1] *= (1 - 0.42 * np.exp(-(dx * dx + dy * dy)))[..., None]


def paint_forest(stage: Stage, ground: Ground) -> None:
    """Rows of trees from far to near with more air between the far ones, and a clearing in front."""
    sprites = SpriteSet(stage, kinds_for(stage), 3)
    rng = stage.streams.rng("forest")
    foggy = "fog" in stage.prompt.weather
    for k, (z, count) in enumerate(
        ((11.0, 34), (8.0, 24), (5.8, 17), (4.2, 12), (3.0, 8), (2.1, 5), (1.5, 3))
    ):
        if z < 5.0:
            # Grass grows between the rows: painted afterwards it would climb the nearer trunks.
            paint_grass(stage, ground, count=150, near=z, far=z * 1.45)
        for j in range(count):
            spread = (j + float(rng.uniform(-0.45, 1.45))) / count
            away = z * float(rng.uniform(0.9, 1.1))
            x = (spread * 1.2 - 0.1) * stage.frame.width
            if z < 4.0 and abs(spread - 0.5) < 0.20 + 0.05 * (4.0 - z):
                x += np.sign(spread - 0.5) * 0.22 * stage.frame.width
            tall = float(rng.uniform(1.45, 2.1)) * (1.0 + 0.10 * (away > 7))
            x += stage.frame.drift(away)
            y = stage.frame.row(float(rng.uniform(0.0, 0.03)), away)
            extra = (0.045 if foggy else 0.02) * (6 - k)
            if z < 5:
                _shadow(stage, x, y, tall * stage.frame.focal / away)
            sprites.set(x, y, tall * stage.frame.focal / away, away, rng, extra)


def paint_grass(stage: Stage, ground: Ground, *, count: int, far: float, near: float = 0.2) -> None:
    """Tufts between two distances of a green scene."""
    if "snow" in stage.prompt.weather:
        return
    sprites = SpriteSet(stage, ("tuft",), 4)
    tall = (0.035, 0.085) if "wheat" not in stage.prompt.features else (0.09, 0.16)
    scatter(
        stage,
        ground,
        sprites,
        "grass",
        count=int(count * (0.4 + 0.075 * stage.octaves)),
        near=near,
        far=far,
        size=tall,
    )


def paint_blossoms(stage: Stage, ground: Ground, *, count: int) -> None:
    """Wild flowers strewn over the foreground of a warm green scene."""
    if stage.prompt.weather & {"snow", "storm"} or stage.prompt.features & {"autumn", "wheat"}:
        return
    sprites = SpriteSet(stage, ("bloom",), 4)
    scatter(stage, ground, sprites, "blossoms", count=count, near=0.2, far=2.6, size=(0.045, 0.085))


def paint_trees(stage: Stage, ground: Ground) -> None:
    """The trees of the stage's scene that stand beyond any water and are mirrored in it."""
    scene, features = stage.prompt.scene, stage.prompt.features
    if scene == "forest":
        paint_forest(stage, ground)
    elif _grows(stage):
        many = 5.0 if "forest" in features else 1.0
        sprites = SpriteSet(stage, kinds_for(stage), 2)
        scatter(
            stage,
            ground,
            sprites,
            "trees",
            count=int(70 * many),
            near=2.6,
            far=20.0,
            size=_tall(stage),
            clear=0.05,
        )
    elif "palms" in features:
        sprites = SpriteSet(stage, ("palm",), 2)
        scatter(stage, ground, sprites, "island palms", count=160, near=4.0, far=24.0, size=(0.7, 1.1))


def paint_near_plants(stage: Stage, ground: Ground) -> None:
    """Trees and grass of the foreground, in front of any water."""
    scene, features = stage.prompt.scene, stage.prompt.features
    if scene == "forest":
        paint_grass(stage, ground, count=150, far=1.5)
    elif _grows(stage):
        many = 3.0 if "forest" in features else 1.0
        sprites = SpriteSet(stage, kinds_for(stage), 2)
        scatter(
            stage,
            ground,
            sprites,
            "near trees",
            count=int(18 * many),
            near=1.3,
            far=2.7,
            size=_tall(stage),
            clear=0.27,
        )
        paint_grass(stage, ground, count=160 if scene == "mountain" else 220, far=1.9)
        paint_blossoms(stage, ground, count=220 if "flowers" in features else 60)
    elif "palms" in features:
        _palms(stage, ground)


def _grows(stage: Stage) -> bool:
    return stage.prompt.scene in ("mountain", "hills", "lake")


def _tall(stage: Stage) -> tuple[float, float]:
    return (0.55, 1.0) if kinds_for(stage) == ("conifer",) else (0.5, 0.85)


def _palms(stage: Stage, ground: Ground) -> None:
    """Palms leaning over a beach or an oasis from its drier side."""
    if "beach" not in stage.prompt.features and stage.prompt.scene != "desert":
        return
    sprites = SpriteSet(stage, ("palm",), 3)
    rng = stage.streams.rng("palms")
    h, w = ground.h.shape
    dry = ground.h[int(0.9 * h) :] > 0
    left, right = float(dry[:, : w // 4].mean()), float(dry[:, -max(1, w // 4) :].mean())
    side = 1.0 if rng.random() < 0.5 else -1.0
    if abs(left - right) > 0.2:
        side = 1.0 if right > left else -1.0
    for k in range(3):
        u = 0.5 + side * (0.36 + 0.07 * k + float(rng.uniform(-0.03, 0.03)))
        v = 0.88 + 0.06 * k
        if ground.h[min(h - 1, int(v * h)), int(np.clip(u, 0, 0.999) * w)] <= 0:
            v = 1.02
        tall = stage.frame.height * float(rng.uniform(0.62, 0.80))
        sprites.set(u * w + stage.frame.drift(1.6), v * h, tall, 1.0, rng)
