"""The kinds of pictures that are opened here, and how large they may be. Plain data: also for the child processes."""

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
"""How the file of each content type is called."""
