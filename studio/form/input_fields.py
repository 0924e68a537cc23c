"""The two things that a form of the studio calls `model`: which model it is for, and an input of models that have one.

The first stands first, as in the page; what follows is the input's.
"""

from __future__ import annotations

import re
from typing import Any

from django.http import QueryDict

from predictions.models import Version

MODEL = "model"


def model_of(form: QueryDict) -> str:
    """Which model a form or an address is for; empty where it says none."""
    return next(iter(form.getlist(MODEL)), "")


def inputs_of(form: QueryDict) -> QueryDict:
    """The same without that: the fields by the names of their inputs."""
    found = form.copy()
    rest = found.pop(MODEL, [])[1:]
    if rest:
        found.setlist(MODEL, rest)
    return found


def picture_fields(version: Version) -> list[str]:
    """The inputs that are pictures, in the schema's order, masks last."""
    rules = version.properties
    found = [name for name in rules if takes_a_picture(name, rules[name])]
    return sorted(found, key=lambda name: (is_mask(name), rules[name].get("x-order", 1000), name))


_NO_PICTURE = re.compile(
    r"audio|video|sound|voice|music|speech|weights|lora|model|zip|tar|archive|pdf|text|url$"
)


def takes_a_picture(name: str, rule: dict[str, Any]) -> bool:
    """Whether an input holds the address of a picture; one whose name speaks of another kind of file does not."""
    return (
        rule.get("format") == "uri" and rule.get("type") == "string" and not _NO_PICTURE.search(name.lower())
    )


def is_mask(name: str) -> bool:
    """Whether an input says what of the picture is to change."""
    return "mask" in name.lower()
