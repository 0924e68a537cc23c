"""Layout of subjects in a scene: position, size, and reflection in water."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.landscape.trees import SpriteSet
from engine.painting.movement import pose
from engine.painting.noise import strip
from engine.painting.palette import Rgb
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.random_streams import Streams
from engine.painting.sky.lighthouse_beam import paint_beam
from engine.painting.stage import Stage, mix
from engine.painting.subjects import DRAUGHTS, NAMES, Figure, Light, afloat, glow, place, render
from engine.painting.subjects.scene_sizes import BESIDE_A_PERSON, SIZES

_MOST_OVERLAP = 0.25


@dataclass
class PlacedSubject:
    """A figure ready to be set down: its share of the height, and pixel place of its base."""

    name: str
    figure: Figure
    x: float
    y: float
    where: str
    facing: int = 1
    """1 where it looks to the right, -1 to the left."""

    def box(self) -> tuple[float, float]:
        """Left and right pixel columns."""
        left = self.x - self.figure.base[0]
        return left, left + self.figure.rgba.shape[1]


def scene_light(stage: Stage) -> Light:
    """The stage's light for rendering figures; never so dark that a subject is invisible."""
    p = stage.palette
    if stage.prompt.scene in ("studio", "space"):
        dim = {"night": 0.6, "dusk": 0.75}.get(stage.time, 1.0) if stage.prompt.scene == "studio" else 1.0
        side = -1.0 if stage.prompt.scene == "space" or stage.streams.rng("lamp").random() < 0.6 else 1.0
        return Light(
            (0.50 * side, 0.58, 0.64),
            _scaled((1.0, 0.95, 0.88), dim),
            _scaled((0.46, 0.48, 0.54), dim),
            (0.60, 0.64, 0.74),
        )
    ambient = tuple(min(1.0, 0.10 + 0.95 * c) for c in p.ambient)
    sun = tuple(min(1.0, 0.10 + 0.90 * c) for c in p.light)
    rim = tuple(min(1.0, 0.75 * c * (0.35 + 0.65 * p.glow)) for c in p.sun)
    return Light(stage.toward_sun(), _rgb(sun), _rgb(ambient), _rgb(rim))


def _rgb(values: tuple[float, ...]) -> Rgb:
    r, g, b = values
    return r, g, b


def _scaled(rgb: Rgb, factor: float) -> Rgb:
    return rgb[0] * factor, rgb[1] * factor, rgb[2] * factor


def paint_subjects(stage: Stage, light: Light | None = None) -> None:
    """Draw every subject of the stage, in `light` or else in the stage's own, and leave their joint mask on it."""
    names = [
        n for n in stage.prompt.subjects if n.partition(":")[0] in SIZES and n.partition(":")[0] in NAMES
    ]
    if not names:
        return
    light = light or scene_light(stage)
    riding = stage.prompt.riding
    held = "umbrella" in names and bool({"person", "astronaut", "robot"} & set(names))
    main = [n for n in names if not (riding and n == riding[0]) and not (held and n == "umbrella")]
    key = ("actors", stage.prompt, stage.frame.width, stage.frame.height, stage.octaves, light)
    subjects = stage.streams.cached(
        key, lambda: _push_apart(stage, [_place(stage, main, k, light) for k in range(len(main))])
    )
    if stage.prompt.scene == "studio":
        floor = max(subject.y for subject in subjects)
        for subject in subjects:
            subject.y = floor if subject.where not in ("air", "frame") else subject.y
    mask = np.zeros(stage.canvas.shape[:2], np.float32)
    for subject in sorted((_at_moment(stage, subject) for subject in subjects), key=lambda a: a.y):
        if held and subject.name in ("person", "astronaut", "robot"):
            mask, held = np.maximum(mask, _paint_umbrella(stage, subject, light)), False
        mask = np.maximum(mask, _paint_subject(stage, subject, light))
        if riding and subject.name == riding[1]:
            mask = np.maximum(mask, _paint_rider(stage, riding[0], subject, light))
    stage.mask = mask


