"""The contact sheet: what a member asked for lately, each as a strip of frames with what is true now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import Account
from gallery import access, money, rows, tiles
from gallery.models import Item
from predictions import lifecycle, previews, pricing
from predictions.models import Phase, Prediction, Status
from predictions.models.prediction import PredictionQuerySet
from predictions.running import collecting, dispatch

SHOWN = 12
"""Batches on one sheet."""
PLACES = 4
"""Waiting batches whose place in the queue is counted; each costs a few queries."""
_STEP = re.compile(r"(\d{1,4})/(\d{1,4}) \[")


@dataclass(frozen=True)
class Frame:
    """One picture to be, or one that is. `state` names how it is drawn."""

    number: int
    state: str
    ratio: float
    tile: tiles.Tile | None = None
    seed: int | None = None
    look: str = ""
    """Address of the newest look at it while it is being made."""
    done: float = 0.0
    """How far this one is, 0 to 100, while the pictures of a batch are made one after the other."""

    @property
    def shown_number(self) -> str:
        """The number as on the edge of a film."""
        return f"{self.number:02d}"

    @property
    def style(self) -> str:
        """Ratio and placeholder."""
        parts = f"--r:{self.ratio:.4f}"
        return f"{parts};{tiles.placeholder(self.tile.item)}" if self.tile else parts


@dataclass(frozen=True)
class Batch:
    """One prediction on the sheet."""

    prediction: Prediction
    frames: list[Frame]
    place: dispatch.Place | None = None
    items: Sequence[Item] = ()
    fresh: bool = False

    @property
    def live(self) -> bool:
        """Not ended yet."""
        return not self.prediction.is_ended

    @property
    def halted(self) -> bool:
        """Ended without a picture."""
        return self.prediction.is_ended and self.prediction.status != Status.SUCCEEDED

    @property
    def percent(self) -> int | None:
        """How far it is, as the provider says; never invented."""
        progress = self.prediction.progress
        return None if progress is None or self.waiting else min(99, int(progress * 100))

    @property
    def waiting(self) -> bool:
        """In the queue."""
        return self.prediction.phase == Phase.WAITING

    @property
    def step(self) -> tuple[str, str] | None:
        """Step and number of steps, from the last line of the log that names them.

        None where they are those of one picture of several, so that they would contradict the percentage.
        """
        found = _STEP.findall(self.prediction.logs[-2000:])
        if not found or self.waiting:
            return None
        step, steps = found[-1]
        percent = self.percent
        if percent is not None and abs(100 * int(step) / max(1, int(steps)) - percent) > 4:
            return None
        return step, steps

    @property
    def state_key(self) -> str:
        """Changes whenever something of it that is shown changes; sent back by the page that has it."""
        place = f"{self.place.number}" if self.place else ""
        return f"{self.prediction.public_id}.{self.prediction.revision}.{place}"

    @property
    def seconds_left(self) -> int | None:
        """The estimate while it waits, rounded so that it does not flicker."""
        seconds = self.place.seconds if self.place else None
        if seconds is None:
            return None
        return max(1, round(seconds)) if seconds < 10 else round(seconds / 5) * 5

    @property
    def done(self) -> int:
        """Pictures that are there."""
        return sum(frame.tile is not None for frame in self.frames)

    @property
    def came_back(self) -> int:
        """What of the hold went back, in micro-credits; 0 while it lives."""
        return self.prediction.ceiling - (self.prediction.charge or 0) if self.prediction.is_ended else 0

    @property
    def why(self) -> str:
        """Why it failed, without the words on money that stand beside it."""
        return (self.prediction.error or "").removesuffix(lifecycle.FREE).rstrip()

    @property
    def said(self) -> str:
        """One sentence on how it ended, for those who do not see the sheet."""
        if self.prediction.status == Status.FAILED:
            return _("Failed: %(reason)s Nothing was charged.") % {"reason": self.why[:200]}
        if self.halted:
            return _("Cancelled.")
        return _("%(done)s of %(all)s done") % {"done": self.done, "all": len(self.frames)}

    @property
    def note(self) -> str:
        """A sentence on what is not there, with what it did not cost."""
        away = [frame.state for frame in self.frames if frame.state in ("dropped", "missing")]
        if not away or self.prediction.status != Status.SUCCEEDED:
            return ""
        if "missing" in away:
            words = _(
                "%(away)s of %(all)s could not be had. Only the others were charged; %(credits)s came back."
            )
        else:
            words = _(
                "%(away)s of %(all)s were too sensitive and were dropped. Only the others were charged; "
                "%(credits)s came back."
            )
        return words % {
            "away": len(away), "all": len(self.frames), "credits": money.words(self.came_back),
        }  # fmt: skip


def recent(account: Account) -> list[Batch]:
    """The newest predictions of an account, newest first."""
    newest = _rows(account).order_by("-created_at", "-id")[:SHOWN]
    return _batches(list(newest))


def some(account: Account, public_ids: Sequence[str], *, fresh: bool = False) -> list[Batch]:
    """These predictions of the account, newest first; unknown and others' ids are left out."""
    return _batches(
        list(_rows(account).filter(public_id__in=public_ids).order_by("-created_at", "-id")), fresh
    )


