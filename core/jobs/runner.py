"""Runner of jobs: one SQL statement a second asks which of them have anything to do.

A job names its question: querysets of which one row means work. The answer is never trusted alone: now and then each
job runs unasked, and where no answer comes, because a table is locked, say, each runs by its clock. A question that
hangs or breaks holds up no job but its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import structlog
from django.db import close_old_connections, connections

from core.db import retry
from core.db.prepared import PreparedExists, Question
from core.jobs import wakeups

log = structlog.get_logger(__name__)

ROUND_S = 1.0
SOONEST_S = 0.2
"""The pause between two statements, however many hints come."""
PATIENCE_S = 5.0
"""An answer that takes longer is not waited for."""
UNASKED_S = 60.0
HEARD = (wakeups.CHORES, wakeups.ENDED, wakeups.ITEMS)
"""Hints after which something may be owed."""


@dataclass
class Step:
    """A periodic job in bounded turns; it may be killed at any moment."""

    name: str
    do: Callable[[], object]
    """Runs one turn; returns whether there may be more to do at once."""
    due: Question | None = None
    """The query for due work; None: it runs by its clock."""
    every_s: float = 0.0
    """Its rest after a turn that left nothing."""
    unasked_s: float = UNASKED_S
    """Seconds after which it is done whatever the answers say."""
    _more: bool = False
    _rests_until: float = 0.0
    _unasked_at: float = 0.0

    def fresh(self) -> Step:
        """The same, as it is before its first turn."""
        unasked_at = time.monotonic() + self.unasked_s
        return replace(self, _more=False, _rests_until=0.0, _unasked_at=unasked_at)

    def is_due(self, found: Collection[str] | None) -> bool:
        """Whether it is due, by the names of the jobs that have work; None: they are unknown."""
        now = time.monotonic()
        if now < self._rests_until:
            return False
        if self._more or self.due is None or found is None:
            return True
        return self.name in found or now >= self._unasked_at

    def turn(self) -> bool:
        """Run one turn; an exception is logged and stops no other job. Returns whether there may be more at once."""
        try:
            self._more = bool(self.do())
        except Exception:
            log.exception("step_broke", step=self.name)
            self._more = False
            close_old_connections()
        now = time.monotonic()
        self._rests_until = now if self._more else now + self.every_s
        self._unasked_at = now + self.unasked_s
        return self._more


class DuePoller:
    """Asks for all steps at once, every second or as soon as a hint comes, in a thread of its own."""

    def __init__(self, steps: Iterable[Step]) -> None:
        every = list(steps)
        if len({step.name for step in every}) < len(every):
            raise ValueError("Two steps have one name.")
        questions = {step.name: step.due for step in every if step.due is not None}
        self._all = PreparedExists(questions)
        self._each = {name: PreparedExists({name: question}) for name, question in questions.items()}
        self._ears: wakeups.Listeners | None = None
        self._answers = threading.Condition()
        self._number = 0
        self._found: frozenset[str] | None = None
        self._over = False
        self._told: set[str] = set()
        """Questions whose breaking was logged."""

    def run(self, stop: threading.Event) -> None:
        """Ask until `stop` is set; `close` ends the pause."""
        ears = self._ears = wakeups.Listeners(HEARD, "sweep-")
        try:
            while not stop.is_set():
                began = time.monotonic()
                self._round()
                # A hint that arrived meanwhile counts now: its rows may have been too late for that query.
                if ears.wait(ROUND_S) and not stop.is_set():
                    stop.wait(max(0.0, began + SOONEST_S - time.monotonic()))
        finally:
            self._ears = None
            ears.close()
            with self._answers:
                self._over = True
                self._answers.notify_all()
            connections.close_all()

    def close(self) -> None:
        """End the pause: whoever set `stop` wants to go."""
        ears = self._ears
        if ears is not None:
            ears.rouse()

    def ask(self) -> frozenset[str]:
        """Names of the steps that have something to do; of none while the database is away."""
        try:
            found = self._all.found()
        except Exception as error:
            if retry.is_away(error):
                self._tell("database", error)
                close_old_connections()
                return frozenset()
            found = frozenset(name for name, question in self._each.items() if self._is_found(name, question))
        else:
            self._told.clear()
        return found

    def after(self, number: int, seconds: float) -> tuple[int, frozenset[str] | None]:
        """The newest answer after that number, with its own; None where none comes in so many seconds."""
        with self._answers:
            self._answers.wait_for(lambda: self._number > number or self._over, seconds)
            return self._number, self._found if self._number > number else None

    def _round(self) -> None:
        try:
            self._answer(self.ask())
            close_old_connections()
        except Exception:
            # Without an answer the steps go by their clocks.
            log.exception("questions_broke")

    def _answer(self, found: frozenset[str]) -> None:
        with self._answers:
            self._number += 1
            self._found = found
            self._answers.notify_all()

    def _is_found(self, name: str, question: PreparedExists) -> bool:
        try:
            return bool(question.found())
        except Exception as error:
            # Its step then says what is wrong, or does its work all the same.
            self._tell(name, error)
            close_old_connections()
            return True

    def _tell(self, name: str, error: Exception) -> None:
        if name not in self._told:
            self._told.add(name)
            log.error("question_broke", step=name, error=repr(error)[:300])


class Runner:
    """Does its steps one after the other, in a thread of its own: those of one runner never delay another's."""

    def __init__(
        self, steps: Sequence[Step], *, pause_s: float, skips: Callable[[], bool] = lambda: False
    ) -> None:
        """`pause_s`: before the next turn where a step left something over. `skips`: whether to leave out a round."""
        self.steps = [step.fresh() for step in steps]
        self._pause_s = pause_s
        self._skips = skips

    def run(self, stop: threading.Event, asker: DuePoller) -> None:
        """Do what is due until `stop` is set."""
        number, more, patience = 0, False, PATIENCE_S
        found: frozenset[str] | None
        while not stop.is_set():
            if more:
                stop.wait(self._pause_s)
                found = frozenset()
            else:
                number, found = asker.after(number, patience)
                patience = ROUND_S if found is None else PATIENCE_S
            more = not self._skips() and self.round(found, stop)
        connections.close_all()

    def round(self, found: Collection[str] | None, stop: threading.Event | None = None) -> bool:
        """One turn of each step that is due. Whether any left something over."""
        more = False
        for step in self.steps:
            if stop is not None and stop.is_set():
                return False
            if step.is_due(found):
                more = step.turn() or more
        close_old_connections()
        return more
