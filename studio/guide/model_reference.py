"""Model reference of the guide: tables of models and prices, and all values about one model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.credits import amounts
from predictions import availability
from predictions.catalogue import input_labels, lookup, samples
from predictions.models import HostedModel, Price, Version
from predictions.pricing import calculator
from studio.guide import humanize

NO_MODEL = "…"
"""Placeholder for any value about a model where the catalogue is empty."""
_QUOTE = "'\\''"


def default_version() -> Version | None:
    """The model of the samples for an unknown reader: the first available text-to-image model."""
    served = availability.served_refs()
    models = HostedModel.objects.filter(enabled=True, kind=HostedModel.Kind.TEXT_TO_IMAGE)
    refs = [model.ref for model in models]
    ref = next((ref for ref in refs if ref in served), refs[0] if refs else "")
    return lookup.find_version(ref) if ref else None


def rows() -> str:
    """A table row for each enabled model: name, kind, price, availability."""
    served = availability.served_refs()
    return "\n".join(
        f"| [`{model.ref}`](/docs/models/{model.ref}) | {model.get_kind_display()} | {price_words(model)} | "
        f"{_yes(model.ref in served)} |"
        for model in _enabled()
    )


@dataclass(frozen=True)
class Card:
    """A model's card: sample, price and availability."""

    model: HostedModel
    sample: samples.Sample | None
    price: str
    served: bool


def cards() -> list[Card]:
    """A card for each enabled model, in the operator's order."""
    served = availability.served_refs()
    return [
        Card(model, samples.for_model(model.ref), price_words(model), model.ref in served)
        for model in _enabled()
    ]


def price_rows() -> str:
    """A table row for each enabled model: name, price, unit."""
    return "\n".join(
        f"| [`{model.ref}`](/docs/models/{model.ref}) | {price_words(model)} |" for model in _enabled()
    )


def price_words(model: HostedModel) -> str:
    """`0.6 credits per output file`; a dash where there is no price."""
    try:
        price = calculator.current_price(model)
    except calculator.NoPrice:
        return "–"
    unit = Price.Unit(price.unit).label
    return f"{amounts.with_unit(price.amount)}{'，' if humanize.in_chinese() else ' '}{unit}"


def _enabled() -> list[HostedModel]:
    return list(HostedModel.objects.filter(enabled=True, versions__enabled=True).distinct())


def _yes(served: bool) -> str:
    if humanize.in_chinese():
        return "可用" if served else "目前不可用"
    return "yes" if served else "not at present"


def _state(version: Version) -> str:
    served = version.model.ref in availability.served_refs()
    if humanize.in_chinese():
        return "可用" if served else "目前没有可用的服务方：会返回 422 `Model not available`"
    return "yes" if served else "not at present: nothing serves it, and it answers 422 `Model not available`"


def _input_rows(version: Version) -> str:
    required = set(version.input_schema.get("required", []))
    found = []
    for name in input_labels.in_order(version, version.properties):
        rule = version.properties[name]
        default = "" if "default" not in rule else f"`{json.dumps(rule['default'], ensure_ascii=False)}`"
        value_ = _required() if name in required else default
        found.append(
            f"| `{name}` | {_type(rule)} | {humanize.cell(value_)} | {humanize.cell(_meaning(name, rule))} |"
        )
    return "\n".join(found)


def _required() -> str:
    return "**必填**" if humanize.in_chinese() else "**required**"


def _type(rule: dict[str, Any]) -> str:
    """`integer, 1 to 4`; for an enum its values."""
    if rule.get("enum"):
        return humanize.cell(
            humanize.listed(f"`{json.dumps(choice, ensure_ascii=False)}`" for choice in rule["enum"])
        )
    kind = "file" if rule.get("format") == "uri" else str(rule.get("type", "any"))
    least, most = rule.get("minimum"), rule.get("maximum")
    if least is not None and most is not None:
        return f"{kind}, {least}–{most}"
    if least is not None or most is not None:
        return f"{kind}, ≥ {least}" if least is not None else f"{kind}, ≤ {most}"
    return kind


def _meaning(name: str, rule: dict[str, Any]) -> str:
    described = str(rule.get("description", "")).rstrip(".")
    known = name in input_labels.LABELS
    return f"{input_labels.label(name)}：{described}" if humanize.in_chinese() and known else described


def _output(version: Version) -> str:
    if not version.gives_files:
        return "文本" if humanize.in_chinese() else "text"
    if humanize.in_chinese():
        return "文件地址的列表" if version.gives_list else "一个文件地址"
    return "a list of addresses of files" if version.gives_list else "one address of a file"


def _example(version: Version) -> dict[str, Any]:
    """The published example with the required inputs; `FILE:` stands for a file of the reader's."""
    files = {name for name, rule in version.properties.items() if rule.get("format") == "uri"}
    values = {name: value for name, value in version.example_input.items() if name not in files}
    required_files = [name for name in version.example_input if name in files]
    return {**{name: f"FILE:{name}" for name in required_files}, **values}


def _as_curl(version: Version) -> str:
    values = {
        name: "$FILE_URL" if str(value).startswith("FILE:") else value
        for name, value in _example(version).items()
    }
    text = json.dumps({"input": values}, ensure_ascii=False, indent=2).replace("'", _QUOTE)
    # The shell inserts the file's URL: the quotes are closed and reopened around it.
    return text.replace("$FILE_URL", "'\"$FILE_URL\"'")


def _as_python(version: Version) -> str:
    return "\n".join(f'    "{name}": {_python(value)},' for name, value in _example(version).items())


def _python(value: Any) -> str:
    if isinstance(value, str) and value.startswith("FILE:"):
        return f'open("{value.removeprefix("FILE:")}.png", "rb")'
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _as_javascript(version: Version) -> str:
    return "\n".join(f"    {name}: {_javascript(value)}," for name, value in _example(version).items())


def _javascript(value: Any) -> str:
    if isinstance(value, str) and value.startswith("FILE:"):
        return f'await readFile("{value.removeprefix("FILE:")}.png")'
    return json.dumps(value, ensure_ascii=False)


MODEL_PLACEHOLDERS: dict[str, Callable[[Version], str]] = {
    "model": lambda version: version.model.ref,
    "model.description": lambda version: version.model.description,
    "model.kind": lambda version: str(version.model.get_kind_display()),
    "model.price": lambda version: price_words(version.model),
    "model.version": lambda version: version.pk,
    "model.state": _state,
    "model.output": _output,
    "model.inputs.rows": _input_rows,
    "model.curl": _as_curl,
    "model.python": _as_python,
    "model.javascript": _as_javascript,
}
"""Placeholders about a model, by name."""