def _at_moment(stage: Stage, subject: PlacedSubject) -> PlacedSubject:
    """The subject at the video's current clock and camera position; unchanged in a still."""
    frame = stage.frame
    if stage.clock == 0.0 and frame.slide == 0.0:
        return subject
    distance = {"frame": 1.8, "air": 3.0, "top": 9.0}.get(subject.where)
    if distance is None:
        distance = frame.focal * frame.eye / max(subject.y - frame.horizon, 0.05 * frame.height)
    figure, right, down = pose(stage, subject.name, subject.where, subject.facing, subject.figure)
    drift = 0.0 if stage.prompt.scene in ("space", "underwater") else frame.drift(distance)
    return replace(subject, figure=figure, x=subject.x + drift + right, y=subject.y + down)


def _render(
    stage: Stage, name: str, height: float, light: Light, facing: int, family: Streams | None = None
) -> Figure:
    """Render a subject with the colour bound to it; `rainbow` runs all hues over its main parts."""
    colours = stage.prompt.colours_of(name.removesuffix(":riding"))
    if name == "person" and "dress" in stage.prompt.features:
        name = "person:dressed"
    plain = next((COLOURS[c] for c in colours if c in COLOURS), None)
    size = max(8, round(height))
    family = family or stage.streams
    key = ("figure", name, size, light, facing, colours)
    return family.cached(key, lambda: _render_uncached(family, name, size, light, facing, plain, colours))


def _render_uncached(
    family: Streams,
    name: str,
    size: int,
    light: Light,
    facing: int,
    plain: Rgb | None,
    colours: tuple[str, ...],
) -> Figure:
    if plain is None and {"rainbow", "vivid"} & set(colours):
        return _rainbow(family, name, size, light, facing)
    return render(name, streams=family, height_px=size, light=light, colour=plain, facing=facing)


def _rainbow(streams: Streams, name: str, size: int, light: Light, facing: int) -> Figure:
    """The mask of the parts that a colour word repaints, found by rendering them white and black."""
    white = render(
        name, streams=streams, height_px=size, light=light, colour=(0.92, 0.92, 0.92), facing=facing
    )
    black = render(
        name, streams=streams, height_px=size, light=light, colour=(0.08, 0.08, 0.08), facing=facing
    )
    share = np.abs(white.rgba[..., :3] - black.rgba[..., :3]).max(axis=-1)
    share = np.clip(share / 0.30, 0, 1)[..., None]
    h, w = share.shape[:2]
    hue = (
        np.arange(w, dtype=np.float32)[None, :] / w * 300 + np.arange(h, dtype=np.float32)[:, None] / h * 90
    ) % 360
    hsv = np.stack([hue, np.full_like(hue, 0.62), np.full_like(hue, 1.0)], axis=-1)
    paint = cv2.cvtColor(hsv.astype(np.float32), cv2.COLOR_HSV2RGB)
    rgba = white.rgba.copy()
    rgba[..., :3] = mix(rgba[..., :3], rgba[..., :3] * paint, share)
    return Figure(rgba, white.base, white.seat, white.emissive)


def _width_share(name: str) -> float:
    """Share of the width that a subject takes beside another: people in close-up take most."""
    return 2.0 if name == "bust" or name.endswith(":face") else 1.0


