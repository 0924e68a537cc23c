"""Heartbeats on behalf of the supervisor and the services, which have no database. Runs as a thread of the sweep.

The supervisor sends the state of its parts over a socket that the sweep inherits; engine and local weights are
queried over HTTP.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from django.db import close_old_connections, connections

from core.processes.supervisor import Supervisor
from predictions.models import Beat
from predictions.processes.heartbeat import EVERY_S, beat_all

log = structlog.get_logger(__name__)
SendStates = Callable[[Supervisor], None]

VARIABLE = "DARKROOM_STATES_FD"
INCOMPLETE_ROUND_S = 0.5
"""Seconds between rounds while somebody has not answered: after a start the engine is known as soon as it answers."""
SERVICES = ("engine", "local")
LARGEST = 65_536


def run(stop: threading.Event) -> None:
    """Write these heartbeats until `stop` is set. On a full stop delete all: what was stopped is not missing."""
    connection = _listener()
    if connection is None:
        return
    with connection:
        complete = False
        while not stop.wait(EVERY_S if complete else INCOMPLETE_ROUND_S):
            try:
                complete = _note(connection)
            except Exception:
                log.exception("pulse_broke")
            close_old_connections()
        with contextlib.suppress(Exception):
            if (_latest(connection) or {}).get("stopping"):
                Beat.objects.filter(instance=os.environ["DARKROOM_INSTANCE"]).delete()
    connections.close_all()


def _note(connection: socket.socket) -> bool:
    """Write one round of heartbeats. Whether the supervisor and every service were heard."""
    status = _latest(connection)
    details = {} if status is None else {"supervisor": {"parts": status["parts"]}}
    complete = status is not None
    for name in SERVICES:
        path = os.environ.get(f"DARKROOM_{name.upper()}_SOCKET", "")
        secret = os.environ.get(f"DARKROOM_{name.upper()}_SECRET", "")
        if path and secret:
            health = engine_health(Path(path), secret)
            complete = complete and health is not None
            if health is not None:
                details[name] = health
    beat_all(details)
    return complete


def _listener() -> socket.socket | None:
    """The supervisor's socket; None where this process was started alone."""
    text = os.environ.get(VARIABLE, "")
    if not text.isdigit():
        return None
    try:
        connection = socket.socket(fileno=int(text))
    except OSError:
        return None
    connection.setblocking(False)
    return connection


def _latest(connection: socket.socket) -> Any:
    """The newest message of the supervisor; None where there is no new one."""
    text = b""
    with contextlib.suppress(BlockingIOError):
        while new := connection.recv(LARGEST):
            text = new
    return json.loads(text) if text else None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def engine_health(path: Path, secret: str, timeout: float = 3.0) -> dict[str, Any] | None:
    """The engine's `/health` (boot id, slots, running jobs), or None where it does not answer properly."""
    connection_ = _UnixConnection(path, timeout)
    try:
        connection_.request("GET", "/health", headers={"Authorization": f"Bearer {secret}"})
        response = connection_.getresponse()
        body = response.read()
        health = json.loads(body) if response.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection_.close()
    return health if isinstance(health, dict) else None
