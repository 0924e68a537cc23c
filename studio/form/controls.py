"""Form controls built from a model's input schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from predictions.catalogue import input_labels
from predictions.catalogue.input_labels import TURNED
from predictions.models import Version
from studio.form import model_hints, requirements, size_options
from studio.form.input_fields import is_mask, picture_fields
from studio.form.input_pictures import Picture
from studio.form.size_options import Shape

PROMPTS = ("prompt", "prompt_start")
ENDINGS = ("prompt_end",)
"""The second prompt of video models that start with `prompt_start`."""
NEGATIVES = ("negative_prompt", "n_prompt")
OPEN_CONTROLS = 5
SEGMENTS = 5
_ALWAYS_MORE = ("hf_lora", "lora_scale", "replicate_weights", "motion_module")
"""Expert settings, always under More settings."""
_CANNOT_BE_TYPED = ("array", "object")


@dataclass(frozen=True)
class Option:
    """One choice of a control."""

    value: str
    label: str
    chosen: bool
    # Width and height of the small outline of an aspect ratio, in CSS pixels.
    outline: tuple[int, int] | None = None
    note: str = ""


@dataclass(frozen=True)
class Control:
    """One input on the page. `kind` names the template of its body."""

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
    beside: str = ""
    """Another input without which this one has no effect, and the values with which it has (any if empty)."""
    beside_values: tuple[str, ...] = ()
    idle: bool = False
    """Whether it has no effect with the form's present values."""
    follows: str = ""
    """The picture whose shape the result takes, so that this input has no effect beside it."""

    @property
    def changed(self) -> bool:
        """Whether it differs from the model's default."""
        return self.value != self.default or (self.partner is not None and self.partner.changed)

    @property
    def shown_on(self) -> bool:
        """Whether a switch is shown as on; fields named as a negation (`TURNED`) are shown inverted."""
        return (self.value == "true") != self.name.startswith(TURNED)

    @property
    def value_or_empty(self) -> str:
        """A prompt that was typed; "" where it is the schema's example."""
        return "" if self.value == self.default else self.value

    @property
    def default_share(self) -> float:
        """The position of the default's tick on the slider, 0 to 1."""
        if not (self.default and self.minimum and self.maximum):
            return 0.0
        low, high = float(self.minimum), float(self.maximum)
        return round((float(self.default) - low) / (high - low), 4) if high > low else 0.0

    @property
    def beside_text(self) -> str:
        """The values of `beside`, for the page's script."""
        return " ".join(self.beside_values)

    @property
    def chosen_count(self) -> int:
        """How many of its options are chosen."""
        return sum(option.chosen for option in self.options)


@dataclass(frozen=True)
class Slot:
    """A picture input: empty, or with its picture."""

    name: str
    label: str
    required: bool
    is_mask: bool
    picture: Picture | None = None
    description: str = ""
    error: str = ""
    blocked: bool = False
    """A mask whose picture is not there yet."""


@dataclass(frozen=True)
class Panel:
    """The controls of a version: those in the dock, the open ones, and those under More settings."""

    version: Version
    prompt: Control | None
    negative: Control | None
    open: list[Control]
    more: list[Control]
    dropped: list[str] = field(default_factory=list)
    ending: Control | None = None
    slots: list[Slot] = field(default_factory=list)

    @property
    def wide_slots(self) -> list[Slot]:
        """Required pictures, shown above the prompt."""
        return [slot for slot in self.slots if slot.required]

    @property
    def slim_slots(self) -> list[Slot]:
        """Optional pictures."""
        return [slot for slot in self.slots if not slot.required]

    @property
    def note(self) -> str:
        """The note on what the model always does."""
        return model_hints.note(self.version)

    @property
    def more_names(self) -> str:
        """Labels of what More settings contains, in a line."""
        return " · ".join(control.label for control in self.more[:4]) + (" …" if len(self.more) > 4 else "")

    @property
    def more_changed(self) -> int:
        """How many under More settings differ from their defaults."""
        return sum(control.changed for control in self.more)

    @property
    def more_open(self) -> bool:
        """Whether More settings contains an error, so that it must be open."""
        return any(control.error for control in self.more)

    @property
    def wrong_in_settings(self) -> bool:
        """Whether there is an error in the panel rather than the dock."""
        return any(control.error for control in [*self.open, *self.more])