def _height(stage: Stage, name: str, others: list[str], light: Light) -> float:
    """Pixel height of a subject: its share of the picture, but never wider than the space available."""
    frame = stage.frame
    plain = name.partition(":")[0]
    share = SIZES[plain][0]
    if name.endswith(":face"):
        share = 0.82
    elif stage.prompt.scene in ("studio", "space", "underwater") and SIZES[plain][1] != "frame":
        share = min(0.74, share * 1.6)
    elif not others and SIZES[plain][1] == "ground":
        share *= 1.15
    if "person" in others:
        share *= BESIDE_A_PERSON.get(name, 1.0)
    if _width_share(name) < max((_width_share(n) for n in others), default=0):
        share *= 0.66
    trial = render(name, streams=stage.streams, height_px=48, light=light)
    aspect = trial.rgba.shape[1] / trial.rgba.shape[0]
    riding = stage.prompt.riding
    if riding and name == riding[1] and trial.seat and trial.seat[1] < 0.1 * trial.rgba.shape[0]:
        share *= 0.70  # its rider sits on its head and needs room above
    room = (
        0.92 * _width_share(name) / (_width_share(name) + sum(map(_width_share, others))) if others else 0.86
    )
    if stage.prompt.scene in ("studio", "space", "underwater") and not others:
        room = 1.0 if name == "bust" or name.endswith(":face") else 0.74
    height = min(share * frame.height, room * frame.width / aspect)
    # In a tall picture a subject may fill more of the width than its share of the height says.
    return float(min(height, 1.25 * share * frame.unit))


def _place(stage: Stage, names: list[str], index: int, light: Light) -> PlacedSubject:
    name, others = names[index], names[:index] + names[index + 1 :]
    rng = stage.streams.rng(f"actor {index} {name}")
    facing = 1 if rng.random() < 0.5 else -1
    where = SIZES[name.partition(":")[0]][1] if not name.endswith(":face") else "frame"
    if name == "fish" and stage.wet is not None and stage.wet.max() > 0.5:
        where = "water"  # it leaps: otherwise no fish would be visible in a picture of a pond
    # On open water nothing but its size and place tells one boat's picture from another's.
    least, reach = (0.66, 0.20) if where == "water" and not others else (0.80, 0.10)
    twin = names[:index].count(name)
    # The second of a kind is another animal: its own looks, a little smaller and farther away.
    family = stage.streams.child(f"twin {twin}") if twin else stage.streams
    size = float(stage.streams.rng("size of " + name).uniform(least, 1.02))
    behind = float(rng.uniform(0.72, 0.95)) if twin else 1.0
    height = _height(stage, name, others, light) * size * behind
    if others and 0 < index < len(names) - 1:
        facing = facing if twin else -1
    elif others:
        facing = 1 if index == 0 else -1
    figure = _render(stage, name, height, light, facing, family)
    jitter = float(rng.uniform(-reach, reach))
    widths = [_width_share(n) for n in names]
    u = (sum(widths[:index]) + widths[index] / 2) / sum(widths) + (0.3 if others else 1.0) * jitter
    if where == "water" and stage.wet is not None:
        figure = afloat(figure, DRAUGHTS.get(name, 0.0))
    x, y = _base_position(stage, figure, where, u, float(rng.uniform(0, 1)) - 5 * (1 - behind))
    x = _inside(stage, figure, x)
    return PlacedSubject(name, figure, x, y, where, facing)


def _inside(stage: Stage, figure: Figure, x: float) -> float:
    """The column nearest to x that keeps the whole figure in the picture, if it fits."""
    left, right = figure.base[0], stage.frame.width - (figure.rgba.shape[1] - figure.base[0])
    return float(np.clip(x, left, right)) if left < right else x


def _base_position(stage: Stage, figure: Figure, where: str, u: float, draw: float) -> tuple[float, float]:
    """Pixel place for the base of a figure that belongs `where`."""
    frame, scene = stage.frame, stage.prompt.scene
    height, width = figure.rgba.shape[:2]
    middle = frame.width * u + figure.base[0] - width / 2
    above = figure.base[1]
    if scene in ("space", "underwater") and where != "frame":
        return middle, frame.height * 0.50 - height / 2 + above
    if scene == "studio" and where != "frame":
        drop = 0.47 if where == "air" else 0.50 + 0.04
        return middle, frame.height * drop - height / 2 + above + (
            0.06 * frame.height if where != "air" else 0
        )
    if where == "frame":
        return frame.width * u + figure.base[0] - width / 2, frame.height * 1.005
    if where == "air":
        return middle, frame.height * (0.34 + 0.08 * draw) - height / 2 + above
    if where == "top":
        return _on_top(stage, u, height)
    rows = {"ground": 0.90, "far": 0.74, "water": 0.71}
    return _free_place(
        stage,
        u,
        rows[where] + (0.10 if where == "water" else 0.03) * draw,
        wet=where == "water",
        spread=width * 0.3,
    )


