"""The project's settings with one more address, `/hello`, behind all middleware."""

from __future__ import annotations

from config.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.parts.urls"
