"""Rendering of a design: relief, normals, light, and layer upon layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Picture, Plane
from engine.painting.random_streams import Streams
from engine.painting.subjects.design import Design, Layer, Mark, Rgb, hex_rgb
from engine.painting.subjects.materials import MATERIALS, Material, Textures
from engine.painting.subjects.patterns import KINDS
from engine.painting.subjects.primitives import Box, Shape, union_bounds

_BLUR = 0.0085  # of the figure's height: what makes clay of a faceted relief
_GAMMA = 2.0  # near enough to sRGB, and a square root is cheap


@dataclass(frozen=True)
class Light:
    """The light of a scene: colours are sRGB 0..1; `direction` is a unit vector toward the sun.

    x runs to the right, **y up**, z toward the viewer: (0, 1, 0) is noon, z < 0 is a sun behind the figure.
    `sun` is the direct light, `ambient` the sky's, `rim` the glow along the edges that face the sun.
    """

    direction: tuple[float, float, float] = (-0.45, 0.62, 0.64)
    sun: Rgb = (1.0, 0.95, 0.86)
    ambient: Rgb = (0.50, 0.54, 0.62)
    rim: Rgb = (0.55, 0.58, 0.65)


@dataclass
class Canvas:
    """What has been painted so far: premultiplied linear colour, coverage, and own light (linear)."""

    x: Plane
    y: Plane
    scale: float
    rgb: Picture
    alpha: Plane
    glow: Picture
    textures: Textures


class _Lamp:
    """A light in linear numbers, with what every layer needs worked out once."""

    def __init__(self, light: Light) -> None:
        x, y, z = light.direction
        # A sun behind the figure still leaves it some form: the eye's own fill light.
        z = max(z, 0.22)
        norm = math.sqrt(x * x + y * y + z * z) or 1.0
        self.direction = (x / norm, y / norm, z / norm)
        half = (x / norm, y / norm, z / norm + 1)
        size = math.sqrt(half[0] ** 2 + half[1] ** 2 + half[2] ** 2)
        self.half = (half[0] / size, half[1] / size, half[2] / size)
        flat = math.hypot(self.direction[0], self.direction[1]) or 1.0
        self.flat = (self.direction[0] / flat, self.direction[1] / flat)
        self.sun = _linear(light.sun) * np.float32(0.98)
        self.sky = _linear(light.ambient) * np.float32(1.25)
        self.ground = self.sky * np.float32(0.34) + self.sun * np.array([0.10, 0.085, 0.065], np.float32)
        self.rim = _linear(light.rim)
        self.level = float(np.clip(self.sun.mean() * 0.8 + self.sky.mean(), 0.02, 1.0))


def _linear(rgb: Rgb) -> NDArray[np.float32]:
    return np.asarray(rgb, np.float32) ** np.float32(_GAMMA)


def tone(spec: str, palette: dict[str, Rgb]) -> NDArray[np.float32]:
    """Linear colour of `#rrggbb` or a palette name, with `:0.7` darkened and `:1.3` lightened."""
    name, _, factor = spec.partition(":")
    rgb = np.asarray(hex_rgb(name) if name.startswith("#") else palette[name], np.float32)
    amount = float(factor) if factor else 1.0
    rgb = rgb * amount if amount <= 1 else rgb + (1 - rgb) * (amount - 1)
    return np.clip(rgb, 0.012, 1).astype(np.float32) ** np.float32(_GAMMA)


def new_canvas(box: Box, height_px: int, streams: Streams, name: str) -> Canvas:
    """An empty canvas for `box` (in figure heights) that is `height_px` high; `name` keys its textures."""
    scale = height_px / (box[3] - box[1])
    width = max(4, round((box[2] - box[0]) * scale))
    xs = (box[0] + (np.arange(width, dtype=np.float32) + 0.5) / scale)[None]
    ys = (box[1] + (np.arange(height_px, dtype=np.float32) + 0.5) / scale)[:, None]
    xs, ys = xs.astype(np.float32), ys.astype(np.float32)
    return Canvas(
        x=xs,
        y=ys,
        scale=scale,
        rgb=np.zeros((height_px, width, 3), np.float32),
        alpha=np.zeros((height_px, width), np.float32),
        glow=np.zeros((height_px, width, 3), np.float32),
        textures=Textures(streams, name, xs, ys, scale),
    )


def paint(canvas: Canvas, design: Design, palette: dict[str, Rgb], light: Light) -> None:
    """Paint every layer of `design`, back to front."""
    lamp = _Lamp(light)
    for layer in design.layers:
        _paint_layer(canvas, layer, palette, lamp)


def _window(canvas: Canvas, shapes: tuple[Shape, ...], margin: float) -> tuple[slice, slice] | None:
    left, top, right, bottom = union_bounds(shapes)
    pad = margin + 4 / canvas.scale
    x0 = int(np.searchsorted(canvas.x[0], left - pad))
    x1 = int(np.searchsorted(canvas.x[0], right + pad))
    y0 = int(np.searchsorted(canvas.y[:, 0], top - pad))
    y1 = int(np.searchsorted(canvas.y[:, 0], bottom + pad))
    return (slice(y0, y1), slice(x0, x1)) if x1 - x0 > 1 and y1 - y0 > 1 else None


def _melt(shapes: tuple[Shape, ...], x: Plane, y: Plane, blend: float) -> tuple[Plane, Plane]:
    """Smooth union: distance by polynomial minimum, swelling by a 4-norm, which fattens joints a little."""
    size = np.broadcast_shapes(x.shape, y.shape)
    distance = np.full(size, 9.0, np.float32)
    swelling = np.zeros(size, np.float32)
    for shape in shapes:
        left, top, right, bottom = shape.bounds()
        reach = blend + 0.05
        c0, c1 = np.searchsorted(x[0], (left - reach, right + reach))
        r0, r1 = np.searchsorted(y[:, 0], (top - reach, bottom + reach))
        if c1 <= c0 or r1 <= r0:
            continue
        here = (slice(int(r0), int(r1)), slice(int(c0), int(c1)))
        d, h = shape.field(x[:, here[1]], y[here[0]])
        old = distance[here]
        lap = np.maximum(blend - np.abs(old - d), 0) if blend > 0 else np.float32(0)
        distance[here] = np.minimum(old, d) - lap * lap * np.float32(0.25 / max(blend, 1e-6))
        h *= h
        swelling[here] += h * h
    return distance, np.sqrt(np.sqrt(swelling))


def _paint_layer(canvas: Canvas, layer: Layer, palette: dict[str, Rgb], lamp: _Lamp) -> None:
    material = MATERIALS[layer.material]
    window = _window(canvas, layer.shapes, max(layer.blend * 0.5, material.ragged) + 0.004)
    if window is None:
        return
    rows, cols = window
    x, y = canvas.x[:, cols], canvas.y[rows]
    distance, height = _melt(layer.shapes, x, y, layer.blend)
    texture = _texture(canvas, material, layer, rows, cols)
    if material.ragged:
        distance += np.float32(material.ragged) * texture
    for cut in layer.cuts:
        np.maximum(distance, -cut.field(x, y)[0], out=distance)
    alpha = np.clip(np.float32(0.5) - distance * np.float32(canvas.scale), 0, 1)
    if layer.joints:
        alpha = _fade_joints(alpha, layer, x, y, canvas.alpha[window])
    albedo = _albedo(canvas, layer, material, palette, window, texture)
    if material.ink:
        lit = albedo * np.float32(1.0 if layer.glow else lamp.level)
    else:
        lit = _light(albedo, height * np.float32(layer.bulge), texture, layer, material, canvas.scale, lamp)
    if layer.glow:
        # A lamp is outshone by day: what it adds shrinks with the light around.
        own = np.broadcast_to(albedo, lit.shape) * np.float32(layer.glow)
        lit = np.maximum(lit, own) if material.ink else lit + own * np.float32(1 - 0.7 * lamp.level)
    _lay_over(canvas, window, lit, alpha, layer, lamp)


def _fade_joints(alpha: Plane, layer: Layer, x: Plane, y: Plane, behind: Plane) -> Plane:
    """Let a limb grow out of what is behind it; where nothing is behind it stays whole."""
    for jx, jy, radius in layer.joints:
        away = np.sqrt((x - np.float32(jx)) ** 2 + (y - np.float32(jy)) ** 2)
        fade = np.clip((away / np.float32(radius) - 0.3) / 0.7, 0, 1)
        alpha = alpha * np.maximum(fade, 1 - behind)
    return alpha


def _texture(canvas: Canvas, material: Material, layer: Layer, rows: slice, cols: slice) -> Plane:
    if material.ink or (material.grain == 0 and material.bump == 0):
        return np.zeros((rows.stop - rows.start, cols.stop - cols.start), np.float32)
    if material.hair:
        return canvas.textures.hair(rows, cols, layer.flow)
    return canvas.textures.grain(rows, cols)


def _albedo(
    canvas: Canvas,
    layer: Layer,
    material: Material,
    palette: dict[str, Rgb],
    window: tuple[slice, slice],
    texture: Plane,
) -> Picture:
    rows, cols = window
    x, y = canvas.x[:, cols], canvas.y[rows]
    base = tone(layer.colour, palette)
    if material.ink and not layer.marks and layer.pattern is None:
        return base[None, None]
    albedo = np.broadcast_to(base, (*texture.shape, 3)).astype(np.float32)
    if layer.pattern is not None:
        kind = KINDS[layer.pattern.kind]
        weight = kind(x, y, layer.pattern.scale, canvas.textures, rows, cols) * layer.pattern.strength
        albedo += weight[..., None] * (tone(layer.pattern.colour, palette) - albedo)
    for mark in layer.marks:
        weight = _mark_weight(mark, x, y, material, texture, canvas.scale)
        albedo += weight[..., None] * (tone(mark.colour, palette) - albedo)
    if material.grain:
        albedo *= np.clip(1 + np.float32(material.grain * 1.6) * texture, 0.4, 1.7)[..., None]
    return albedo


def _mark_weight(mark: Mark, x: Plane, y: Plane, material: Material, texture: Plane, scale: float) -> Plane:
    distance, _ = _melt(mark.shapes, x, y, 0.02)
    if material.hair:
        distance = distance + np.float32(0.012) * texture
    width = max(mark.soft, 1 / scale)
    ramp = np.clip(0.5 - distance / np.float32(width), 0, 1)
    return ramp * ramp * (3 - 2 * ramp) * np.float32(mark.strength)


def _light(
    albedo: Picture,
    height: Plane,
    texture: Plane,
    layer: Layer,
    material: Material,
    scale: float,
    lamp: _Lamp,
) -> Picture:
    """Linear colour of a relief under the lamp: sky and ground, sun, edge, highlight and reflection."""
    nx, ny, nz, occlusion = _normals(height, texture, layer, material, scale)
    lx, ly, lz = lamp.direction
    facing = nx * lx + ny * ly + nz * lz
    wrap = material.wrap
    diffuse = np.clip((facing + wrap) / (1 + wrap), 0, 1)
    up = np.clip(0.5 + 0.5 * ny + 0.15 * nz, 0, 1)
    light = lamp.ground + up[..., None] * (lamp.sky - lamp.ground)
    light *= occlusion[..., None]
    light += (diffuse * (0.55 + 0.45 * occlusion))[..., None] * lamp.sun
    lit = albedo * light
    edge = (1 - nz) ** 2
    toward = np.clip(0.25 + 0.75 * (nx * lamp.flat[0] + ny * lamp.flat[1]), 0, 1)
    lit += (edge * toward * 0.55)[..., None] * lamp.rim * (0.35 + 0.65 * albedo)
    hx, hy, hz = lamp.half
    shine = np.clip(nx * hx + ny * hy + nz * hz, 0, 1) ** np.float32(material.power)
    lit += (shine * np.float32(material.spec))[..., None] * (lamp.sun + np.float32(0.15) * lamp.sky)
    if material.mirror:
        lit = _reflect(lit, albedo, ny, nz, material, lamp)
    return lit


def _normals(
    height: Plane, texture: Plane, layer: Layer, material: Material, scale: float
) -> tuple[Plane, Plane, Plane, Plane]:
    """Unit normals (y up) and how open each point is to the sky."""
    size = float(height.max()) or 0.01
    # Small things keep their form: never smooth by more than a third of the swelling.
    sigma = min(_BLUR * layer.soft * material.smooth, 0.33 * size) * scale
    if sigma > 0.3:
        height = cv2.GaussianBlur(height, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    wide = max(3, int(0.05 * scale) | 1)
    around = cv2.blur(height, (wide, wide), borderType=cv2.BORDER_REPLICATE)
    occlusion = np.clip(1 - 9.0 * np.maximum(around - height, 0) / (size + 0.04), 0.35, 1)
    if material.bump:
        height = height + np.float32(material.bump) * texture
    gain = scale / 8
    gx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=gain, borderType=cv2.BORDER_REPLICATE)
    gy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=gain, borderType=cv2.BORDER_REPLICATE)
    nz = 1 / np.sqrt(1 + gx * gx + gy * gy)
    return -gx * nz, gy * nz, nz, occlusion


def _reflect(lit: Picture, albedo: Picture, ny: Plane, nz: Plane, material: Material, lamp: _Lamp) -> Picture:
    """Mix in a simple mirrored world: a bright sky above a dark ground, sharp at the horizon."""
    skyward = np.clip((2 * ny * nz + 0.10) / 0.40 + 0.5, 0, 1)
    lift = np.clip(ny, 0, 1)
    sky = lamp.sky * np.float32(1.5) + lamp.sun * np.float32(0.55)
    world = lamp.ground * np.float32(0.5) + (skyward * (1 - 0.45 * lift))[..., None] * (
        sky - lamp.ground * 0.5
    )
    if material.metal:
        world = world * (1 + np.float32(material.metal) * (albedo * np.float32(1.5) - 1))
    share = material.mirror * (0.35 + 0.65 * material.metal + 0.65 * (1 - nz) ** 2)
    share = np.clip(share, 0, 0.9)[..., None]
    keep = 1 - share if material.metal else 1 - 0.5 * share
    return lit * keep + world * share


def _lay_over(
    canvas: Canvas, window: tuple[slice, slice], lit: Picture, alpha: Plane, layer: Layer, lamp: _Lamp
) -> None:
    rows, cols = window
    if layer.shade and not MATERIALS[layer.material].ink:
        _shade_behind(canvas, window, alpha, layer.shade, lamp)
    cover = alpha[..., None]
    canvas.rgb[rows, cols] += cover * (lit - canvas.rgb[rows, cols])
    canvas.alpha[rows, cols] += alpha * (1 - canvas.alpha[rows, cols])
    own = lit * np.float32(min(layer.glow, 1.0)) if layer.glow else np.float32(0)
    canvas.glow[rows, cols] += cover * (own - canvas.glow[rows, cols])


def _shade_behind(
    canvas: Canvas, window: tuple[slice, slice], alpha: Plane, shade: float, lamp: _Lamp
) -> None:
    """Darken what lies behind by the soft shadow of `alpha`, pushed away from the sun."""
    reach = max(3, int(0.04 * canvas.scale))
    rows, cols = window
    grown = (
        slice(max(rows.start - reach, 0), min(rows.stop + reach, canvas.alpha.shape[0])),
        slice(max(cols.start - reach, 0), min(cols.stop + reach, canvas.alpha.shape[1])),
    )
    if not canvas.alpha[grown].any():
        return
    mask = np.zeros((grown[0].stop - grown[0].start, grown[1].stop - grown[1].start), np.float32)
    dx = round(-lamp.direction[0] * 0.014 * canvas.scale)
    dy = round(lamp.direction[1] * 0.014 * canvas.scale)
    top = max(rows.start - grown[0].start + dy, 0)
    left = max(cols.start - grown[1].start + dx, 0)
    alpha = alpha[: mask.shape[0] - top, : mask.shape[1] - left]
    mask[top : top + alpha.shape[0], left : left + alpha.shape[1]] = alpha
    wide = max(3, int(0.022 * canvas.scale) | 1)
    mask = cv2.blur(cv2.blur(mask, (wide, wide)), (wide, wide))
    canvas.rgb[grown] *= (1 - np.float32(0.5 * shade) * mask)[..., None]


def finish(canvas: Canvas) -> tuple[Picture, Picture | None]:
    """Straight-alpha sRGB h x w x 4 and the figure's own light (None where it has none)."""
    cover = np.maximum(canvas.alpha, np.float32(1e-3))[..., None]
    rgb = canvas.rgb / cover
    # Linear up to 0.75, then a soft shoulder: chosen colours stay, highlights do not burn.
    over = np.maximum(rgb - np.float32(0.75), 0)
    rgb = np.minimum(rgb, np.float32(0.75)) + over / (1 + np.float32(2.6) * over)
    rgba = np.dstack([np.sqrt(np.clip(rgb, 0, 1)), canvas.alpha]).astype(np.float32)
    glow = np.sqrt(np.clip(canvas.glow, 0, 1)) if canvas.glow.any() else None
    return rgba, glow