def panel(
    version: Version,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    dropped: list[str] | None = None,
    pictures: Mapping[str, Picture | None] | None = None,
) -> Panel:
    """The controls with these values (an input, or what a form held) and error messages.

    `dropped`: labels of settings that another model had and this one has not; `pictures`: what the picture
    fields name.
    """
    errors = errors or {}
    rules = {name: version.properties[name] for name in input_labels.in_order(version, version.properties)}
    slots = _slots(version, errors, pictures or {})
    slot_names = {slot.name for slot in slots}
    controls = {
        name: _control(version, name, rule, values, errors.get(name, ""))
        for name, rule in rules.items()
        if name not in slot_names and rule.get("type") not in _CANNOT_BE_TYPED
    }
    prompt = next((controls[name] for name in PROMPTS if name in controls), None)
    negative = next((controls[name] for name in NEGATIVES if name in controls), None)
    ending = next((controls[name] for name in ENDINGS if name in controls), None)
    placed = {control.name for control in (prompt, negative, ending) if control is not None}
    listed = _listed(controls, placed)
    listed.sort(key=_weight if slots else _weight_of_words)
    for_all = [control for control in listed if control.name not in _ALWAYS_MORE]
    first = _first(for_all)
    others = [control for control in listed if control not in first]
    return Panel(version, prompt, negative, first, others, dropped or [], ending, slots)


def _first(listed: list[Control]) -> list[Control]:
    """The open controls: the first relevant ones, and those between them that may become relevant."""
    visible = [control for control in listed if control.follows or not control.idle][:OPEN_CONTROLS]
    return listed[: listed.index(visible[-1]) + 1] if visible else listed


def _slots(version: Version, errors: Mapping[str, str], pictures: Mapping[str, Picture | None]) -> list[Slot]:
    required = requirements.required_pictures(version)
    has_picture = any(picture for name, picture in pictures.items() if not is_mask(name))
    return [
        Slot(
            name=name,
            label=input_labels.label(name),
            required=name in required,
            is_mask=is_mask(name),
            picture=pictures.get(name),
            description=""
            if name in input_labels.LABELS
            else str(version.properties[name].get("description", "")),
            error=errors.get(name, ""),
            blocked=is_mask(name) and not has_picture,
        )
        for name in picture_fields(version)
    ]


def _listed(controls: Mapping[str, Control], placed: set[str]) -> list[Control]:
    listed = []
    for name, control in controls.items():
        if name in placed:
            continue
        if name in ("width", "height") and {"width", "height"} <= controls.keys():
            placed |= {"width", "height"}
            control = _size(controls["width"], controls["height"])
        listed.append(control)
    return listed


# Controls shown first whatever the schema's order says; the rest keeps that order.
_ORDER = [
    model_hints.OBJECTS,
    "path",
    "aspect_ratio",
    "width",
    "num_outputs",
    "num_animation_frames",
    "gif_frames_per_second",
    "prompt_strength",
    "num_inference_steps",
    "steps",
    "guidance_scale",
    "seed",
    "output_format",
]


def _weight_of_words(control: Control) -> int:
    """As `_weight`, without a picture: prompt strength comes last then."""
    return len(_ORDER) if control.name == "prompt_strength" else _weight(control)


def _weight(control: Control) -> int:
    return _ORDER.index(control.name) if control.name in _ORDER else len(_ORDER)


