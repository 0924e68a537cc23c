"""Which function makes what a model makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from predictions.engine.desk import Desk
from predictions.local import stills
from predictions.local.settings import ModelSettings
from predictions.local.studio import Studio


def perform(
    model: ModelSettings,
    given: dict[str, Any],
    desk: Desk,
    drawn_seed: int,
    studio: Studio,
    stop: Callable[[], bool],
) -> None:
    """Do what one request asks of a model. Raises `Refusal`, `Stopped`, and what torch raises."""
    stills.perform(model, given, desk, drawn_seed, studio, stop)
