"""Which function makes what a model makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from predictions.engine.desk import Desk
from predictions.local import animation, clips, stills
from predictions.local.settings import ANIMATE_DIFF, ModelSettings
from predictions.local.studio import Studio

_OTHERS = {animation.NAME: animation.perform, ANIMATE_DIFF: clips.perform}


def perform(
    model: ModelSettings,
    given: dict[str, Any],
    desk: Desk,
    drawn_seed: int,
    studio: Studio,
    stop: Callable[[], bool],
) -> None:
    """Do what one request asks of a model. Raises `Refusal`, `Stopped`, and what torch raises."""
    _OTHERS.get(model.name, stills.perform)(model, given, desk, drawn_seed, studio, stop)