def _control(
    version: Version, name: str, rule: dict[str, Any], values: Mapping[str, Any], error: str
) -> Control:
    default = rule.get("default")
    posted = values.get(name)
    common: dict[str, Any] = {
        "name": name,
        "label": input_labels.label(name, version),
        "value": to_text(default if posted is None else posted),
        "default": to_text(default),
        "help": input_labels.help_for(name, rule),
        "description": str(rule.get("description", "")),
        "error": error,
    }
    limits = model_hints.limits(version, name)
    if limits is not None:
        rule = rule | dict(zip(("minimum", "maximum"), limits, strict=True))
    return _with_dependencies(_from_schema(name, rule, common), version, values)


def _with_dependencies(control: Control, version: Version, values: Mapping[str, Any]) -> Control:
    """The control with its dependencies on other inputs."""
    rules, name = version.properties, control.name
    if control.kind == "shapes" and not model_hints.has_ratio_sizes(version):
        control = replace(control, options=[replace(option, note="") for option in control.options])
    if model_hints.follows_picture(version, name):
        return replace(control, follows="image", idle=bool(values.get("image")))
    if (
        name == "prompt_strength"
        and "image" in rules
        and "image" not in requirements.required_pictures(version)
    ):
        return replace(control, beside="image", idle=not values.get("image"))
    beside, among = model_hints.ONLY_WITH.get(name, ("", ()))
    if beside in rules:
        chosen = to_text(values.get(beside, rules[beside].get("default")))
        return replace(control, beside=beside, beside_values=among, idle=chosen not in among)
    return control


def _from_schema(name: str, rule: dict[str, Any], common: dict[str, Any]) -> Control:
    value = common["value"]
    if name == "aspect_ratio" and "enum" in rule:
        options = [
            Option(
                str(o),
                str(o),
                str(o) == value,
                size_options.ratio_outline(str(o)),
                size_options.pixels_of_ratio(str(o)),
            )
            for o in rule["enum"]
        ]
        return Control(kind="shapes", options=options, **common)
    if name == model_hints.OBJECTS:
        chosen = value.split(",")
        options = [Option(name_, str(word), name_ in chosen) for name_, word in model_hints.NAMES.items()]
        return Control(kind="names", options=options, **common)
    if "enum" in rule and all(str(o) in model_hints.STYLES for o in rule["enum"]):
        options = [Option(str(o), str(model_hints.STYLES[str(o)][0]), str(o) == value,
            note=str(model_hints.STYLES[str(o)][1]))
                   for o in rule["enum"]]  # fmt: skip
        return Control(kind="cards", options=options, **common)
    if "enum" in rule:
        options = [Option(to_text(o), input_labels.value(o), to_text(o) == value) for o in rule["enum"]]
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
    limits: dict[str, Any] = {
        "minimum": to_text(low),
        "maximum": to_text(high),
        "step": _step(kind, low, high),
    }
    if name == "num_outputs" and low == 1 and high is not None:
        if high > SEGMENTS:
            return Control(kind="stepper", **limits, **common)
        counts = [str(count) for count in range(1, int(high) + 1)]
        options = [Option(count, count, count == common["value"]) for count in counts]
        return Control(kind="segmented", options=options, **limits, **common)
    return Control(kind="number" if low is None or high is None else "slider", **limits, **common)


def _size(width: Control, height: Control) -> Control:
    """Width and height as one control."""
    sides = [
        size_options.Side(
            side.value, side.default, [int(o.value) for o in side.options], side.minimum, side.maximum
        )
        for side in (width, height)
    ]
    return replace(
        width,
        kind="size",
        label=input_labels.label("size"),
        partner=height,
        error=width.error or height.error,
        step=width.step if width.options else "8",
        shapes=size_options.pairs(*sides),
    )


def _step(kind: str, low: Any, high: Any) -> str:
    if kind == "integer":
        return "1"
    return "0.01" if low is not None and high is not None and high - low <= 2 else "0.1"


def to_text(value: Any) -> str:
    """A value as a form field holds it; None is the empty field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
