"""The models that ship with the catalogue, as they are published: names, inputs, defaults and limits from their JSON.

The one place where the engine reads the catalogue's files; the web processes import it too, so it stays free of NumPy
and OpenCV and reads no file on import.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from engine import fixtures

FOLDER = Path(__file__).resolve().parents[1] / "predictions" / "catalogue" / "data" / "models"
"""One `<owner>__<name>.json` for each model; README.md there describes the fields."""

RATIOS: dict[str, tuple[int, int]] = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
    "3:4": (896, 1152),
    "4:3": (1152, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}
"""Width and height in pixels of each published aspect ratio."""


@cache
def refs() -> frozenset[str]:
    """`owner/name` of every model that ships with the catalogue; each has a performer (`engine.performers`)."""
    return frozenset(path.stem.replace("__", "/", 1) for path in FOLDER.glob("*.json"))


def served_models(conformance: bool) -> frozenset[str]:
    """`owner/name` of every model that an engine serves; `conformance` adds the fixture models."""
    return refs() | (fixtures.NAMES if conformance else frozenset())


def file_of(model: str) -> Path:
    """The JSON of the shipped model `owner/name`."""
    return FOLDER / f"{model.replace('/', '__')}.json"


@cache
def properties(model: str) -> dict[str, dict[str, Any]]:
    """The schema of each input of the shipped model `owner/name`, by its name, in published order."""
    entry = json.loads(file_of(model).read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = entry["input_schema"]["properties"]
    return found


def picture_inputs(model: str) -> tuple[str, ...]:
    """Names of the inputs that are images; none for a model that does not ship with the catalogue."""
    if model not in refs():
        return ()
    return tuple(name for name, schema in properties(model).items() if schema.get("format") == "uri")


def defaults(model: str) -> dict[str, Any]:
    """The published default of every input that has one."""
    return {name: one["default"] for name, one in properties(model).items() if "default" in one}


def choices(model: str, name: str) -> tuple[Any, ...]:
    """The allowed values of an input; empty where they are not enumerated."""
    return tuple(properties(model).get(name, {}).get("enum", ()))


def limits(model: str, name: str) -> tuple[float | None, float | None]:
    """Minimum and maximum of an input, None where there is none."""
    schema = properties(model).get(name, {})
    return schema.get("minimum"), schema.get("maximum")
