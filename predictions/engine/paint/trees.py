"""Trees and grass set into the scene: each sprite sized, coloured, lit and hazed for its place."""

from __future__ import annotations

import cv2
import numpy as np

from .land import Ground, haze_at, haze_colour
from .lexicon import COLOURS
from .noise import Plane
from .sprites import Sprite, sprite
from .stage import Stage

Tones = tuple[tuple[float, float, float], tuple[float, float, float]]

LEAVES: dict[str, list[Tones]] = {
    "conifer": [((0.03, 0.10, 0.06), (0.20, 0.38, 0.17)), ((0.04, 0.11, 0.08), (0.16, 0.33, 0.20))],
    "leafy": [((0.06, 0.16, 0.04), (0.42, 0.56, 0.14)), ((0.05, 0.18, 0.06), (0.30, 0.50, 0.15))],
    "birch": [((0.16, 0.30, 0.07), (0.62, 0.72, 0.22))],
    "palm": [((0.04, 0.17, 0.06), (0.38, 0.60, 0.18))],
    "bush": [((0.06, 0.15, 0.05), (0.36, 0.48, 0.15))],
    "autumn": [
        ((0.42, 0.08, 0.03), (0.95, 0.34, 0.10)),
        ((0.50, 0.20, 0.03), (1.00, 0.62, 0.13)),
        ((0.48, 0.30, 0.04), (1.00, 0.83, 0.24)),
        ((0.30, 0.24, 0.06), (0.72, 0.62, 0.18)),
    ],
    "tuft": [((0.10, 0.20, 0.05), (0.46, 0.56, 0.18)), ((0.12, 0.20, 0.06), (0.55, 0.56, 0.24))],
    "blossom": [((0.70, 0.36, 0.48), (1.00, 0.84, 0.90)), ((0.78, 0.44, 0.56), (1.00, 0.92, 0.95))],
}  # fmt: skip


def coloured(stage: Stage, tree: Sprite, tones: Tones, haze: float, air: Plane) -> Plane:
    """RGBA of a sprite (premultiplied) in the stage's light, `haze` 0..1 of the way to the colour of the air."""
    cover = np.maximum(tree[..., 3:], 1e-4)
    tone, lit, wood = (tree[..., k : k + 1] / cover for k in range(3))
    leaf = (
        np.array(tones[0], np.float32)
        + (np.array(tones[1], np.float32) - np.array(tones[0], np.float32)) * tone
    )
    bark = np.where(
        wood < 0.8, np.array((0.80, 0.78, 0.74), np.float32), np.array((0.20, 0.14, 0.10), np.float32)
    )
    albedo = leaf + (bark * (0.5 + 0.8 * tone) - leaf) * (wood > 0.3)
    p = stage.palette
    colour = albedo * (
        np.array(p.ambient, np.float32) * (0.55 + 0.6 * lit) + np.array(p.light, np.float32) * (1.15 * lit)
    )
    if "snow" in stage.meant.weather:
        frost = np.clip((lit - 0.42) * 3.2, 0, 0.92) * (wood < 0.5)
        white = np.array(p.ambient, np.float32) * 0.7 + np.array(p.light, np.float32) * 0.55
        colour = colour + (white - colour) * frost
    colour = colour + (air - colour) * np.float32(haze)
    return np.concatenate([colour * tree[..., 3:], tree[..., 3:]], axis=-1)


def set_down(canvas: Plane, rgba: Plane, x: float, y: float, height: float, *, flip: bool) -> None:
    """Draw a premultiplied RGBA sprite `height` px tall with its root at pixel (x, y), clipped at the frame."""
    n = max(2, round(height))
    small = cv2.resize(rgba, (n, n), interpolation=cv2.INTER_AREA if n < rgba.shape[0] else cv2.INTER_LINEAR)
    if flip:
        small = small[:, ::-1]
    left, top = round(x - n / 2), round(y - 0.985 * n)
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas.shape[1], left + n), min(canvas.shape[0], top + n)
    if x0 >= x1 or y0 >= y1:
        return
    part = small[y0 - top : y1 - top, x0 - left : x1 - left]
    canvas[y0:y1, x0:x1] = canvas[y0:y1, x0:x1] * (1 - part[..., 3:]) + part[..., :3]


