"""The published scheduler names, as diffusers classes."""

from __future__ import annotations

from typing import Any

CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "DDIM": ("DDIMScheduler", {}),
    "DPMSolverMultistep": ("DPMSolverMultistepScheduler", {}),
    "HeunDiscrete": ("HeunDiscreteScheduler", {}),
    "KarrasDPM": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "K_EULER": ("EulerDiscreteScheduler", {}),
    "K_EULER_ANCESTRAL": ("EulerAncestralDiscreteScheduler", {}),
    "KLMS": ("LMSDiscreteScheduler", {}),
    "PNDM": ("PNDMScheduler", {"skip_prk_steps": True}),
}
"""Scheduler class, and arguments that override the weights' own configuration."""


def make(name: str, own: Any, **more: Any) -> Any:
    """A new scheduler for one run. `own` is the one that came with the weights; an empty name means its class.
    `more` overrides its configuration.

    Always a new one: schedulers keep state, and `from_config` takes over every field of another class.
    """
    import diffusers

    if not name:
        return type(own).from_config(own.config, **more)
    kind, extra = CLASSES[name]
    return getattr(diffusers, kind).from_config(own.config, **{**extra, **more})
