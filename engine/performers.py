"""Functions that run each model that the engine serves, by `owner/name`.

Imports everything that any model needs, so only the engine's process loads it; web processes read the names from
`published_models` instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import painting
from engine.animation import animate_diff, stable_diffusion_animation
from engine.background import background_removal
from engine.editing import image_to_image
from engine.inpainting import object_removal, stable_diffusion_inpainting
from engine.input_settings import parse_input
from engine.models import MODELS, Model
from engine.painting.text_to_image import perform as paint_text_to_image
from engine.protocol.job_output import JobOutput, Refusal

Perform = Callable[[dict[str, Any], JobOutput, int], None]
"""Takes the input, the `JobOutput`, and a seed to use where none was given. Raises `Refusal`; its text is `error`."""


def _painting(model: Model) -> Perform:
    def perform(inputs: dict[str, Any], output: JobOutput, drawn_seed: int) -> None:
        settings = parse_input(model, inputs, drawn_seed=drawn_seed)
        if model.is_inpainting(inputs):
            stable_diffusion_inpainting.paint_into(
                model, settings, inputs, output, strength=settings.strength or 0.0
            )
        elif model.is_image_to_image(inputs):
            image_to_image.perform(model, settings, inputs, output)
        else:
            paint_text_to_image(model, settings, output, painting)

    return perform


PERFORMERS: dict[str, Perform] = {
    **{name: _painting(model) for name, model in MODELS.items()},
    stable_diffusion_inpainting.MODEL.name: stable_diffusion_inpainting.perform,
    object_removal.NAME: object_removal.perform,
    background_removal.NAME: background_removal.perform,
    stable_diffusion_animation.NAME: stable_diffusion_animation.perform,
    animate_diff.NAME: animate_diff.perform,
}
"""The function of each shipped model, by `owner/name`; the same names as `published_models.refs()`."""


def performer(name: str) -> Perform:
    """The function of the model `owner/name`. Raises `Refusal` where the engine does not serve it."""
    try:
        return PERFORMERS[name]
    except KeyError:
        raise Refusal(f"The embedded engine does not serve {name[:200]}.") from None
