"""Accepted image formats, their file extensions and the pixel limit. Plain data, also used by the sandbox."""

from __future__ import annotations

TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}
"""Content type of each format, by Pillow's name for it."""
MAX_PIXELS = 40_000_000
EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
}
"""File extension of each content type."""
