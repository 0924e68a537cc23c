"""The supervisor's duties that need the database or the engine, in a thread of their own.

The supervising loop itself touches neither, so a database that hangs delays no restart. What is found frozen here is
handed to the supervisor to be killed and started again.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import DatabaseError, close_old_connections, connection

from predictions.models import Beat
from predictions.running import queue
from predictions.running.beats import beat
from predictions.running.supervisor import Supervisor

log = logging.getLogger("darkroom.pulse")

FROZEN_AFTER_S = 60.0
KNOCK_EVERY_S = 15.0
OWN_BEAT_EVERY_S = 5.0
TICK_S = 1.0
SERVICES = ("engine", "local")
"""Parts that are asked; all others write signs of life themselves."""


@dataclass
class _Watched:
    """What was last seen of one part, in this process's own monotonic seconds: clocks of machines may differ."""

    part: str
    seen: datetime | None = None
    process: int | None = None
    since: float = 0.0
    awaited: bool = True
    """It was started and has not given a sign of life since."""

    def fresh(self, now: float) -> None:
        self.since = now


class Pulse:
    """Knocks at the cluster, looks for signs of life, asks the engine, and notes the state of all parts."""

    def __init__(
        self, supervisor: Supervisor, services: Mapping[str, tuple[Path, str]], instance: str
    ) -> None:
        """`services` are the parts that answer on a socket of their own (engine, local), with its path and secret."""
        self._supervisor = supervisor
        self._services = dict(services)
        self._instance = instance
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        now = time.monotonic()
        # Parts that write their own signs of life; each under a kind of the same name.
        self._watched = [_Watched(part, since=now) for part in supervisor.states() if part not in SERVICES]
        self._asked = {name: _Watched(name, since=now) for name in self._services}
        self._last_knock: dict[str, float] = {}
        self._last_own = 0.0

    def start(self) -> None:
        """Begin; the thread ends with the process."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and take this instance's signs of life back: what was stopped on purpose is not missed."""
        self._stop.set()
        self._thread.join(timeout=2.0)
        if not self._thread.is_alive():
            with contextlib.suppress(Exception):
                Beat.objects.filter(instance=self._instance).delete()
        connection.close()

    def _run(self) -> None:
        self.round(time.monotonic())
        while not self._stop.wait(TICK_S):
            self.round(time.monotonic())
        connection.close()

    def round(self, now: float) -> None:
        """One tick that survives whatever happens in it."""
        try:
            close_old_connections()
            self.tick(now)
        except DatabaseError as error:
            # Without a database nobody can give a sign of life: that is no reason to kill anybody.
            log.warning("The signs of life cannot be read: %s", error)
            self._forgive(now)
            connection.close()
        except Exception:
            log.exception("The supervisor's round broke")

    def _forgive(self, now: float) -> None:
        for watched in self._watched:
            watched.fresh(now)

    def tick(self, now: float) -> None:
        """One round. Raises what the database raises."""
        seen = dict(Beat.objects.filter(instance=self._instance).values_list("kind", "at"))
        for watched in self._watched:
            self._look(watched, seen.get(watched.part), now)
        answers = {name: self._ask(watched, now) for name, watched in self._asked.items()}
        if now - self._last_own >= OWN_BEAT_EVERY_S:
            self._last_own = now
            self._note("supervisor", {"parts": self._supervisor.states()})
            for name, answer in answers.items():
                if answer is not None:
                    self._note(name, answer)

    def _look(self, watched: _Watched, seen: datetime | None, now: float) -> None:
        process = self._supervisor.process_id(watched.part)
        if process != watched.process or seen != watched.seen:
            watched.awaited = seen == watched.seen
            watched.process, watched.seen = process, seen
            watched.fresh(now)
        silent = now - watched.since
        if process is not None and silent > FROZEN_AFTER_S:
            self._supervisor.replace(watched.part, f"no sign of life for {silent:.0f} s")
            watched.fresh(now)
        if watched.part.startswith("cluster-"):
            self._knock(watched, silent, now)

    def _knock(self, watched: _Watched, silent: float, now: float) -> None:
        every = TICK_S if watched.awaited or silent > FROZEN_AFTER_S / 2 else KNOCK_EVERY_S
        if now - self._last_knock.get(watched.part, -KNOCK_EVERY_S) >= every:
            self._last_knock[watched.part] = now
            queue.knock(watched.part.removeprefix("cluster-"))

    def _ask(self, watched: _Watched, now: float) -> dict[str, Any] | None:
        """What a service says of itself; kills it where its process is there and does not answer for a minute."""
        process = self._supervisor.process_id(watched.part)
        answer = engine_health(*self._services[watched.part])
        if answer is not None or process != watched.process:
            watched.process = process
            watched.fresh(now)
        elif process is not None and now - watched.since > FROZEN_AFTER_S:
            self._supervisor.replace(watched.part, "it does not answer")
            watched.fresh(now)
        return answer

    def _note(self, kind: str, detail: dict[str, Any]) -> None:
        beat(kind, detail, instance=self._instance)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def engine_health(path: Path, secret: str, timeout: float = 3.0) -> dict[str, Any] | None:
    """The engine's own account (boot id, slots, what it is painting), or None where it does not answer well."""
    connection_ = _UnixConnection(path, timeout)
    try:
        connection_.request("GET", "/health", headers={"Authorization": f"Bearer {secret}"})
        response = connection_.getresponse()
        body = response.read()
        answer = json.loads(body) if response.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection_.close()
    return answer if isinstance(answer, dict) else None