def _free_place(stage: Stage, u: float, v: float, *, wet: bool, spread: float) -> tuple[float, float]:
    """The place nearest to (u, v), shares of the image, that is dry, or wet, across the whole footing."""
    frame = stage.frame
    target = (frame.width * u, frame.height * v)
    if stage.wet is None:
        return target
    good = (stage.wet > 0.5) if wet else ((stage.wet < 0.5) & (frame.rows() > frame.horizon))
    reach = max(1, int(spread))
    good = cv2.erode(good.astype(np.uint8), np.ones((1, 2 * reach + 1), np.uint8), borderValue=1)
    good[: int(frame.horizon + 0.04 * frame.height)] = 0
    good[int(0.97 * frame.height) :] = 0
    rows, columns = np.nonzero(good[::2, ::2])
    if len(rows) == 0:
        return target
    distance = ((columns * 2 - target[0]) / 1.5) ** 2 + (rows * 2 - target[1]) ** 2
    best = int(np.argmin(distance))
    return float(columns[best] * 2), float(rows[best] * 2)


def _on_top(stage: Stage, u: float, height: float) -> tuple[float, float]:
    """The highest land that still leaves room above it: a cliff's edge for a lighthouse."""
    frame = stage.frame
    if stage.wet is None:
        return frame.width * u, frame.height * 0.74
    dry = (np.isfinite(stage.depth)) & (stage.wet < 0.5) & (stage.depth < 30)
    if not dry.any():
        return frame.width * u, frame.height * 0.72
    top = np.where(dry.any(axis=0), np.argmax(dry, axis=0), frame.height).astype(np.float32)
    top = cv2.blur(top[None, :], (max(3, frame.width // 24) | 1, 1))[0]
    columns = np.arange(frame.width)
    inside = np.abs(columns / frame.width - 0.5)
    score = top / frame.height + 0.55 * np.maximum(inside - 0.22, 0) * 2 + (top > 0.9 * frame.height) * 9.0
    best = int(np.argmin(score))
    row = int(np.argmax(dry[:, best])) if dry[:, best].any() else int(top[best])
    return float(best), float(min(row + 0.035 * frame.height, frame.height * 0.93))


def _push_apart(stage: Stage, subjects: list[PlacedSubject]) -> list[PlacedSubject]:
    """Push overlapping actors apart until no two share more than a quarter of the smaller one's width."""
    for _ in range(12):
        moved = False
        for a in range(len(subjects)):
            for b in range(a + 1, len(subjects)):
                left, right = sorted((subjects[a], subjects[b]), key=lambda k: k.box()[0] + k.box()[1])
                shared = left.box()[1] - right.box()[0]
                small = min(left.figure.rgba.shape[1], right.figure.rgba.shape[1])
                if shared > _MOST_OVERLAP * small:
                    push = (shared - 0.9 * _MOST_OVERLAP * small) / 2 + 1
                    left.x, right.x, moved = left.x - push, right.x + push, True
        if not moved:
            break
    return subjects


def _paint_subject(stage: Stage, subject: PlacedSubject, light: Light) -> Plane:
    floating = stage.prompt.scene in ("space", "underwater") or subject.where in ("air", "frame", "water")
    if subject.where == "water" and stage.wet is not None:
        _reflect(stage, subject)
    shadow = 0.0 if floating else 1.0
    if subject.name == "lighthouse":
        paint_beam(stage, subject.figure, subject.x, subject.y)
    before = stage.canvas.copy() if shadow else stage.canvas
    mask = place(stage.canvas, subject.figure, subject.x, subject.y, light=light, shadow=shadow)
    if shadow and np.isfinite(stage.depth).any():
        # A long shadow ends where the land ends.
        air = (np.isinf(stage.depth) | (stage.wet > 0.5 if stage.wet is not None else False)) & (mask == 0)
        stage.canvas[air] = before[air]
    glow(stage.canvas, subject.figure, subject.x, subject.y, 1.0 if stage.dark else 0.25)
    if shadow and stage.prompt.scene in ("hills", "mountain", "lake", "forest"):
        _paint_grass(stage, subject)
    return mask


def _paint_grass(stage: Stage, subject: PlacedSubject) -> None:
    """Grass in front of the feet, so that the subject stands in the meadow and not on it."""
    if "snow" in stage.prompt.weather or "road" in stage.prompt.features:
        return
    sprites = SpriteSet(stage, ("tuft",), 3)
    rng = stage.streams.rng("feet " + subject.name)
    left, right = subject.box()
    tall = 0.040 * stage.frame.height
    for u, down, size in rng.random((int(10 * (right - left) / tall / 8) + 4, 3)):
        x = left + (right - left) * (0.08 + 0.84 * u)
        sprites.set(x, subject.y + tall * (0.20 + 0.35 * down), tall * (0.7 + 0.6 * size), 1.0, rng)


def _paint_umbrella(stage: Stage, bearer: PlacedSubject, light: Light) -> Plane:
    """An umbrella in the bearer's outer hand, its canopy behind the head."""
    tall = bearer.figure.rgba.shape[0]
    figure = _render(stage, "umbrella", 0.80 * tall, light, bearer.facing)
    x = bearer.x + bearer.facing * 0.185 * tall
    return place(stage.canvas, figure, x, bearer.y - 0.40 * tall, light=light, shadow=0.0)


def _paint_rider(stage: Stage, rider: str, mount: PlacedSubject, light: Light) -> Plane:
    """The rider, smaller, with its hips on the mount's back and its legs in front of the flank."""
    tall = mount.figure.rgba.shape[0] * 0.66
    facing = 1 if mount.figure.seat is None or mount.figure.seat[0] < mount.figure.rgba.shape[1] / 2 else -1
    figure = _render(stage, f"{rider}:riding", tall, light, facing)
    seat = mount.figure.seat or (mount.figure.rgba.shape[1] / 2, mount.figure.rgba.shape[0] * 0.4)
    x = mount.x - mount.figure.base[0] + seat[0]
    y = mount.y - mount.figure.base[1] + seat[1] + 0.30 * figure.rgba.shape[0]
    return place(stage.canvas, figure, x, y, light=light, shadow=0.0)


def _reflect(stage: Stage, subject: PlacedSubject) -> None:
    """Lay the figure mirrored and broken by ripples on the water below it."""
    assert stage.wet is not None
    rgba = subject.figure.rgba[: max(1, int(subject.figure.base[1]))][::-1]
    h, w = rgba.shape[:2]
    ripple = strip(stage.streams, "ripple of " + subject.name, 256, cells=26, octaves=3) - 0.5
    row = np.arange(h, dtype=np.float32)
    shake = np.interp(row / h * 255, np.arange(256), ripple) * (0.02 + 0.10 * row / h) * h
    if stage.clock:
        shake = shake * np.cos(2.4 * stage.clock + 0.11 * row)
    map_x = (np.arange(w, dtype=np.float32)[None, :] + shake[:, None]).astype(np.float32)
    map_y = np.broadcast_to(row[:, None] + 0.3 * shake[:, None], map_x.shape).astype(np.float32)
    broken = cv2.remap(rgba, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    left, top = round(subject.x - subject.figure.base[0]), round(subject.y)
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(stage.frame.width, left + w), min(stage.frame.height, top + h)
    if x0 >= x1 or y0 >= y1:
        return
    piece = broken[y0 - top : y1 - top, x0 - left : x1 - left]
    fade = np.linspace(0.62 if stage.ground.get("crest") is None else 0.25, 0.10, h, dtype=np.float32)[
        y0 - top : y1 - top, None
    ]
    cover = piece[..., 3] * fade * stage.wet[y0:y1, x0:x1]
    stage.canvas[y0:y1, x0:x1] = mix(stage.canvas[y0:y1, x0:x1], piece[..., :3] * 0.86, cover[..., None])
