"""The processes that `manage.py work` and `script/server` keep running on one machine, and their supervisor.

Parts are forked from the supervisor's process, which has imported what they need: a fork takes a fiftieth of the time
of a fresh start, and memory is shared. The engine and local weights are programs without Django.
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

# The longest path that a Unix socket address holds on every platform, without its terminating zero.
SOCKET_PATH_LIMIT = 103
FROZEN_AFTER_S = 60.0
"""Seconds without a heartbeat after which a part counts as hung; its loop sends one every few seconds."""
STATES_INTERVAL_S = 4.0
"""Seconds after which unchanged states of the parts are sent again: less than the sweep's reading interval."""


def supervise(*, before: Sequence[Part] = (), with_engine: bool | None = None) -> None:
    """Supervise the parts until a signal stops it. First waits until no other `work` uses this data folder.

    `before`: parts that are stopped before these. `with_engine` None follows the settings DARKROOM_ENGINE and
    DARKROOM_LOCAL_MODELS; False leaves both out.
    """
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        if not stack.enter_context(_exclusive(settings.DATA / "work.lock", stop)):
            return
        has_engine = settings.ENGINE["enabled"] if with_engine is None else with_engine
        engine = (
            stack.enter_context(_service_address("engine", settings.ENGINE["folder"])) if has_engine else None
        )
        has_weights = settings.LOCAL["models"] is not None and with_engine is not False
        local = (
            stack.enter_context(_service_address("local", settings.LOCAL["folder"])) if has_weights else None
        )
        states_fd, send_states = stack.enter_context(_states())
        wake_ups = stack.enter_context(queue_workers.descriptors())
        all_of_them = [*before, *all_parts(wake_ups, engine, local, states_fd=states_fd)]
        supervisor = Supervisor(
            stack.enter_context(services.with_fork_server(all_of_them)),
            fork=_can_fork(),
            on_tick=lambda: send_states(supervisor),
        )
        supervisor.run()


def work(*, with_engine: bool | None = None) -> None:
    """`manage.py work`: all parts but the web server."""
    pdeathsig.arm()
    supervise(with_engine=with_engine)


def cluster() -> None:
    """`manage.py cluster`: the queue workers alone."""
    pdeathsig.arm()
    session.set_process_name("dr-cluster")
    with (
        queue_workers.descriptors() as wake_ups,
        services.with_fork_server(queue_workers.parts(settings.WORKERS, wake_ups)) as parts,
    ):
        Supervisor(parts, fork=_can_fork()).run()


def all_parts(
    wake_ups: tuple[int, int],
    engine: ServiceAddress | None,
    local: ServiceAddress | None = None,
    *,
    states_fd: int = -1,
) -> list[Part]:
    """The parts with their commands. Without `engine` there is no engine, without `local` no local weights.

    `wake_ups`: `queue_workers.descriptors`. `states_fd`: the descriptor on which the sweep receives the state of all
    parts. Webhooks are posted by a loop of their own, so that a receiver that hangs delays neither polling nor
    starts.
    """
    shared = {"DARKROOM_INSTANCE": instance(), "DARKROOM_PROCESS_ROLE": "work"}
    for service in (engine, local):
        shared |= service.environment() if service else {}
    parts = [
        *queue_workers.parts(settings.WORKERS, wake_ups, shared),
        Part(
            "watcher", _manage("watch"), shared, stage=1, grace_s=5.0, silent_s=FROZEN_AFTER_S,
            run=partial(programs.run_until_stopped, watch_loops.run),
        ),
        # Stopped after the others, since it removes everybody's heartbeats.
        Part(
            "sweep", _manage("sweep"), {**shared, service_status.VARIABLE: str(states_fd)}, stage=2, grace_s=5.0,
            fds=(states_fd,) if states_fd >= 0 else (), silent_s=FROZEN_AFTER_S, run=partial(programs.run_until_stopped,
            sweep.run),
        ),
    ]  # fmt: skip
    for service, program in ((engine, services.engine_command), (local, services.local_command)):
        if service:
            argv, environment = program(service)
            parts.append(
                Part(
                    service.name, argv, {**shared, **environment}, stage=2, grace_s=2.0,
                    silent_s=FROZEN_AFTER_S,
                )
            )  # fmt: skip
    return parts


_instance = ""


def instance() -> str:
    """The name of this run of `work`, under which its parts write their heartbeats."""
    global _instance
    _instance = (
        _instance
        or os.environ.get("DARKROOM_INSTANCE", "")
        or f"{socket.gethostname()[:40]}-{secrets.token_hex(4)}"
    )
    return _instance


def _can_fork() -> bool:
    """Whether parts may be forked from this process; prepares it for that."""
    if not settings.PRELOAD or not forks.SUPPORTED:
        return False
    # System checks have used the database. A connection must not be shared by processes.
    connections.close_all()
    if why := forks.objection():
        log.warning("The parts are started as programs, which takes longer. %s", why)
        return False
    # Nothing imported becomes garbage: a collection would only write to, and so copy, pages that all
    # processes share.
    gc.collect()
    gc.freeze()
    return True


@contextlib.contextmanager
def _states() -> Iterator[tuple[int, service_status.SendStates]]:
    """A descriptor to receive the states of all parts, and the function that sends them.

    It sends on a change, else every `STATES_INTERVAL_S`.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    theirs.setblocking(False)
    last: tuple[str, float] = ("", -STATES_INTERVAL_S)

    def send(supervisor: Supervisor) -> None:
        nonlocal last
        text = json.dumps({"parts": supervisor.states(), "stopping": supervisor.stopping})
        now = time.monotonic()
        if text != last[0] or now - last[1] >= STATES_INTERVAL_S:
            last = (text, now)
            with contextlib.suppress(OSError):  # full: nobody has listened for long
                ours.send(text.encode())

    with ours, theirs:
        yield theirs.fileno(), send


def _manage(*words: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *words]


@contextlib.contextmanager
def _service_address(name: str, base: Path) -> Iterator[ServiceAddress]:
    """Address of a service: a private folder whose socket path is short enough, and a secret for this start."""
    folder, temporary = base / "run", ""
    if len(os.fsencode(folder / f"{name}.sock")) > SOCKET_PATH_LIMIT:
        temporary = tempfile.mkdtemp(prefix="darkroom-", dir=os.environ.get("XDG_RUNTIME_DIR") or None)
        folder = Path(temporary)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    try:
        yield ServiceAddress(name, folder / f"{name}.sock", secrets.token_urlsafe(32), base / "work")
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _exclusive(path: Path, stop: threading.Event) -> Iterator[bool]:
    """Hold the lock of the data folder; False where a signal came before it was free.

    It is released with the process.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with path.open("w") as file:
        for number in before:
            signal.signal(number, lambda *_: stop.set())
        warned = False
        while not (locked := _try_lock(file.fileno())) and not stop.wait(0.1):
            if not warned:
                log.warning("Another `work` uses this data folder; waiting until it has ended.")
                warned = True
        for number, handler in before.items():
            signal.signal(number, handler)
        yield locked and not stop.is_set()


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
