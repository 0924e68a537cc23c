"""Details on an item's page: settings, run time, provider, cost, and the input as JSON to copy."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.credits import amounts
from gallery.models import Item
from predictions.api_dialects.common import status_extras
from predictions.catalogue import input_labels
from predictions.catalogue.input_labels import TURNED
from predictions.models import Prediction, StoredFile

# Shown elsewhere on the page, or meaningless for one picture.
_OMITTED = {"width", "height", "num_outputs", "output_format", "seed"}
_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "video/mp4": "mp4",
}
_NOT_IN_NAMES = re.compile(r"[^\w]+")


@dataclass(frozen=True)
class Detail:
    """One line: the name in the API, its label, and the value. `copy`: whether a button copies the value."""

    name: str
    label: str
    value: str
    copy: bool = False


@dataclass(frozen=True)
class Details:
    """The lines, the input as JSON, and the negative prompt."""

    lines: list[Detail]
    recipe: str = ""
    negative_prompt: str = ""


def for_item(item: Item, *, public: bool = False) -> Details:
    """The details of an item. The public sees the input only where the prompt is shown, and never the cost."""
    prediction = item.output.prediction
    shows_input = not public or item.show_prompt
    lines = [
        Detail("model", _("model"), item.model.ref),
        Detail("size", _("size"), f"{item.width} × {item.height} {extension(item.output.file)}"),
    ]
    if shows_input and not prediction.data_removed:
        lines += _settings(prediction)
    if not public:
        lines += _run(prediction)
    if not shows_input or prediction.data_removed:
        return Details(lines)
    inputs = {name: value for name, value in prediction.input.items() if not _is_data(value)}
    negative = inputs.get("negative_prompt") or inputs.get("n_prompt") or ""
    return Details(lines, json.dumps(inputs, ensure_ascii=False, indent=2), str(negative))


def _settings(prediction: Prediction) -> list[Detail]:
    settings = prediction.settings()
    lines = [
        Detail(name, input_labels.short(name), _value_text(_as_labelled(name, settings[name])))
        for name in input_labels.in_order(prediction.version, settings)
        if name not in _OMITTED
    ]
    seed = prediction.seed()
    if seed is not None:
        lines.append(Detail("seed", input_labels.short("seed"), str(seed), copy=True))
    return lines


def _run(prediction: Prediction) -> list[Detail]:
    lines = []
    seconds = prediction.metrics.get("predict_time") if isinstance(prediction.metrics, dict) else None
    if isinstance(seconds, int | float):
        lines.append(Detail("time", _("time"), _("%(seconds)s s") % {"seconds": f"{seconds:.1f}"}))
    provider = status_extras.provider(prediction)
    if provider is not None:
        made_by = _("this server") if provider in ("embedded", "local") else provider
        lines.append(Detail("provider", _("made by"), made_by))
    pictures = len(prediction.output) if isinstance(prediction.output, list) else 1
    if prediction.charge is not None:
        lines.append(Detail("cost", _("cost"), amounts.with_unit(prediction.charge // max(1, pictures))))
    return lines


def extension(file: StoredFile) -> str:
    """The usual extension of a file's type, without the dot."""
    return _EXTENSIONS.get(file.content_type, "bin")


def download_name(item: Item, file: StoredFile, *, show_prompt: bool) -> str:
    """A file name from the title or, with `show_prompt`, the beginning of the prompt."""
    text = item.title or (item.prompt if show_prompt else "")
    return f"{_NOT_IN_NAMES.sub('-', text[:60]).strip('-_') or 'picture'}.{extension(file)}"


def _as_labelled(name: str, value: Any) -> Any:
    """Labels of `TURNED` fields say what is on where the field says what is off."""
    return not value if name.startswith(TURNED) and isinstance(value, bool) else value


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:119]}…"


def _is_data(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("data:")
