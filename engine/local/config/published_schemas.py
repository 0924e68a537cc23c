"""What the published models promise of their inputs, read from the schemas that the catalogue itself is made from."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parents[3] / "predictions" / "catalogue" / "data" / "models"


@lru_cache(maxsize=16)
def properties(model: str) -> dict[str, dict[str, Any]]:
    """The schema of each input of `owner/name`, by its name."""
    path = _FOLDER / f"{model.replace('/', '__')}.json"
    found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["input_schema"][
        "properties"
    ]
    return found


def defaults(model: str) -> dict[str, Any]:
    """The published default of every input that has one."""
    return {name: one["default"] for name, one in properties(model).items() if "default" in one}


def choices(model: str, name: str) -> tuple[Any, ...]:
    """The values that an input may have; empty where they are not listed."""
    return tuple(properties(model).get(name, {}).get("enum", ()))


def limits(model: str, name: str) -> tuple[float | None, float | None]:
    """The least and the greatest value of an input, None where there is none."""
    schema = properties(model).get(name, {})
    return schema.get("minimum"), schema.get("maximum")
