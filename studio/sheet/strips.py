"""Strips of the sheet: a single prediction (`Batch`), or all of one submit (`Group`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.credits import amounts
from gallery.models import Item
from predictions.dispatch import queue_position
from predictions.execution import retries
from predictions.models import Phase, Prediction, Status
from predictions.models.prediction import ENDED
from studio.sheet import failure_messages, frame_states
from studio.sheet.frame_states import Frame

_STEP = re.compile(r"(\d{1,4})/(\d{1,4}) \[")
MOST_COLUMNS = 8
"""Seeds side by side in a grid of prompts and seeds; with more, frames simply follow each other."""


@dataclass(frozen=True)
class Part:
    """A prediction's position in its group: the group's id, and how many precede it."""

    group: str
    index: int


@dataclass(frozen=True)
class Batch:
    """One prediction on the sheet: a strip of its own, or a part of a group."""

    prediction: Prediction
    frames: list[Frame]
    place: queue_position.QueuePosition | None = None
    items: Sequence[Item] = ()
    fresh: bool = False
    part: Part | None = None
    elsewhere: bool = False
    """Whether a retry would go to another upstream."""

    @property
    def kind(self) -> str:
        """How it is rendered: as a `strip`, or as a `part` of a group."""
        return "part" if self.part else "strip"

    @property
    def key(self) -> str:
        """The page's id for it."""
        return self.prediction.public_id

    @property
    def live(self) -> bool:
        """Not ended yet."""
        return not self.prediction.is_ended

    @property
    def halted(self) -> bool:
        """Ended without an output."""
        return self.prediction.is_ended and self.prediction.status != Status.SUCCEEDED

    @property
    def percent(self) -> int | None:
        """Its progress as the provider reports it; never estimated."""
        progress = self.prediction.progress
        return None if progress is None or self.waiting else min(99, int(progress * 100))

    @property
    def waiting(self) -> bool:
        """In the queue."""
        return self.prediction.phase == Phase.WAITING

    @property
    def step(self) -> tuple[str, str] | None:
        """Step and number of steps, from the last log line that has them.

        None where they are those of one output of several, so that they contradict the percentage.
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
    def trouble(self) -> str:
        """Why its finished files are delayed, while they are being fetched again."""
        message = retries.log_message(self.prediction.logs) if self.live else ""
        return _(message) if message else ""

    @property
    def state_key(self) -> str:
        """Changes whenever something shown of it changes; the page sends back the one it has."""
        place = f"{self.place.number}" if self.place else ""
        return f"{self.prediction.public_id}.{self.prediction.revision}.{place}"

    @property
    def seconds_left(self) -> int | None:
        """The estimated wait, rounded so that it does not flicker."""
        seconds = self.place.seconds if self.place else None
        if seconds is None:
            return None
        return max(1, round(seconds)) if seconds < 10 else round(seconds / 5) * 5

    @property
    def done(self) -> int:
        """Items present."""
        return sum(frame.tile is not None for frame in self.frames)

    @property
    def credits_returned(self) -> int:
        """The part of the hold that was returned, in micro-credits; 0 while it is live."""
        return self.prediction.ceiling - (self.prediction.charge or 0) if self.prediction.is_ended else 0

    @property
    def failure_reason(self) -> str:
        """Why it failed, without the sentence on credits, which is shown beside."""
        return failure_messages.reason(self.prediction)

    @property
    def can_retry(self) -> bool:
        """Whether a retry is offered: not where it failed as too sensitive, nor without its data."""
        return not self.prediction.data_removed and not failure_messages.is_too_sensitive(self.prediction)

    @property
    def status_text(self) -> str:
        """One sentence on how it ended, for screen readers; for a part only a failure."""
        if self.prediction.status == Status.FAILED:
            return _("Failed: %(reason)s Nothing was charged.") % {"reason": self.failure_reason[:200]}
        if self.part:
            return ""
        if self.halted:
            return _("Cancelled.")
        return _("%(done)s of %(all)s done") % {"done": self.done, "all": len(self.frames)}

    @property
    def note(self) -> str:
        """A sentence on what is missing, and what was charged."""
        missing = [frame.state for frame in self.frames if frame.state in ("dropped", "missing")]
        if not missing or self.prediction.status != Status.SUCCEEDED:
            return ""
        if "missing" in missing:
            message = ngettext(
                "%(away)s of %(all)s could not be had. You paid for %(paid)s; %(credits)s came back.",
                "%(away)s of %(all)s could not be had. You paid for %(paid)s; %(credits)s came back.",
                len(missing),
            )
        elif self.credits_returned <= 0:
            message = ngettext(
                "%(away)s of %(all)s was too sensitive and was dropped. Here it is paid for all the same.",
                "%(away)s of %(all)s were too sensitive and were dropped. Here they are paid for all the same.",
                len(missing),
            )
        else:
            message = ngettext(
                "%(away)s of %(all)s was too sensitive and was dropped. You paid for %(paid)s; "
                "%(credits)s came back.",
                "%(away)s of %(all)s were too sensitive and were dropped. You paid for %(paid)s; "
                "%(credits)s came back.",
                len(missing),
            )
        return message % {
            "away": len(missing), "all": len(self.frames), "paid": len(self.frames) - len(missing),
            "credits": amounts.with_unit(self.credits_returned),
        }  # fmt: skip


@dataclass(frozen=True)
class Member:
    """What the head of a group needs of each of its predictions."""

    COLUMNS: ClassVar = ("pk", "public_id", "status", "phase", "revision", "ceiling", "charge")

    pk: int
    public_id: str
    status: str
    phase: str
    revision: int
    ceiling: int
    charge: int | None

    @property
    def live(self) -> bool:
        """Not ended yet."""
        return self.status not in ENDED


@dataclass(frozen=True)
class Row:
    """One prompt of a grid with its parts, one per seed."""

    label: str
    parts: list[Batch]


@dataclass(frozen=True)
class Group:
    """All predictions of one submit. `parts` are those shown; empty where only the head is rendered."""

    prediction: Prediction
    """The first one."""
    members: list[Member]
    done: int
    parts: list[Batch] = field(default_factory=list)

    fresh = False

    @property
    def kind(self) -> str:
        """How it is rendered: the whole `group`, or its `head` alone."""
        return "group" if self.parts else "head"

    @property
    def key(self) -> str:
        """The page's id for it."""
        return self.prediction.batch

    @property
    def live(self) -> bool:
        """Whether any of them has not ended."""
        return any(member.live for member in self.members)

    @property
    def waiting(self) -> bool:
        """Whether none of them has been started yet."""
        return all(member.phase == Phase.WAITING for member in self.members if member.live)

    @property
    def halted(self) -> bool:
        """Ended without an output."""
        return not self.live and not self.done

    @property
    def all(self) -> int:
        """Outputs requested."""
        return len(self.members) * frame_states.requested_count(self.prediction)

    @property
    def failed(self) -> int:
        """The number of failed predictions."""
        return sum(member.status == Status.FAILED for member in self.members)

    @property
    def credits_returned(self) -> int:
        """The part of the holds returned by now, in micro-credits."""
        return sum(member.ceiling - (member.charge or 0) for member in self.members if not member.live)

    @property
    def hidden(self) -> int:
        """The number of predictions not shown."""
        return len(self.members) - len(self.parts)

    @property
    def state_key(self) -> str:
        """Changes whenever the head does."""
        ended = sum(not member.live for member in self.members)
        moving = int(not self.waiting)
        return f"{self.key}.{ended}.{self.done}.{moving}"

    @property
    def note(self) -> str:
        """What was not made, and what was returned for that."""
        cancelled = sum(member.status in (Status.CANCELED, Status.ABORTED) for member in self.members)
        parts = []
        if self.failed:
            parts.append(ngettext("%(n)s failed", "%(n)s failed", self.failed) % {"n": self.failed})
        if cancelled:
            parts.append(ngettext("%(n)s cancelled", "%(n)s cancelled", cancelled) % {"n": cancelled})
        if parts and not self.live:
            parts.append(_("%(credits)s came back") % {"credits": amounts.with_unit(self.credits_returned)})
        return " · ".join(parts)

    @property
    def status_text(self) -> str:
        """Its progress, for screen readers."""
        return _("%(done)s of %(all)s done") % {"done": self.done, "all": self.all}

    @property
    def prompts(self) -> list[str]:
        """The distinct prompts among the parts shown, in order."""
        return list(dict.fromkeys(part.prediction.prompt for part in self.parts))

    @property
    def columns(self) -> int:
        """Frames side by side: one per seed in a grid, else four."""
        return len(self.rows[0].parts) if self.rows else 4

    @property
    def narrow_columns(self) -> int:
        """The same on a phone: two or three, whichever leaves no gap."""
        return 3 if self.columns % 3 == 0 else 2

    @property
    def layout(self) -> str:
        """`grid` for prompts by seeds, `rows` where each prediction has several outputs, else `flat`."""
        if any(len(part.frames) > 1 for part in self.parts):
            return "rows"
        return "grid" if self.rows else "flat"

    @property
    def rows(self) -> list[Row]:
        """The rows of a grid of prompts by seeds; empty where it is none, or not all of it is shown."""
        prompts = self.prompts
        seeds = len(self.parts) // max(1, len(prompts))
        if self.hidden or not (len(prompts) > 1 and 1 < seeds <= MOST_COLUMNS):
            return []
        rows = [
            Row(prompt, [part for part in self.parts if part.prediction.prompt == prompt])
            for prompt in prompts
        ]
        return rows if all(len(row.parts) == seeds for row in rows) else []
