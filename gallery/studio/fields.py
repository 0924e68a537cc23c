"""The two things that a form of the studio calls `model`: which model it is for, and an input of models that have one.

The first stands first, as in the page; what follows is the input's.
"""

from __future__ import annotations

from django.http import QueryDict

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
