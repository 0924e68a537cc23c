"""Content of an inpainted hole: continued surroundings, a subject standing in them, or another scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from engine import painting
from engine.editing.fill import fill
from engine.editing.fill.smooth_fill import membrane
from engine.editing.image_repaint import repaint as paint_over
from engine.editing.prompt_picture import RepaintRequest as Edit
from engine.images.arrays import Mask, Picture, Pixels
from engine.inpainting import subject_cutouts
from engine.inpainting.ambient_light import light_around
from engine.inpainting.masks import box_of, depth_inside
from engine.painting import post_processing
from engine.painting.noise import fbm
from engine.painting.palette import pull_strength, tint_image
from engine.painting.prompt.interpretation import ParsedPrompt, parse_prompt
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.prompt.tokenizer import tokenize
from engine.painting.random_streams import Streams
from engine.painting.stage import smooth
from engine.painting.styles import STYLES, apply
from engine.painting.subjects import Figure, place

ProgressCallback = Callable[[float, Pixels | None], None]

MOST_FILLED = 0.6
"""Share of the image from which on a hole is painted from the prompt, not filled from its surroundings."""
MOST_CONTINUED = 0.9
"""The same where no word of the prompt names anything to paint."""
_SCENERY = frozenset({"scene", "feature", "time", "weather", "sky"})
_TOWARD_RING = 0.35
"""How far the colours of a painted scene are moved toward those around the hole, 0..1."""


MAX_EDIT_STRENGTH = 0.5
"""Strength up to which the masked part is only edited, not replaced."""
FULL_STRENGTH = 0.8
"""Strength from which on nothing of the masked part is kept."""


@dataclass(frozen=True)
class InpaintRequest:
    """Parameters of an inpainting. `quality` and `guidance` are relative to the model's defaults; `strength` 0..1."""

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    quality: float = 1.0
    guidance: float = 1.0
    strength: float = 1.0
    """1 ignores the masked part, 0 leaves it unchanged."""


def repaint(
    picture: Pixels, hole: Mask, request: InpaintRequest, on_progress: ProgressCallback | None = None
) -> Pixels:
    """`picture` (uint8 RGB) with the hole repainted; every pixel outside the hole is returned unchanged.

    `on_progress` gets a non-decreasing fraction 0..1 and the unfinished image, or None.
    """
    report = on_progress or (lambda fraction, preview: None)
    if not hole.any() or request.strength <= 0:
        return picture.copy()
    prompt = parse_prompt(request.prompt, request.negative_prompt)
    guidance = float(np.clip(request.guidance, 0, 2))
    if request.strength <= MAX_EDIT_STRENGTH:
        new = _edited(picture, hole, request, report)
    else:
        new = _with_original_tones(
            picture, _Canvas(picture, hole, request, prompt, guidance, report).painted(), request.strength
        )
    out = picture.copy()
    out[hole] = (np.clip(new[hole], 0, 1) * 255 + 0.5).astype(np.uint8)
    report(1.0, out)
    return out


def _kinds(text: str, prompt: ParsedPrompt) -> frozenset[str]:
    """The kinds of the prompt's known words: subject, scene, colour and so on."""
    known = set(prompt.known)
    return frozenset(
        m.partition(":")[0] for word in tokenize(text) if word.text in known for m in word.meanings
    )


