"""Supervisor: starts each part in a session of its own, and restarts it at once when it ends or freezes.

A part is forked from this process, which has imported what it needs, or started as a program. Plain Python without
Django, threads or a database, none of which can then make the supervisor fail.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.processes import forks, pdeathsig, programs, session

log = logging.getLogger("darkroom.supervisor")

CRASHES_ALLOWED = 5
CRASH_WINDOW_S = 60.0
LONGEST_BACKOFF_S = 30.0


@dataclass(frozen=True)
class Part:
    """One child process to be kept running."""

    name: str
    argv: Sequence[str]
    """The program; not used where `run` is given and this process forks."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the supervisor's own environment."""
    fds: tuple[int, ...] = ()
    """Descriptors that it inherits."""
    stage: int = 0
    """Parts of a lower stage are stopped, and gone, before those of the next are asked to stop."""
    grace_s: float = 6.0
    """Seconds between SIGTERM and SIGKILL when everything stops."""
    after_s: float = 0.0
    """Seconds that its first start waits; later ones do not."""
    run: Callable[[], int | None] | None = None
    """What a fork of this process does instead of the program."""
    silent_s: float = 0.0
    """Seconds without a sign of life (`life.sign`) after which it is killed and started again. 0: it gives none."""


class _Slot:
    """A part with its present process and its record of crashes."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.process: subprocess.Popen[bytes] | forks.Forked | None = None
        self.leash = -1
        self.life = -1
        """Our end of the pipe with its signs of life."""
        self.last_sign = 0.0
        """Monotonic time of the last sign of life, or of the start."""
        self.crashes: deque[float] = deque()
        self.starts = 0
        self.due = time.monotonic() + part.after_s
        self.waits_s = 0.0

    def start(self, fork: bool) -> None:
        """Start it. Raises OSError where that cannot be; nothing is left open then."""
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            hold, self.leash = os.pipe()
            theirs.callback(os.close, hold)
            ours.callback(os.close, self.leash)
            self.life, signs = os.pipe()
            theirs.callback(os.close, signs)
            ours.callback(os.close, self.life)
            for end in (self.life, signs):
                os.set_blocking(end, False)
            environment = {**self.part.env, programs.LIVENESS_VARIABLE: str(signs)}
            fds = (signs, *self.part.fds)
            if fork and self.part.run is not None:
                self.process = forks.fork(
                    f"dr-{self.part.name}", self.part.run, leash_fd=hold, fds=fds, environment=environment
                )
            else:
                self.process = subprocess.Popen(
                    list(self.part.argv),
                    env={**os.environ, **environment, pdeathsig.LEASH_VARIABLE: str(hold)},
                    pass_fds=(hold, *fds),
                    stdin=subprocess.DEVNULL,
                    stdout=sys.stderr.fileno(),
                    start_new_session=True,
                )
            ours.pop_all()
        self.starts += 1
        self.last_sign = time.monotonic()

    def ended(self) -> bool:
        """Whether the main process has ended; it is not reaped yet, so that its id still names its session."""
        assert self.process is not None
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.process.pid, flags) is not None

    def silent(self, now: float) -> float:
        """Seconds since its last sign of life, where that is longer than it may be; else 0."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.life, 4096):
                self.last_sign = now
        elapsed = now - self.last_sign
        return elapsed if 0 < self.part.silent_s < elapsed else 0.0

    def end(self) -> int:
        """Kill what is left of the part, at every depth. Returns the main process's exit code."""
        assert self.process is not None
        session.kill_session(self.process.pid)
        os.close(self.leash)
        os.close(self.life)
        code = self.process.wait()
        self.process = None
        return code

    def note_crash(self, now: float) -> None:
        """Decide when to start it again: at once, or after a pause that doubles while it crashes too often."""
        self.crashes.append(now)
        while self.crashes[0] < now - CRASH_WINDOW_S:
            self.crashes.popleft()
        excess = len(self.crashes) - CRASHES_ALLOWED
        self.waits_s = 0.0 if excess < 0 else min(LONGEST_BACKOFF_S, 0.25 * 2.0**excess)
        self.due = now + self.waits_s


