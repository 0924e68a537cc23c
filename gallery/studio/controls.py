"""Controls from a model's own input schema."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gallery.studio import labels
from predictions.models import Version

PROMPTS = ("prompt", "prompt_start")
ENDINGS = ("prompt_end",)
"""Where a film goes that begins with the prompt."""
NEGATIVES = ("negative_prompt", "n_prompt")
# Inputs that mean something only beside a picture of one's own, which the studio does not take yet.
_WITH_PICTURE = {"image", "mask", "prompt_strength"}
OPEN_CONTROLS = 5
TURNED = "disable_"
"""Fields of this beginning are shown as the opposite switch."""
SEGMENTS = 5


@dataclass(frozen=True)
class Option:
    """One choice of a control."""

    value: str
    label: str
    chosen: bool
    # Width and height of the little outline of an aspect ratio, in CSS pixels.
    outline: tuple[int, int] | None = None


@dataclass(frozen=True)
class Shape:
    """A ready pair of width and height (in pixels) for models that take both."""

    label: str
    width: int
    height: int
    outline: tuple[int, int]
    chosen: bool


@dataclass(frozen=True)
class Control:
    """One input as the page shows it. `kind` names the template of its body."""

    name: str
    kind: str
    label: str
    value: str
    default: str = ""
    minimum: str = ""
    maximum: str = ""
    step: str = "1"
    help: str = ""
    description: str = ""
    error: str = ""
    options: list[Option] = field(default_factory=list)
    partner: Control | None = None
    shapes: list[Shape] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether it differs from the model's default."""
        return self.value != self.default or (self.partner is not None and self.partner.changed)

    @property
    def shown_on(self) -> bool:
        """Whether a switch is on as the page shows it: nobody switches a disabling on, so those are turned."""
        return (self.value == "true") != self.name.startswith(TURNED)

    @property
    def value_or_empty(self) -> str:
        """A prompt that was typed; the model's own example is no prompt of ours."""
        return "" if self.value == self.default else self.value

    @property
    def default_share(self) -> float:
        """Where the default's tick stands on the slider, 0 to 1."""
        if not (self.default and self.minimum and self.maximum):
            return 0.0
        low, high = float(self.minimum), float(self.maximum)
        return round((float(self.default) - low) / (high - low), 4) if high > low else 0.0


@dataclass(frozen=True)
class Panel:
    """The controls of one version: the dock's own, the open ones, and those under More settings."""

    version: Version
    prompt: Control | None
    negative: Control | None
    open: list[Control]
    more: list[Control]
    dropped: list[str] = field(default_factory=list)
    ending: Control | None = None

    @property
    def more_names(self) -> str:
        """What More settings holds, in a line."""
        return " · ".join(control.label for control in self.more[:4]) + (" …" if len(self.more) > 4 else "")

    @property
    def more_changed(self) -> int:
        """How many under More settings differ from their defaults."""
        return sum(control.changed for control in self.more)

    @property
    def more_open(self) -> bool:
        """Whether something in there is wrong, so that it must be seen."""
        return any(control.error for control in self.more)


def panel(
    version: Version,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    dropped: list[str] | None = None,
) -> Panel:
    """The controls with these values (an input, or what a form held) and a sentence under each wrong one.

    `dropped` are the labels of settings that another model had and this one has not.
    """
    errors = errors or {}
    rules = {name: version.properties[name] for name in labels.in_order(version, version.properties)}
    made = {
        name: _control(name, rule, values.get(name), errors.get(name, "")) for name, rule in rules.items()
    }
    prompt = next((made[name] for name in PROMPTS if name in made), None)
    negative = next((made[name] for name in NEGATIVES if name in made), None)
    ending = next((made[name] for name in ENDINGS if name in made), None)
    placed = {control.name for control in (prompt, negative, ending) if control is not None}
    listed = []
    for name, control in made.items():
        if name in placed or name in _WITH_PICTURE or rules[name].get("format") == "uri":
            continue
        if name in ("width", "height") and {"width", "height"} <= made.keys():
            placed |= {"width", "height"}
            control = _size(made["width"], made["height"])
        listed.append(control)
    listed.sort(key=_weight)
    first, more = listed[:OPEN_CONTROLS], listed[OPEN_CONTROLS:]
    return Panel(version, prompt, negative, first, more, dropped or [], ending)


# What people reach for first, whatever the schema's order says; the rest keeps that order.
_FIRST = [
    "aspect_ratio",
    "width",
    "num_outputs",
    "num_inference_steps",
    "steps",
    "guidance_scale",
    "seed",
    "output_format",
]


