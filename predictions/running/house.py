"""What `manage.py work` keeps running on one machine: cluster, watcher, sweep, poster, engine and local weights."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from predictions.running import leash
from predictions.running.pulse import Pulse
from predictions.running.supervisor import Part, Supervisor

log = logging.getLogger("darkroom.work")

# What fits in a Unix socket's address everywhere, with its closing zero.
SOCKET_PATH_LIMIT = 103


@dataclass(frozen=True)
class EnginePlace:
    """Where the engine (or the service of local weights) listens, where it works, and the secret that it demands."""

    socket: Path
    folder: Path
    secret: str
    name: str = "engine"

    def environment(self) -> dict[str, str]:
        """How the engine and those who call it learn of the place."""
        return {
            f"DARKROOM_{self.name.upper()}_SOCKET": str(self.socket),
            f"DARKROOM_{self.name.upper()}_SECRET": self.secret,
        }


def work(*, with_engine: bool | None = None) -> None:
    """Supervise the parts until a signal stops it. Waits first until no other `work` uses this data folder.

    `with_engine` None follows the settings DARKROOM_ENGINE and DARKROOM_LOCAL_MODELS; False leaves both out.
    """
    leash.arm()
    stop = threading.Event()
    with _one_at_a_time(settings.DATA / "work.lock", stop) as alone:
        if not alone:
            return
        with contextlib.ExitStack() as stack:
            wanted = settings.ENGINE["enabled"] if with_engine is None else with_engine
            place = stack.enter_context(_place("engine", settings.ENGINE["folder"])) if wanted else None
            has_weights = settings.LOCAL["models"] is not None and with_engine is not False
            local = stack.enter_context(_place("local", settings.LOCAL["folder"])) if has_weights else None
            supervisor = Supervisor(parts(place, local))
            services = {one.name: (one.socket, one.secret) for one in (place, local) if one is not None}
            pulse = Pulse(supervisor, services, instance())
            pulse.start()
            supervisor.run()
            pulse.stop()


def parts(place: EnginePlace | None, local: EnginePlace | None = None) -> list[Part]:
    """The parts with their commands; without a place there is no engine, without another no local weights.

    Webhooks have a process of their own: a receiver that hangs never delays a start.
    """
    shared = {"DARKROOM_INSTANCE": instance(), "DARKROOM_PROCESS_ROLE": "work"}
    for one in (place, local):
        shared |= one.environment() if one else {}
    found = [
        Part("cluster-work", _manage("cluster", "work"), {**shared, "Q_CLUSTER_NAME": "work"}, grace_s=5.0),
        Part("watcher", _manage("watch"), shared, grace_s=5.0),
        Part("sweep", _manage("sweep"), shared, grace_s=5.0),
        # Webhooks can wait a second; what people wait for comes first when everything starts at once.
        Part("poster", _manage("post"), shared, grace_s=5.0, after_s=1.0),
    ]
    if place:
        found.append(Part("engine", _manage("engine"), shared, stage=1, grace_s=2.0))
    if local:
        found.append(Part("local", _manage("local"), shared, stage=1, grace_s=2.0))
    return found


_instance = ""


def instance() -> str:
    """The name under which this start of `work` and its parts give their signs of life."""
    global _instance
    _instance = (
        _instance
        or os.environ.get("DARKROOM_INSTANCE", "")
        or f"{socket.gethostname()[:40]}-{secrets.token_hex(4)}"
    )
    return _instance


def _manage(*words: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *words]


@contextlib.contextmanager
def _place(name: str, base: Path) -> Iterator[EnginePlace]:
    """A folder that nobody else may enter, its path short enough for a socket; a secret that dies with this start."""
    folder, away = base / "run", ""
    if len(os.fsencode(folder / f"{name}.sock")) > SOCKET_PATH_LIMIT:
        away = tempfile.mkdtemp(prefix="darkroom-", dir=os.environ.get("XDG_RUNTIME_DIR") or None)
        folder = Path(away)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    try:
        yield EnginePlace(folder / f"{name}.sock", base / "work", secrets.token_urlsafe(32), name)
    finally:
        if away:
            shutil.rmtree(away, ignore_errors=True)


@contextlib.contextmanager
def _one_at_a_time(path: Path, stop: threading.Event) -> Iterator[bool]:
    """Hold the lock in the data folder; False where a signal came before it was free. It ends with the process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with path.open("w") as file:
        for number in before:
            signal.signal(number, lambda *_: stop.set())
        said = False
        while not (locked := _try_lock(file.fileno())) and not stop.wait(0.1):
            if not said:
                log.warning("Another `work` uses this data folder; waiting until it has ended.")
                said = True
        for number, handler in before.items():
            signal.signal(number, handler)
        yield locked and not stop.is_set()


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
