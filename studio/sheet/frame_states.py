"""Frames of a prediction on the sheet: one per output, whether queued, in progress, done or missing."""

from __future__ import annotations

from dataclasses import dataclass, field

from gallery.items import justified_rows, tiles
from gallery.models import Item
from predictions.execution import result_files
from predictions.lifecycle import previews
from predictions.models import Phase, Prediction, Status
from predictions.pricing import calculator
from studio.sheet import failure_messages


@dataclass(frozen=True)
class FrameContext:
    """What frames are rendered with beside the rows themselves."""

    previews: dict[int, int] = field(default_factory=dict)
    """The number of the newest preview, by the prediction's primary key."""
    liked: frozenset[int] = frozenset()
    """Primary keys of the items that the viewer likes."""
    veil: bool = True
    """Whether sensitive pictures are blurred until asked for."""


@dataclass(frozen=True)
class Frame:
    """One output, present or expected. `state` selects how it is rendered."""

    number: int
    state: str
    ratio: float
    tile: tiles.Tile | None = None
    seed: int | None = None
    preview_url: str = ""
    """URL of the newest preview while it is in progress."""
    progress: float = 0.0
    """Its progress, 0 to 100, while the outputs of a prediction are made one after the other."""
    words: str = ""
    """The answer of a text model."""
    liked: bool = False
    veiled: bool = False

    @property
    def shown_number(self) -> str:
        """The number as on the edge of a film."""
        return f"{self.number:02d}"

    @property
    def style(self) -> str:
        """Aspect ratio and placeholder as CSS."""
        parts = f"--r:{self.ratio:.4f}"
        return f"{parts};{tiles.placeholder(self.tile.item)}" if self.tile else parts


def is_developing(prediction: Prediction) -> bool:
    """Whether it is being worked on."""
    return not prediction.is_ended and prediction.phase != Phase.WAITING


def requested_count(prediction: Prediction) -> int:
    """The number of outputs requested."""
    return max(1, calculator.requested_outputs(prediction.version, prediction.input))


def for_prediction(
    prediction: Prediction, items: list[Item], context: FrameContext, before: int = 0
) -> list[Frame]:
    """The frames of a prediction with its items, in order; `before` frames of its batch precede them."""
    count, ratio = requested_count(prediction), requested_ratio(prediction)
    if prediction.status == Status.SUCCEEDED:
        return _finished(prediction, items, count, context, before)
    if prediction.status == Status.FAILED:
        state = "dropped" if failure_messages.is_too_sensitive(prediction) else "failed"
        return [Frame(before + 1, state, ratio)]
    if prediction.is_ended:
        return [Frame(before + 1, "cancelled", ratio)]
    if not is_developing(prediction):
        return [Frame(before + index + 1, "queued", ratio) for index in range(count)]
    return _developing(prediction, count, ratio, context.previews.get(prediction.pk), before)


def _developing(
    prediction: Prediction, count: int, ratio: float, preview: int | None, before: int
) -> list[Frame]:
    # Outputs are made one after the other, so the preview is of the one that the progress has reached.
    completed = (prediction.progress or 0) * count
    current = min(count - 1, int(completed))
    address = previews.path_of(prediction, preview) if preview is not None else ""
    return [
        Frame(
            before + index + 1,
            "developing",
            ratio,
            preview_url=address if index == current else "",
            progress=round(100 * min(1.0, max(0.0, completed - index)), 1),
        )
        for index in range(count)
    ]


def _finished(
    prediction: Prediction, items: list[Item], count: int, context: FrameContext, before: int
) -> list[Frame]:
    ratio = requested_ratio(prediction)
    if not prediction.version.gives_files:
        return [Frame(before + 1, "text", ratio, words=_text(prediction))]
    frames = [_of_item(prediction, item, context, before) for item in items]
    delivered = len(prediction.output) if isinstance(prediction.output, list) else 1
    if prediction.data_removed or not isinstance(prediction.output, list):
        delivered = count
    return sorted(
        [*frames, *_missing(prediction, frames, range(before + 1, before + count + 1), count - delivered)],
        key=lambda frame: frame.number,
    )


def _missing(prediction: Prediction, frames: list[Frame], numbers: range, count: int) -> list[Frame]:
    """Frames for missing outputs, in the free places."""
    taken = {frame.number for frame in frames}
    free = [number for number in numbers if number not in taken]
    # Where an item was deleted nobody knows which place was its own.
    places = free[max(0, len(free) - count) :] if count > 0 else []
    # Files lost by the provider, as opposed to those dropped as sensitive.
    lost = len(places) - prediction.filtered if result_files.names_missing(prediction.logs) else 0
    return [
        Frame(number, "missing" if order < lost else "dropped", requested_ratio(prediction))
        for order, number in enumerate(places)
    ]


def _of_item(prediction: Prediction, item: Item, context: FrameContext, before: int) -> Frame:
    index, first = item.output.index, prediction.seed()
    state = "trashed" if item.in_trash else "hidden" if item.hidden_at else "done"
    return Frame(
        before + index + 1,
        state,
        justified_rows.clamped_ratio(item.ratio),
        tiles.Tile(item, own=True),
        None if first is None else first + index,
        liked=item.pk in context.liked,
        veiled=item.sensitive and context.veil,
    )


def _text(prediction: Prediction) -> str:
    output = prediction.output
    if isinstance(output, list):
        return "".join(part for part in output if isinstance(part, str))
    return output if isinstance(output, str) else ""


def requested_ratio(prediction: Prediction) -> float:
    """The aspect ratio that the input asks for, so that a frame has its shape before the picture is there."""
    rules = prediction.version.properties
    inputs = prediction.input
    ratio = inputs.get("aspect_ratio", rules.get("aspect_ratio", {}).get("default"))
    if isinstance(ratio, str):
        wide, _colon, high = ratio.partition(":")
        if wide.isdigit() and high.isdigit() and int(high):
            return justified_rows.clamped_ratio(int(wide) / int(high))
    width = inputs.get("width", rules.get("width", {}).get("default"))
    height = inputs.get("height", rules.get("height", {}).get("default"))
    if isinstance(width, int | float) and isinstance(height, int | float) and width > 0 and height > 0:
        return justified_rows.clamped_ratio(width / height)
    return 1.0