class Grove:
    """A handful of sprites of some kinds, coloured once per step of haze and then set down many times."""

    STEPS = 6

    def __init__(self, stage: Stage, kinds: tuple[str, ...], each: int) -> None:
        """Draw `each` sprites of every kind for the stage's season and light."""
        self.stage = stage
        x, y, z = stage.toward_sun()
        detail = min(1.0, stage.octaves / 8)
        self.plants = [
            (kind, number, sprite(stage.streams, kind, number, (x, y, z), detail))
            for kind in kinds
            for number in range(each)
        ]
        self.air = haze_colour(stage).reshape(-1, 3).mean(axis=0)
        self._done: dict[tuple[int, int, int], Plane] = {}

    def _tones(self, kind: str) -> list[Tones]:
        named = [COLOURS[c] for c in self.stage.meant.colours_of("trees") if c in COLOURS]
        if named and kind != "tuft":
            return [(_shade(c, 0.35), _shade(c, 1.1)) for c in named]
        season = next((s for s in ("autumn", "blossom") if s in self.stage.meant.features), "")
        if season and kind in ("leafy", "birch", "bush") and not (kind == "bush" and season == "blossom"):
            return LEAVES[season]
        if kind == "tuft" and "autumn" in self.stage.meant.features:
            return [((0.34, 0.22, 0.07), (0.78, 0.58, 0.22))]
        if kind == "tuft" and "wheat" in self.stage.meant.features:
            return [((0.56, 0.38, 0.10), (1.0, 0.82, 0.40))]
        return LEAVES[kind]

    def set(
        self, x: float, y: float, height: float, z: float, rng: np.random.Generator, extra: float = 0.0
    ) -> None:
        """Set a plant with its root at pixel (x, y), `height` px tall, at distance z; `extra` haze 0..1."""
        pick, hue, flip = int(rng.integers(len(self.plants))), int(rng.integers(8)), bool(rng.random() < 0.5)
        kind, _, plain = self.plants[pick]
        tones = self._tones(kind)
        haze = float(np.clip(haze_at(self.stage, np.float32(z)) + extra, 0, 0.93))
        step = round(haze * self.STEPS)
        key = (pick, hue % len(tones), step)
        if key not in self._done:
            self._done[key] = coloured(self.stage, plain, tones[key[1]], step / self.STEPS, self.air)
        # A sprite's light comes from one side; turning it round would turn the light as well.
        flip = flip and abs(self.stage.toward_sun()[0]) < 0.25
        set_down(self.stage.canvas, self._done[key], x, y, height, flip=flip)


