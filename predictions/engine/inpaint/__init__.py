"""Painting something new into the masked part of a photograph, from the words of a prompt."""

from __future__ import annotations

from .masks import mask_from
from .painting import Wish, repaint

__all__ = ["Wish", "mask_from", "repaint"]
