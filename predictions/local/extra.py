"""Is the extra `local` installed? Asked without importing any of it."""

from __future__ import annotations

from importlib.util import find_spec

NEEDED = ("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors")


def missing() -> list[str]:
    """The packages of the extra that are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def sentence(names: list[str]) -> str:
    """What to do about it, in one sentence."""
    verb = "is" if len(names) == 1 else "are"
    return (
        f"Real weights need the extra darkroom[local], and {', '.join(names)} {verb} not installed on this server: "
        "pip install --require-hashes -r requirements/local.txt"
    )