def _shade(rgb: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    r, g, b = (min(1.0, c * factor) for c in rgb)
    return r, g, b


def kinds_for(stage: Stage) -> tuple[str, ...]:
    """Which trees grow in the stage's scene."""
    features, scene = stage.meant.features, stage.meant.scene
    for feature in ("conifer", "birch", "palms"):
        if feature in features:
            return ("palm",) if feature == "palms" else (feature,)
    if features & {"leafy", "autumn", "blossom"}:
        return ("leafy",)
    if scene == "mountain" or "snow" in stage.meant.weather:
        return ("conifer",)
    return ("leafy", "conifer") if scene == "forest" else ("leafy",)


def scatter(
    stage: Stage, ground: Ground, grove: Grove, name: str, *, count: int, near: float, far: float, size: tuple[float, float],
    clear: float = 0.0,
) -> None:  # fmt: skip
    """Set plants on dry land between two distances; `size` in world units; `clear` keeps the middle free.

    Places are drawn as shares of the picture, so every size of it has the same ones.
    """
    rng = stage.streams.rng(name)
    h, w = ground.z.shape
    draws = rng.random((count, 4))
    found = []
    for u, v, tall, pick in draws:
        row, column = int((stage.frame.horizon + v * (h - stage.frame.horizon)) * 0.9999), int(u * w)
        row = min(h - 1, row - int(0.06 * h * (1 - v)))
        z = float(ground.z[row, column])
        dry = ground.h[row, column] > 0.015 and ground.view.cover[row, column] > 0.9
        if (
            dry
            and near < z < far
            and ground.flat[row, column] > 0.70
            and abs(u - 0.5) >= clear * (1 - 0.5 * (z / far))
        ):
            found.append((z, column + 0.5, row + 0.5, size[0] + (size[1] - size[0]) * tall, pick))
    for z, x, y, tall, pick in sorted(found, reverse=True):
        height = tall * stage.frame.focal / z
        if height >= 2:
            _shadow(stage, x, y, height)
            grove.set(x, y, height, z, np.random.default_rng(int(pick * 2**32)))


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
    grove = Grove(stage, kinds_for(stage), 3)
    rng = stage.streams.rng("forest")
    misty = 0.10 if "fog" in stage.meant.weather else 0.0
    for k, (z, count) in enumerate(
        ((11.0, 34), (8.0, 24), (5.8, 17), (4.2, 12), (3.0, 8), (2.1, 5), (1.5, 3))
    ):
        for j in range(count):
            spread = (j + float(rng.uniform(-0.45, 1.45))) / count
            away = z * float(rng.uniform(0.9, 1.1))
            x = (spread * 1.2 - 0.1) * stage.frame.width
            if z < 4.0 and abs(spread - 0.5) < 0.20 + 0.05 * (4.0 - z):
                x += np.sign(spread - 0.5) * 0.22 * stage.frame.width
            tall = float(rng.uniform(1.45, 2.1)) * (1.0 + 0.10 * (away > 7))
            y = stage.frame.row(float(rng.uniform(0.0, 0.03)), away)
            extra = misty + 0.05 * (7 - k) * (0.8 if "fog" in stage.meant.weather else 0.35)
            if z < 5:
                _shadow(stage, x, y, tall * stage.frame.focal / away)
            grove.set(x, y, tall * stage.frame.focal / away, away, rng, extra)
    paint_grass(stage, ground, count=150, far=3.2)


def paint_grass(stage: Stage, ground: Ground, *, count: int, far: float) -> None:
    """Tufts in the foreground of green scenes."""
    if "snow" in stage.meant.weather:
        return
    grove = Grove(stage, ("tuft",), 4)
    tall = (0.05, 0.11) if "wheat" not in stage.meant.features else (0.09, 0.16)
    scatter(
        stage,
        ground,
        grove,
        "grass",
        count=int(count * (0.4 + 0.075 * stage.octaves)),
        near=0.2,
        far=far,
        size=tall,
    )


def paint_trees(stage: Stage, ground: Ground) -> None:
    """The trees that belong to the stage's scene, if any."""
    scene, features = stage.meant.scene, stage.meant.features
    if scene == "forest":
        paint_forest(stage, ground)
    elif scene in ("mountain", "hills", "lake") and not features & {"lunar", "mars"}:
        grove = Grove(stage, kinds_for(stage), 2)
        many = 5.0 if "forest" in features else 1.0
        tall = (0.55, 1.0) if kinds_for(stage) == ("conifer",) else (0.5, 0.85)
        scatter(
            stage, ground, grove, "trees", count=int(90 * many), near=2.6, far=16.0, size=tall, clear=0.05
        )
        scatter(
            stage, ground, grove, "near trees", count=int(16 * many), near=1.1, far=3.0, size=tall, clear=0.26
        )
        if scene != "mountain" or "flowers" in features:
            paint_grass(stage, ground, count=260, far=2.4)
        else:
            paint_grass(stage, ground, count=120, far=1.8)
    elif "palms" in features:
        _palms(stage, ground)


def _palms(stage: Stage, ground: Ground) -> None:
    """Palms leaning over a beach from one side, and on islands."""
    grove = Grove(stage, ("palm",), 3)
    scatter(stage, ground, grove, "island palms", count=160, near=4.0, far=24.0, size=(0.7, 1.1))
    if "beach" not in stage.meant.features and stage.meant.scene != "desert":
        return
    rng = stage.streams.rng("palms")
    side = 1.0 if rng.random() < 0.5 else -1.0
    for k in range(3):
        x = stage.frame.width * (0.5 + side * (0.36 + 0.07 * k + float(rng.uniform(-0.03, 0.03))))
        y = stage.frame.height * (0.88 + 0.06 * k)
        grove.set(x, y, stage.frame.height * float(rng.uniform(0.62, 0.80)), 1.0, rng)
