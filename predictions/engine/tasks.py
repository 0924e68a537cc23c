"""Who does what: the function behind each model that the engine serves.

Imports everything that any of them needs, once, in the painters' process; the web processes read the names in
`models` instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from predictions.engine import (
    animate_diff,
    animation,
    background_removal,
    image_to_image,
    inpainting,
    object_removal,
    paint,
)
from predictions.engine.desk import Desk
from predictions.engine.models import MODELS, Model
from predictions.engine.refusal import Refusal
from predictions.engine.settings import understand_input
from predictions.engine.text_to_image import perform as paint_words

Perform = Callable[[dict[str, Any], Desk, int], None]
"""Takes the input, the desk, and a seed for where none was given. Raises `Refusal`, whose text is the `error`."""


def _painting(model: Model) -> Perform:
    def perform(given: dict[str, Any], desk: Desk, drawn_seed: int) -> None:
        settings = understand_input(model, given, drawn_seed=drawn_seed)
        if model.works_within_a_mask(given):
            inpainting.paint_into(model, settings, given, desk, strength=settings.strength or 0.0)
        elif model.works_from_a_picture(given):
            image_to_image.perform(model, settings, given, desk)
        else:
            paint_words(model, settings, desk, paint)

    return perform


PERFORMERS: dict[str, Perform] = {
    **{name: _painting(model) for name, model in MODELS.items()},
    inpainting.MODEL.name: inpainting.perform,
    object_removal.NAME: object_removal.perform,
    background_removal.NAME: background_removal.perform,
    animation.NAME: animation.perform,
    animate_diff.NAME: animate_diff.perform,
}
"""The function of every model, by `owner/name`; the same names as in `models.MODELS` and `models.OTHERS`."""


def performer(name: str) -> Perform:
    """The function of the model `owner/name`. Raises `Refusal` where the engine does not serve it."""
    try:
        return PERFORMERS[name]
    except KeyError:
        raise Refusal(f"The embedded engine does not serve {name[:200]}.") from None