@dataclass
class _Canvas:
    """State of one repainting."""

    picture: Pixels
    hole: Mask
    request: InpaintRequest
    prompt: ParsedPrompt
    guidance: float
    on_progress: ProgressCallback

    def __post_init__(self) -> None:
        self.streams = Streams(f"repaint|{self.prompt.layout_key}", self.request.seed)
        self.depth = depth_inside(self.hole)
        top, bottom, left, right = box_of(self.hole)
        self.size = min(bottom - top, right - left)
        self.room = (slice(top, bottom), slice(left, right))

    def painted(self) -> Picture:
        """The new image, float32 0..1; only the hole's pixels of it are used."""
        kinds = _kinds(self.request.prompt, self.prompt)
        share = float(self.hole.mean())
        if share > (MOST_FILLED if kinds else MOST_CONTINUED):
            return self._scenery(self._soft_ground(), 0.05)
        drawing = bool(kinds & (_SCENERY | {"subject"}))
        ground = self._continued(0.5 if drawing else 0.9)
        if self.prompt.subjects:
            return self._styled(self._with_subjects(ground))
        if kinds & _SCENERY:
            return self._scenery(ground, 0.5)
        return self._styled(self._tinted(ground))

    def _soft_ground(self) -> Picture:
        return np.asarray(membrane(_floats(self.picture), self.hole), np.float32)

    def _continued(self, share: float) -> Picture:
        """The hole filled from its surroundings; this takes `share` of the work."""
        filled = fill(
            self.picture,
            self.hole,
            seed=self.request.seed,
            on_progress=lambda f, preview: self.on_progress(share * f, preview),
        )
        self.on_progress(share, filled)
        return _floats(filled)

    def _with_subjects(self, ground: Picture) -> Picture:
        """The subjects composited into `ground`, in the light around the hole and with the photograph's grain."""
        light, dark = light_around(_floats(self.picture), self.hole)
        shape = (self.room[1].stop - self.room[1].start) / (self.room[0].stop - self.room[0].start)
        outline = subject_cutouts.outline(self.prompt, self.streams, light, shape)
        on_ground = subject_cutouts.stands_on_ground(self.prompt)
        close = any(name == "bust" or name.endswith(":face") for name in self.prompt.subjects)
        fitted = subject_cutouts.fit(outline[..., 3], self.hole, low=on_ground or close, cut=close)
        light = subject_cutouts.contrasting_light(
            light, outline, ground[fitted.top : fitted.top + fitted.height, fitted.left :]
        )
        rgba = subject_cutouts.group(
            self.prompt, self.streams, fitted.height, light, dark=dark, guidance=self.guidance, shape=shape
        )
        tall, wide = rgba.shape[:2]
        base = (wide / 2, 0.985 * tall)
        middle = fitted.left + outline.shape[1] / outline.shape[0] * fitted.height / 2
        canvas = ground.copy()
        figure = Figure(rgba, base, None, None)
        alpha = place(
            canvas, figure, middle, fitted.top + base[1], light=light, shadow=0.9 if on_ground else 0.0
        )
        if self.request.quality < 0.6:
            canvas = post_processing.brushwork(
                self.streams, np.clip(canvas, 0, 1), self.request.quality, 0.30
            )
        canvas += (alpha * self._grain())[..., None]
        self.on_progress(0.85, _bytes(canvas))
        weight = np.maximum(
            alpha * np.clip(self.depth / 1.5, 0, 1), smooth(0, max(2.0, 0.12 * self.size), self.depth)
        )
        return _between(ground, canvas, weight)

    def _grain(self) -> Picture:
        """Noise as strong as the photograph's in smooth areas."""
        grey = cv2.cvtColor(self.picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
        steps = np.abs(cv2.Laplacian(grey, cv2.CV_32F))[~self.hole]
        # A Laplacian amplifies noise 4.5 times; the quietest third of an image contains little else.
        level = min(0.02, float(np.quantile(steps, 0.33)) / (4.47 * 0.43)) if steps.size else 0.0
        noise = self.streams.rng("grain").standard_normal(self.hole.shape, dtype=np.float32)
        return np.asarray(np.float32(level) * noise, np.float32)

    def _scenery(self, ground: Picture, reach: float) -> Picture:
        """The prompt's scene in the hole, blended into `ground` within `reach` of its half width from the rim."""
        height, width = self.hole.shape
        room = self.room if self.prompt.subjects else (slice(0, height), slice(0, width))
        size = room[1].stop - room[1].start, room[0].stop - room[0].start

        def report(fraction: float, preview: Pixels | None) -> None:
            self.on_progress(
                0.5 + 0.45 * fraction, None if preview is None else self._preview(ground, room, preview)
            )

        made = painting.paint(
            self.request.prompt, negative_prompt=self.request.negative_prompt, width=size[0], height=size[1],
            seed=self.request.seed, quality=self.request.quality, guidance=self.guidance, progress=report,
        )  # fmt: skip
        scene = ground.copy()
        scene[room] = _floats(made.pixels)
        if self.hole.all():
            return scene
        scene = self._toward_ring(scene)
        wide = max(1.5, reach * float(self.depth.max()))
        uneven = fbm(self.streams, "seam", height, width, cells=9, octaves=5) - 0.5
        weight = smooth(
            0.06, 1.0, self.depth / np.float32(wide) + 0.7 * uneven * np.clip(self.depth / (0.3 * wide), 0, 1)
        )
        return _between(ground, scene, np.where(self.depth > 0, weight, 0).astype(np.float32))

    def _preview(self, ground: Picture, room: tuple[slice, slice], part: Pixels) -> Pixels:
        """A preview of the unfinished scene at its place in the image."""
        scale = part.shape[0] / (room[0].stop - room[0].start)
        size = max(1, round(self.hole.shape[1] * scale)), max(1, round(self.hole.shape[0] * scale))
        small = cv2.resize(_bytes(ground), size, interpolation=cv2.INTER_AREA)
        free = cv2.resize(self.hole.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
        top, left = (min(round(s.start * scale), n - 1) for s, n in zip(room, small.shape[:2], strict=True))
        into = small[top : top + part.shape[0], left : left + part.shape[1]]
        inside = free[top : top + into.shape[0], left : left + into.shape[1]]
        into[inside] = part[: into.shape[0], : into.shape[1]][inside]
        return np.asarray(small, np.uint8)

    def _toward_ring(self, scene: Picture) -> Picture:
        """The scene with its mean colour moved toward the photograph's around the hole."""
        near = max(8.0, 0.25 * self.size)
        outside = cv2.distanceTransform((~self.hole).astype(np.uint8), cv2.DIST_L2, 5)
        ring = (outside > 0) & (outside < near)
        lab = cv2.cvtColor(np.clip(scene, 0, 1), cv2.COLOR_RGB2Lab)
        around = cv2.cvtColor(_floats(self.picture), cv2.COLOR_RGB2Lab)[ring].mean(axis=0)
        lab += np.float32(_TOWARD_RING) * (around - lab[self.hole].mean(axis=0)).astype(np.float32)
        return np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0, 1)

    def _tinted(self, ground: Picture) -> Picture:
        """The ground tinted by the prompt's colour words."""
        wanted = [c for c in self.prompt.colours_of("*") if c in COLOURS]
        if not wanted:
            return ground
        k = min(1.0, 1.5 * pull_strength(self.guidance)) * smooth(0, max(1.5, 0.08 * self.size), self.depth)
        return tint_image(ground, wanted[0], np.asarray(k, np.float32))

    def _styled(self, image: Picture) -> Picture:
        """The prompt's style applied to the repainted part, fading in from its rim."""
        if self.prompt.style not in STYLES:
            return image
        made = apply(self.prompt.style, image, streams=self.streams, quality=self.request.quality)
        return _between(
            image, np.asarray(made, np.float32), smooth(0, max(2.0, 0.10 * self.size), self.depth)
        )


def _edited(picture: Pixels, hole: Mask, request: InpaintRequest, on_progress: ProgressCallback) -> Picture:
    """The masked part edited by the prompt instead of replaced, fading in from the mask's rim."""
    edit = Edit(
        request.prompt,
        request.negative_prompt,
        request.seed,
        request.strength,
        request.quality,
        request.guidance,
    )
    new = _floats(
        paint_over(picture, edit, progress=lambda fraction, preview: on_progress(0.95 * fraction, preview))
    )
    depth = depth_inside(hole)
    soft = max(1.5, 0.05 * min(float(depth.max()), max(hole.shape)))
    return _between(_floats(picture), new, np.clip(depth / np.float32(soft), 0, 1))


def _with_original_tones(picture: Pixels, new: Picture, strength: float) -> Picture:
    """The new image with some of the original tones, at strengths below `FULL_STRENGTH`."""
    held = 1 - float(np.clip((strength - MAX_EDIT_STRENGTH) / (FULL_STRENGTH - MAX_EDIT_STRENGTH), 0, 1))
    if held == 0:
        return new
    broad = max(2.0, 0.03 * max(new.shape))
    tone = cv2.GaussianBlur(_floats(picture), (0, 0), broad) - cv2.GaussianBlur(new, (0, 0), broad)
    return np.asarray(new + np.float32(0.7 * held) * tone, np.float32)


def _floats(picture: Pixels) -> Picture:
    return np.asarray(picture, np.float32) / np.float32(255)


def _bytes(image: Picture) -> Pixels:
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def _between(a: Picture, b: Picture, weight: Picture) -> Picture:
    return np.asarray(a + (b - a) * np.asarray(weight, np.float32)[..., None], np.float32)
