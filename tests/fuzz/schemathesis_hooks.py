"""What Schemathesis cannot know of this API: how references, cursors and preferences look, and what models take.

Loaded by `st` through SCHEMATHESIS_HOOKS. FUZZ_MODELS holds the fixture models by role, as `manage.py fixtures` says.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import zlib
from collections import Counter
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from tests.fuzz import api_constraints

MODELS: dict[str, str] = json.loads(os.environ.get("FUZZ_MODELS", "{}"))
INPUTS: dict[str, dict[str, Any]] = {
    "text": {"prompt": "a cat"},
    "iterator": {"prompt": "three words here"},
    "image": {"prompt": "a cat", "width": 64, "height": 64},
    "fail": {"message": "no luck"},
}
"""Inputs of the models that end at once, by role."""
ROLES = sorted(set(MODELS) & set(INPUTS))
PREFERENCES = ["respond-async", "wait=1", "wait=0", "wait=soon", "handling=lenient", "respond-async, a=b"]
UNFIT = {"output_compression", "stream", "partial_images"}
"""Fields of OpenAI's that only some models take, or only together."""
PAGE = ("limit", "cursor")
"""Parameters of all lists, read by the same code."""
SHORT = os.environ.get("FUZZ_SHORT") == "1"
_numbers = itertools.count(1)
_alike: Counter[tuple[object, ...]] = Counter()


def cursor(key: int | str, direction: str) -> str:
    """A cursor such as the server gives."""
    text = json.dumps({"t": "2026-03-01T12:00:00+00:00", "k": key, "d": direction})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def metadata() -> st.SearchStrategy[str]:
    """The metadata of a file: an object as JSON."""
    return st.dictionaries(st.text("abc", max_size=3), st.integers(0, 9), max_size=3).map(json.dumps)


FORMATS: dict[str, st.SearchStrategy[str]] = {
    "version-reference": st.sampled_from([MODELS[role] for role in ROLES] or ["conformance/text"]),
    "page-cursor": st.builds(cursor, st.integers(1, 10**6), st.sampled_from("np")),
    "prefer": st.sampled_from(PREFERENCES),
    "json-object": metadata(),
    "file-name": st.text("abc é漢.", min_size=1, max_size=60),
}
for name, strategy in FORMATS.items():
    schemathesis.openapi.format(name, strategy)


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Whether a case is asked. In the short form not all that are alike are: see `likeness`."""
    alike = likeness(case) if SHORT else None
    if alike is None:
        return True
    group, share = alike
    number = _alike[group]
    _alike[group] += 1
    # Others for each operation, so that all of them are asked somewhere.
    return number == 0 or (number + zlib.crc32(case.operation.label.encode())) % share == 0


def likeness(case: Any) -> tuple[tuple[object, ...], int] | None:
    """What a case of the coverage phase has in common with others of its operation, and which share of them is enough.

    Values of each wrong type for one field, methods that a path does not know, and everything about the page of a list,
    which one place reads for all lists. None for any other.
    """
    if case.meta is None or case.meta.phase.name.value != "coverage":
        return None
    about, operation = case.meta.phase.data, case.operation.label
    mode = case.meta.generation.mode
    if about.description.endswith("Incorrect type"):
        return (operation, about.parameter, about.location, about.description), 8
    if about.parameter in PAGE:
        return (operation, mode, about.parameter), 16
    if about.description.startswith("Unspecified HTTP method"):
        return (operation.partition(" ")[2], "method"), 8
    return None


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Make a well-formed request one that is accepted: a model, its input, and a key that was not there before."""
    path = case.operation.path
    api_constraints.spare_own_tokens(case)
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if path.startswith("/api/"):
        api_constraints.mend(case, MODELS, INPUTS)
        api_constraints.point_at_something(case, os.environ["FUZZ_TOKEN"], MODELS)
        return
    if "Idempotency-Key" in case.headers:
        # Of this run alone: the server remembers those of the one before.
        case.headers["Idempotency-Key"] = f"{os.getpid()}-{next(_numbers)} {case.headers['Idempotency-Key']}"[
            :255
        ]
    if path.endswith("/versions") and "cursor" in (case.query or {}):
        case.query["cursor"] = cursor("0" * 64, "n")
    if isinstance(case.body, dict) and path.endswith("/predictions"):
        _accepted(case)
    # Forms stay as they are: a body that is replaced is checked anew, and bytes are no text of the schema's.
    if isinstance(case.body, dict) and path == "/images/generations":
        kept = {name: value for name, value in case.body.items() if name not in UNFIT}
        case.body = {**kept, "n": 1, "size": "64x64", "model": MODELS["image"]}


def _accepted(case: Any) -> None:
    answers = (case.headers.get("X-Darkroom-Answer"), (case.query or {}).get("answer"))
    role = ROLES[next(_numbers) % len(ROLES)]
    if "openai" in answers:
        role = "image"
        case.headers.pop("Cancel-After", None)
    if "version" in case.body:
        case.body = {**case.body, "version": MODELS[role]}
    elif case.operation.path.startswith("/models/"):
        owner, _, name = MODELS[role].partition(":")[0].partition("/")
        case.path_parameters = {**case.path_parameters, "owner": owner, "name": name}
    elif case.operation.path.startswith("/deployments/"):
        role = "image"
        case.path_parameters = {**case.path_parameters, "owner": "fuzz", "name": "cards"}
    if isinstance(case.body.get("input"), dict):
        extra = json.loads(json.dumps(case.body["input"]).replace("\\u0000", ""))
        case.body = {**case.body, "input": {**extra, **INPUTS[role]}}