class Supervisor:
    """Runs parts until SIGTERM, SIGINT or SIGHUP, or until `stop` is called; then stops them in stages.

    `run` must be called in the main thread. `stop` may be called from any thread. `fork`: whether parts that can be
    forked are. `on_tick` is called about once a second, and when anything happens; it must not wait.
    """

    def __init__(
        self, parts: Sequence[Part], *, fork: bool = False, on_tick: Callable[[], None] | None = None
    ) -> None:
        self._slots = [_Slot(part) for part in parts]
        self._fork = fork
        self._on_tick = on_tick
        self._stopping = threading.Event()
        self._hurry = False
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)

    def run(self) -> None:
        """Supervise until asked to stop, then stop every part. None of their processes is left when it returns."""
        session.adopt_orphans()
        with self._signals():
            try:
                while not self._stopping.is_set():
                    self._step()
                    self._sleep(self._until_next())
            finally:
                self._stop_all()

    def stop(self) -> None:
        """Ask `run` to stop the parts and return."""
        self._stopping.set()
        self._wake()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopping.is_set()

    def states(self) -> dict[str, dict[str, Any]]:
        """By part: `state` (running, backing off, stopped), `starts`, `crashes` in the last minute, `waits_s`."""
        now = time.monotonic()
        return {slot.part.name: _state(slot, now) for slot in self._slots}

    # -- one round -------------------------------------------------------------------------------------------
    def _step(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.process is not None and slot.ended():
                self._crashed(slot)
            elif slot.process is not None and (silent := slot.silent(now)):
                log.error("%s is killed: no sign of life for %.0f s", slot.part.name, silent)
                self._crashed(slot)
            if slot.process is None and slot.due <= time.monotonic():
                self._start(slot)
        session.reap_orphans({slot.process.pid for slot in self._slots if slot.process})
        if self._on_tick:
            self._on_tick()

    def _crashed(self, slot: _Slot) -> None:
        code = slot.end()
        slot.note_crash(time.monotonic())
        cause = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        again = f"again in {slot.waits_s:g} s" if slot.waits_s else "started again at once"
        log.warning("%s ended %s; %s", slot.part.name, cause, again)

    def _start(self, slot: _Slot) -> None:
        try:
            slot.start(self._fork)
        except OSError as error:  # out of processes, memory or descriptors: the others go on
            log.error("%s cannot be started: %s", slot.part.name, error)
            slot.note_crash(time.monotonic())
            slot.due = max(slot.due, time.monotonic() + 1.0)

    def _until_next(self) -> float:
        waiting = [slot.due - time.monotonic() for slot in self._slots if slot.process is None]
        return max(0.0, min([1.0, *waiting]))

    # -- the end ---------------------------------------------------------------------------------------------
    def _stop_all(self) -> None:
        if self._on_tick:
            self._on_tick()
        for stage in sorted({slot.part.stage for slot in self._slots}):
            self._stop_stage([s for s in self._slots if s.part.stage == stage and s.process is not None])
        _kill_orphans()

    def _stop_stage(self, slots: list[_Slot]) -> None:
        began = time.monotonic()
        for slot in slots:
            with contextlib.suppress(ProcessLookupError):
                os.kill(slot.process.pid, signal.SIGTERM)  # type: ignore[union-attr]
        running = list(slots)
        while running:
            for slot in list(running):
                late = self._hurry or time.monotonic() - began > slot.part.grace_s
                if late or slot.ended():
                    slot.end()
                    running.remove(slot)
            if running:
                self._sleep(0.1)

    # -- signals and sleep -----------------------------------------------------------------------------------
    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        watched = [signal.SIGTERM, signal.SIGINT, signal.SIGCHLD]
        if (
            signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        ):  # under nohup a closed terminal is no reason to stop
            watched.append(signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in watched}
        old_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in watched:
            signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(old_fd)

    def _on_signal(self, number: int, frame: object) -> None:
        if number == signal.SIGCHLD:
            return
        # A second signal: stop without grace.
        self._hurry = self._stopping.is_set()
        self._stopping.set()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._writer.send(b"\0")

    def _sleep(self, seconds: float) -> None:
        ready, _, _ = select.select([self._reader], [], [], seconds)
        if ready:
            with contextlib.suppress(BlockingIOError):
                while self._reader.recv(4096):
                    pass


def _state(slot: _Slot, now: float) -> dict[str, Any]:
    running = slot.process is not None
    waiting = not running and slot.due > now
    return {
        "state": "running" if running else "backing off" if waiting else "stopped",
        "starts": slot.starts,
        "crashes": sum(1 for at in list(slot.crashes) if at > now - CRASH_WINDOW_S),
        "waits_s": slot.waits_s if waiting else 0.0,
    }


def _kill_orphans() -> None:
    """Kill every child that is left, orphaned while stopping, and wait until it is gone."""
    deadline = time.monotonic() + 3.0
    while time.monotonic() < deadline:
        orphans = session.children(os.getpid())
        if not orphans:
            return
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        session.reap_orphans(set())
        time.sleep(0.02)
