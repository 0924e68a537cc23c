"""Inpainting: the masked part of a photograph repainted from a prompt."""

from __future__ import annotations

from engine.inpainting.masked_repaint import InpaintRequest, repaint
from engine.inpainting.masks import mask_from

__all__ = ["InpaintRequest", "mask_from", "repaint"]
