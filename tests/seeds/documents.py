"""Reads the seeds: documents of other gateways in ../shared/seeds beside the checkout, each printed by another tool.

Nothing of them is copied here. What they have in common is JSON, in the middle of prose, of shell, of two programming
languages, or inside other JSON as a string; and one call of curl.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.source_rules import ROOT

FOLDER = ROOT.parent / "shared" / "seeds"
_DECODER = json.JSONDecoder()
_TABLE_ROW = re.compile(r"^(\w+) (string|integer|number|boolean)$", re.MULTILINE)
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


class Seed:
    """One document. `number` is how its file's name begins."""

    def __init__(self, path: Path) -> None:
        self.number = path.name.partition("_")[0]
        self.text = path.read_text(encoding="utf-8")
        self.documents = list(_documents(self.text))

    def requests(self) -> list[dict[str, Any]]:
        """Every body of a create that is printed, each once."""
        found = [one for one in self._everything() if _is_request(one)]
        return [one for index, one in enumerate(found) if one not in found[:index]]

    def answers(self) -> list[dict[str, Any]]:
        """Every example of an answer: pictures, or a prediction."""
        return [
            one
            for one in self._everything()
            if isinstance(one, dict)
            and ({"created", "data"} <= set(one) or {"id", "status"} <= set(one))
            and not isinstance(one.get("id"), dict | int)
        ]

    def answer_schemas(self) -> list[dict[str, Any]]:
        """The JSON Schemas printed for answers with code 200."""
        rows = [row for one in self.documents if isinstance(one, list) for row in one]
        return [row["jsonSchema"] for row in rows if row.get("code") == 200 and "jsonSchema" in row]

    def request_schema(self) -> dict[str, Any] | None:
        """The JSON Schema printed for the request's body."""
        found = [one["jsonSchema"] for one in self.documents if isinstance(one, dict) and "jsonSchema" in one]
        return found[0] if found else None

    def parameters(self) -> dict[str, str]:
        """Names and types of what is said about `input`: in a JSON Schema, or in a table of lines `name type`."""
        schema = self.request_schema()
        if schema:
            properties = schema["properties"]["input"]["properties"]
            return {name: one["type"] for name, one in properties.items()}
        return dict(_TABLE_ROW.findall(self._between("input object", "curl --")))

    def answer_parameters(self) -> dict[str, str]:
        """Names and types of what a table says about the answer."""
        return dict(_TABLE_ROW.findall(self._between("print(", None)))

    def versions(self) -> dict[str, str]:
        """Ids of versions and their models, where the prose lists them."""
        return dict(re.findall(r'"([0-9a-f]{64})": "([\w-]+/[\w.-]+)"', self.text))

    def curl(self, url: str, token: str) -> list[str] | None:
        """The words of the printed call of curl, with another host and token; None where none is printed."""
        begin = self.text.find("curl --")
        if begin < 0:
            return None
        end = self.text.index("}'", self.text.index("--data-raw", begin)) + 2
        words = shlex.split(self.text[begin:end].replace("\\\n", " "))
        return [_elsewhere(word, url, token) for word in words]

    def python_sample(self, host: str, token: str) -> str | None:
        """The printed Python program, with another host (without TLS) and token."""
        found = re.search(r"^import http\.client.*?^print\(.*?\)$", self.text, re.MULTILINE | re.DOTALL)
        if found is None:
            return None
        sample = re.sub(r'HTTPSConnection\("[^"]+"\)', f'HTTPConnection("{host}")', found[0])
        return sample.replace("YOUR_API_KEY", token)

    def javascript_sample(self, url: str, token: str) -> str | None:
        """The printed JavaScript program, with another host and token."""
        found = re.search(r"^var myHeaders.*?^  \.catch\(.*?\);$", self.text, re.MULTILINE | re.DOTALL)
        if found is None:
            return None
        sample = re.sub(r'fetch\("https?://[^/"]+', f'fetch("{url}', found[0])
        return sample.replace("YOUR_API_KEY", token)

    def _between(self, begin: str, end: str | None) -> str:
        """The text after the first `begin`, as far as `end`; empty where there is no such beginning."""
        rest = self.text.partition(begin)[2]
        return rest.partition(end)[0] if end else rest

    def _everything(self) -> Iterator[Any]:
        for one in self.documents:
            yield from _with_what_is_inside(one)


def all_of_them() -> list[Seed]:
    """In the order of their numbers; empty where the folder is not there."""
    return [Seed(path) for path in sorted(FOLDER.glob("[0-9][0-9][0-9]_*.txt"))]


def digest(program: str | None) -> str:
    """By which a program is known that somebody has read."""
    return hashlib.sha256((program or "").encode()).hexdigest()


def is_of(value: Any, kind: str) -> bool:
    """Whether a JSON value has the type that a document names. True and false are no numbers."""
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def same_shape(answer: Any, example: Any) -> bool:
    """Whether `answer` has every key of the example, each with the example's type, all the way down."""
    if isinstance(example, dict):
        return isinstance(answer, dict) and all(
            key in answer and same_shape(answer[key], value) for key, value in example.items()
        )
    if isinstance(example, list):
        return isinstance(answer, list) and all(same_shape(one, example[0]) for one in answer if example)
    return type(answer) is type(example)


def _documents(text: str) -> Iterator[Any]:
    """Every JSON object and array in a text, the outermost ones."""
    position = 0
    while match := re.compile(r"[{\[]").search(text, position):
        try:
            value, position = _DECODER.raw_decode(text, match.start())
            yield value
        except ValueError:
            position = match.end()


def _with_what_is_inside(value: Any) -> Iterator[Any]:
    """A value, and what strings in it hold as JSON."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(inner, str) and inner.lstrip().startswith("{"):
            try:
                yield json.loads(inner)
            except ValueError:
                continue
        elif isinstance(inner, dict | list):
            yield from _with_what_is_inside(inner)


def _is_request(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("version"), str)
        and isinstance(value.get("input"), dict)
        and "id" not in value
    )


def _elsewhere(word: str, url: str, token: str) -> str:
    """A word of a command line with our host and our token in the place of theirs."""
    word = re.sub(r"^(https?://[^/]+)?(?=/replicate/v1/)", url, word)
    return re.sub(r"^Authorization: Bearer .*$", f"Authorization: Bearer {token}", word, flags=re.DOTALL)