def _weight(control: Control) -> int:
    return _FIRST.index(control.name) if control.name in _FIRST else len(_FIRST)


def _control(name: str, rule: dict[str, Any], given: Any, error: str) -> Control:
    default = rule.get("default")
    value = default if given is None else given
    common: dict[str, Any] = {
        "name": name,
        "label": labels.label(name),
        "value": text(value),
        "default": text(default),
        "help": labels.help_for(name),
        "description": str(rule.get("description", "")),
        "error": error,
    }
    if name == "aspect_ratio" and "enum" in rule:
        return Control(kind="shapes", options=[_shape(o, common["value"]) for o in rule["enum"]], **common)
    if "enum" in rule:
        options = [Option(text(o), labels.value(o), text(o) == common["value"]) for o in rule["enum"]]
        short = len(options) <= SEGMENTS and sum(len(option.label) for option in options) <= 24
        return Control(kind="segmented" if short else "select", options=options, **common)
    return _plain(name, rule, common)


def _plain(name: str, rule: dict[str, Any], common: dict[str, Any]) -> Control:
    kind = rule.get("type")
    if kind == "boolean":
        return Control(kind="switch", **common)
    if name == "seed":
        return Control(kind="seed", **common)
    if kind not in ("integer", "number"):
        return Control(kind="text", **common)
    low, high = rule.get("minimum"), rule.get("maximum")
    limits: dict[str, Any] = {"minimum": text(low), "maximum": text(high), "step": _step(kind, low, high)}
    if name == "num_outputs" and low == 1 and high is not None and high <= SEGMENTS:
        counts = [str(count) for count in range(1, int(high) + 1)]
        options = [Option(count, count, count == common["value"]) for count in counts]
        return Control(kind="segmented", options=options, **limits, **common)
    return Control(kind="number" if low is None or high is None else "slider", **limits, **common)


def _size(width: Control, height: Control) -> Control:
    """Width and height stand in one control."""
    parts = {name: getattr(width, name) for name in width.__dataclass_fields__}
    parts |= {
        "kind": "size",
        "label": labels.label("size"),
        "partner": height,
        "error": width.error or height.error,
    }
    if not width.options:
        parts["step"] = "8"
    parts["shapes"] = _shapes(width, height)
    return Control(**parts)


RATIOS = ("1:1", "4:5", "3:4", "2:3", "9:16", "9:21", "5:4", "4:3", "3:2", "16:9", "21:9")


def _shapes(width: Control, height: Control) -> list[Shape]:
    """The usual ratios as the nearest pairs that the model takes, at about the area of its default size."""
    side = math.sqrt(float(width.default or 1024) * float(height.default or 1024))
    found: dict[tuple[int, int], Shape] = {}
    for ratio in RATIOS:
        wide, high = (int(part) for part in ratio.split(":"))
        root = math.sqrt(wide / high)
        pair = (_nearest(width, side * root), _nearest(height, side / root))
        chosen = (str(pair[0]), str(pair[1])) == (width.value, height.value)
        found.setdefault(pair, Shape(ratio, *pair, _outline(wide / high), chosen))
    return list(found.values())


def _nearest(control: Control, wanted: float) -> int:
    if control.options:
        return min((int(option.value) for option in control.options), key=lambda value: abs(value - wanted))
    low = float(control.minimum or 64)
    high = float(control.maximum or 2048)
    return round(min(high, max(low, wanted)) / 64) * 64


def _shape(ratio: object, chosen: str) -> Option:
    """An aspect ratio with its outline, drawn at about the same area for each."""
    wide, _colon, high = str(ratio).partition(":")
    value = float(wide) / float(high) if wide.isdigit() and high.isdigit() and int(high) else 1.0
    return Option(str(ratio), str(ratio), str(ratio) == chosen, _outline(value))


def _outline(ratio: float) -> tuple[int, int]:
    """Width and height of a small drawing of a ratio, in CSS pixels."""
    width, height = 17 * math.sqrt(ratio), 17 / math.sqrt(ratio)
    scale = min(1.0, 22 / max(width, height))
    return round(width * scale), round(height * scale)


def _step(kind: str, low: Any, high: Any) -> str:
    if kind == "integer":
        return "1"
    return "0.01" if low is not None and high is not None and high - low <= 2 else "0.1"


def text(value: Any) -> str:
    """A value as a form field holds it; None is the empty field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