def any_live(batches: Sequence[Batch]) -> bool:
    """Whether something on the sheet still changes."""
    return any(batch.live for batch in batches)


def _rows(account: Account) -> PredictionQuerySet:
    rows = Prediction.objects.owned_by(account).select_related("model", "version")
    return rows.defer(
        "result", "metrics", "version__output_schema", "version__example_input", "version__source"
    )


def _batches(predictions: list[Prediction], fresh: bool = False) -> list[Batch]:
    items: dict[int, list[Item]] = {}
    ended = [prediction.pk for prediction in predictions if prediction.status == Status.SUCCEEDED]
    mine = access.with_files(Item.objects.filter(output__prediction_id__in=ended)) if ended else ()
    for item in mine:
        items.setdefault(item.output.prediction_id, []).append(item)
    looks = previews.numbers_of([one.pk for one in predictions if _developing(one)])
    counted = 0
    batches = []
    for prediction in reversed(predictions):
        place = None
        if prediction.phase == Phase.WAITING and counted < PLACES:
            place = dispatch.place(prediction)
            counted += 1
        of_one = sorted(items.get(prediction.pk, ()), key=lambda item: item.output.index)
        frames = _frames(prediction, of_one, looks.get(prediction.pk))
        batches.append(Batch(prediction, frames, place, of_one, fresh))
    batches.reverse()
    return batches


def _developing(prediction: Prediction) -> bool:
    return not prediction.is_ended and prediction.phase != Phase.WAITING


def _frames(prediction: Prediction, items: list[Item], look: int | None) -> list[Frame]:
    asked = pricing.asked_outputs(prediction.version, prediction.input)
    ratio = asked_ratio(prediction)
    seed = prediction.seed()
    if prediction.status == Status.SUCCEEDED:
        return _finished(prediction, items, asked, ratio, seed)
    if prediction.status == Status.FAILED:
        return [Frame(1, "failed", ratio)]
    if prediction.is_ended:
        return [Frame(1, "cancelled", ratio)]
    if not _developing(prediction):
        return [Frame(index + 1, "queued", ratio) for index in range(asked)]
    # They are made one after the other, so the look is at the one that the progress has come to.
    made = (prediction.progress or 0) * asked
    at_work = min(asked - 1, int(made))
    address = previews.path_of(prediction, look) if look is not None else ""
    return [
        Frame(
            index + 1,
            "developing",
            ratio,
            look=address if index == at_work else "",
            done=round(100 * min(1.0, max(0.0, made - index)), 1),
        )
        for index in range(asked)
    ]


def _finished(
    prediction: Prediction, items: list[Item], asked: int, ratio: float, seed: int | None
) -> list[Frame]:
    frames = []
    for item in items:
        index = item.output.index
        of_batch = None if seed is None else seed + index
        frames.append(
            Frame(index + 1, "done", rows.shown_ratio(item.ratio), tiles.Tile(item, own=True), of_batch)
        )
    delivered = len(prediction.output) if isinstance(prediction.output, list) else 1
    if prediction.data_removed or not isinstance(prediction.output, list):
        delivered = asked
    missing = asked - delivered
    # What a service lost on the way is not what it held back.
    state = "missing" if collecting.names_missing(prediction.logs) else "dropped"
    frames += [Frame(delivered + extra + 1, state, ratio) for extra in range(missing)]
    return frames


def asked_ratio(prediction: Prediction) -> float:
    """Width by height as the input asks for them, so that a frame has its shape before the picture is there."""
    rules = prediction.version.properties
    given = prediction.input
    ratio = given.get("aspect_ratio", rules.get("aspect_ratio", {}).get("default"))
    if isinstance(ratio, str):
        wide, _colon, high = ratio.partition(":")
        if wide.isdigit() and high.isdigit() and int(high):
            return rows.shown_ratio(int(wide) / int(high))
    width = given.get("width", rules.get("width", {}).get("default"))
    height = given.get("height", rules.get("height", {}).get("default"))
    if isinstance(width, int | float) and isinstance(height, int | float) and width > 0 and height > 0:
        return rows.shown_ratio(width / height)
    return 1.0
