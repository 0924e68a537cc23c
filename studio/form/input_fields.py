"""Field names of the studio's form: the chosen `model`, an input of that name, and picture inputs.

Where both are sent, the first value of `model` is the chosen model, as on the page; the others are the input's.
"""

from __future__ import annotations

import re
from typing import Any

from django.http import QueryDict

from predictions.models import Version

MODEL = "model"


def model_of(form: QueryDict) -> str:
    """The model that a form or a query string is for; "" where it names none."""
    return next(iter(form.getlist(MODEL)), "")


def inputs_of(form: QueryDict) -> QueryDict:
    """The form without the chosen model: fields by the names of their inputs."""
    found = form.copy()
    rest = found.pop(MODEL, [])[1:]
    if rest:
        found.setlist(MODEL, rest)
    return found


def picture_fields(version: Version) -> list[str]:
    """The picture inputs, in the schema's order, masks last."""
    rules = version.properties
    found = [name for name in rules if is_picture(name, rules[name])]
    return sorted(found, key=lambda name: (is_mask(name), rules[name].get("x-order", 1000), name))


_OTHER_FILE = re.compile(
    r"audio|video|sound|voice|music|speech|weights|lora|model|zip|tar|archive|pdf|text|url$"
)


def is_picture(name: str, rule: dict[str, Any]) -> bool:
    """Whether an input takes the URL of a picture; not if its name suggests another kind of file."""
    return (
        rule.get("format") == "uri" and rule.get("type") == "string" and not _OTHER_FILE.search(name.lower())
    )


def is_mask(name: str) -> bool:
    """Whether an input is a mask."""
    return "mask" in name.lower()
