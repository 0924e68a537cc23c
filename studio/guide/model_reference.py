"""What the guide says about a model: price, availability, inputs of its schema, and an example in three languages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language

from accounts.credits import amounts
from predictions import availability
from predictions.catalogue import input_labels, lookup, samples
from predictions.models import HostedModel, Price, Version
from predictions.pricing import calculator

_FILE = object()
"""Stands in an example for a file of the reader's."""


@dataclass(frozen=True)
class Model:
    """A model as lists show it."""

    hosted: HostedModel

    def __str__(self) -> str:
        return self.hosted.ref

    @property
    def description(self) -> str:
        """The description on one line of Markdown that begins no heading, list or code."""
        return re.sub(r"^(\d*)([!-/:-@[-`{-~])", r"\1\\\2", " ".join(self.hosted.description.split()))

    @property
    def price(self) -> str:
        """`0.6 credits per output file`; a dash where there is no price."""
        try:
            price = calculator.current_price(self.hosted)
        except calculator.NoPrice:
            return "–"
        space = " " if get_language() == "en" else "，"
        return f"{amounts.with_unit(price.amount)}{space}{Price.Unit(price.unit).label}"

    @property
    def served(self) -> bool:
        """Whether any provider serves the model at present."""
        return availability.can_serve(self.hosted)

    @property
    def sample(self) -> samples.Sample | None:
        """The published sample."""
        return samples.for_model(self.hosted.ref)


@dataclass(frozen=True)
class Reference(Model):
    """A model with its newest version: inputs, and an example for each client."""

    version: Version

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The inputs in the schema's order, with texts escaped for a cell of a Markdown table."""
        return [
            {
                "name": name,
                "type": _types(rule := self.version.properties[name]),
                "required": name in self.version.input_schema.get("required", []),
                "default": _cell(f"`{_json(rule['default'])}`") if "default" in rule else "",
                "label": input_labels.label(name) if name in input_labels.LABELS else "",
                "description": _cell(str(rule.get("description", "")).rstrip(".")),
            }
            for name in input_labels.in_order(self.version, self.version.properties)
        ]

    @property
    def curl(self) -> str:
        """The example as a JSON body inside single quotes of a shell."""
        given = {name: "$FILE_URL" if value is _FILE else value for name, value in self._example().items()}
        text = json.dumps({"input": given}, ensure_ascii=False, indent=2).replace("'", "'\\''")
        # The shell inserts the file's URL: the quotes are closed and reopened around it.
        return text.replace("$FILE_URL", "'\"$FILE_URL\"'")

    @property
    def python(self) -> str:
        """The example as items of a Python dictionary."""
        return self._items('    "{}": {},', 'open("{}.png", "rb")', _python)

    @property
    def javascript(self) -> str:
        """The example as properties of a JavaScript object."""
        return self._items("    {}: {},", 'await readFile("{}.png")', _json)

    def _items(self, line: str, file: str, literal: Callable[[Any], str]) -> str:
        return "\n".join(
            line.format(name, file.format(name) if value is _FILE else literal(value))
            for name, value in self._example().items()
        )

    def _example(self) -> dict[str, Any]:
        """The version's published example, files first."""
        given, rules = self.version.example_input, self.version.properties
        files = {name: _FILE for name in given if rules.get(name, {}).get("format") == "uri"}
        return files | {name: value for name, value in given.items() if name not in files}


def all_models() -> list[Model]:
    """Every enabled model, in the operator's order."""
    return [
        Model(hosted)
        for hosted in HostedModel.objects.filter(enabled=True, versions__enabled=True).distinct()
    ]


def find(ref: str) -> Reference | None:
    """The enabled model `owner/name`; None where there is none."""
    version = lookup.find_version(ref)
    return Reference(version.model, version) if version else None


def default() -> Reference | None:
    """The model of the samples for an unknown reader: the first available text-to-image model."""
    models = HostedModel.objects.filter(enabled=True, kind=HostedModel.Kind.TEXT_TO_IMAGE)
    refs, served = [model.ref for model in models], availability.served_refs()
    return find(next((ref for ref in refs if ref in served), refs[0] if refs else ""))


def _types(rule: dict[str, Any]) -> list[str]:
    """`integer, 1–4`; for an enum its values."""
    if rule.get("enum"):
        return [_cell(f"`{_json(choice)}`") for choice in rule["enum"]]
    kind = "file" if rule.get("format") == "uri" else str(rule.get("type", "any"))
    least, most = rule.get("minimum"), rule.get("maximum")
    if least is not None and most is not None:
        return [f"{kind}, {least}–{most}"]
    bound = f", ≥ {least}" if least is not None else f", ≤ {most}" if most is not None else ""
    return [kind + bound]


def _python(value: Any) -> str:
    return _json(value) if isinstance(value, str) else repr(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
