"""Painting something new into the masked part of a photograph, from the words of a prompt."""

from __future__ import annotations

from engine.inpainting.masked_repaint import InpaintRequest, repaint
from engine.inpainting.masks import mask_from

__all__ = ["InpaintRequest", "mask_from", "repaint"]
