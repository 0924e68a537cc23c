"""The parts that `manage.py work` and `script/server` keep running on one machine, and the supervisor over them.

Parts are forked from the supervisor's process, which has imported what they need: that takes a fiftieth of the time of
a start of their own, and they share its memory. The engine and local weights are programs without Django.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connections

from core.processes import forks, pdeathsig, programs, session
from core.processes.supervisor import Part, Supervisor
from engine.protocol.service_address import ServiceAddress
from predictions.processes import queue_workers, service_status, services, sweep, watch_loops

log = logging.getLogger("darkroom.work")

# What fits in a Unix socket's address everywhere, with its closing zero.
SOCKET_PATH_LIMIT = 103
FROZEN_AFTER_S = 60.0
"""Seconds without a sign of life of a part whose loop gives one every few seconds."""
TELL_S = 4.0
"""Within which the state of the parts is told again: before the sweep listens again."""


def supervise(*, before: Sequence[Part] = (), with_engine: bool | None = None) -> None:
    """Supervise the parts until a signal stops it. Waits first until no other `work` uses this data folder.

    `before`: parts that are stopped before these. `with_engine` None follows the settings DARKROOM_ENGINE and
    DARKROOM_LOCAL_MODELS; False leaves both out.
    """
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        if not stack.enter_context(_one_at_a_time(settings.DATA / "work.lock", stop)):
            return
        wanted = settings.ENGINE["enabled"] if with_engine is None else with_engine
        place = stack.enter_context(_place("engine", settings.ENGINE["folder"])) if wanted else None
        has_weights = settings.LOCAL["models"] is not None and with_engine is not False
        local = stack.enter_context(_place("local", settings.LOCAL["folder"])) if has_weights else None
        told, tell = stack.enter_context(_states())
        wake_ups = stack.enter_context(queue_workers.descriptors())
        every = [*before, *all_parts(wake_ups, place, local, told=told)]
        supervisor = Supervisor(
            stack.enter_context(services.sharing_a_fork_server(every)),
            fork=_can_fork(),
            on_tick=lambda: tell(supervisor),
        )
        supervisor.run()


def work(*, with_engine: bool | None = None) -> None:
    """`manage.py work`: the parts without a web server."""
    pdeathsig.arm()
    supervise(with_engine=with_engine)


def cluster() -> None:
    """`manage.py cluster`: the workers of the queue alone."""
    pdeathsig.arm()
    session.call_this_process("dr-cluster")
    with (
        queue_workers.descriptors() as wake_ups,
        services.sharing_a_fork_server(queue_workers.parts(settings.WORKERS, wake_ups)) as every,
    ):
        Supervisor(every, fork=_can_fork()).run()


def all_parts(
    wake_ups: tuple[int, int],
    place: ServiceAddress | None,
    local: ServiceAddress | None = None,
    *,
    told: int = -1,
) -> list[Part]:
    """The parts with their commands; without a place there is no engine, without another no local weights.

    `wake_ups`: `workers.descriptors`. `told`: the descriptor on which one of them hears the state of all. Webhooks have
    a loop of their own: a receiver that hangs never delays a look or a start.
    """
    shared = {"DARKROOM_INSTANCE": instance(), "DARKROOM_PROCESS_ROLE": "work"}
    for one in (place, local):
        shared |= one.environment() if one else {}
    found = [
        *queue_workers.parts(settings.WORKERS, wake_ups, shared),
        Part(
            "watcher", _manage("watch"), shared, stage=1, grace_s=5.0, silent_s=FROZEN_AFTER_S,
            run=partial(programs.run_until_stopped, watch_loops.run),
        ),
        # Stopped after the others, since it takes back everybody's signs of life.
        Part(
            "sweep", _manage("sweep"), {**shared, service_status.VARIABLE: str(told)}, stage=2, grace_s=5.0,
            fds=(told,) if told >= 0 else (), silent_s=FROZEN_AFTER_S, run=partial(programs.run_until_stopped,
            sweep.run),
        ),
    ]  # fmt: skip
    for one, program in ((place, services.engine), (local, services.local)):
        if one:
            argv, own = program(one)
            found.append(
                Part(
                    one.name, argv, {**shared, **own}, stage=2, grace_s=2.0,
                    silent_s=FROZEN_AFTER_S,
                )
            )  # fmt: skip
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


def _can_fork() -> bool:
    """Whether parts may be forked from this process, made ready for it."""
    if not settings.PRELOAD or not forks.SUPPORTED:
        return False
    # The checks of a command have asked the database. A connection belongs to one process.
    connections.close_all()
    if why := forks.objection():
        log.warning("The parts are started as programs, which takes longer. %s", why)
        return False
    # What was imported is never garbage: the collector would only touch, and so copy, what all processes share.
    gc.collect()
    gc.freeze()
    return True


@contextlib.contextmanager
def _states() -> Iterator[tuple[int, service_status.Tell]]:
    """A descriptor on which the state of all parts is heard, and what tells it there: seldom, or when it changed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    theirs.setblocking(False)
    last: tuple[str, float] = ("", -TELL_S)

    def tell(supervisor: Supervisor) -> None:
        nonlocal last
        text = json.dumps({"parts": supervisor.states(), "stopping": supervisor.stopping})
        now = time.monotonic()
        if text != last[0] or now - last[1] >= TELL_S:
            last = (text, now)
            with contextlib.suppress(OSError):  # full: nobody has listened for long
                ours.send(text.encode())

    with ours, theirs:
        yield theirs.fileno(), tell


def _manage(*words: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *words]


@contextlib.contextmanager
def _place(name: str, base: Path) -> Iterator[ServiceAddress]:
    """A folder that nobody else may enter, its path short enough for a socket; a secret that dies with this start."""
    folder, away = base / "run", ""
    if len(os.fsencode(folder / f"{name}.sock")) > SOCKET_PATH_LIMIT:
        away = tempfile.mkdtemp(prefix="darkroom-", dir=os.environ.get("XDG_RUNTIME_DIR") or None)
        folder = Path(away)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    try:
        yield ServiceAddress(name, folder / f"{name}.sock", secrets.token_urlsafe(32), base / "work")
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
