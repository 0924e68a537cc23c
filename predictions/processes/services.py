"""Parts that are programs without Django: engine, local weights, and the fork server shared by all parts."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from django.conf import settings
from django.core.management.base import CommandError

from core.processes import programs
from core.processes.fork_server import client
from core.processes.supervisor import Part
from engine.protocol.service_address import ServiceAddress

FROZEN_SERVER_S = 30.0
"""Seconds without a heartbeat after which the fork server counts as hung; it sends one every five."""


def engine_command(service: ServiceAddress) -> tuple[list[str], dict[str, str]]:
    """Command of the engine: its `argv`, and what is added to the environment."""
    variables = {
        "DARKROOM_ENGINE_SLOTS": str(settings.ENGINE["slots"]),
        "DARKROOM_CONFORMANCE": "1" if settings.CONFORMANCE else "0",
    }
    return programs.python_command("engine"), {**_shared(), **service.environment(), **variables}


def local_command(service: ServiceAddress) -> tuple[list[str], dict[str, str]]:
    """Command of the local weights service, in the same form."""
    variables = {"DARKROOM_LOCAL_MODELS": str(settings.LOCAL["models"])}
    return programs.python_command("engine.local"), {**_shared(), **service.environment(), **variables}


@contextlib.contextmanager
def with_fork_server(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """These parts with a fork server shared by all of them, which is stopped last.

    Both ends of its socket stay open here: when it dies, its successor takes up what was ordered meanwhile.
    """
    ours, theirs = client.pair()
    with ours, theirs:
        shared = {client.VARIABLE: str(ours.fileno())}
        yield [
            Part(
                "fork-server", client.command(theirs.fileno()), programs.python_path(),
                fds=(theirs.fileno(),), stage=1 + max(part.stage for part in parts), grace_s=0.0,
                silent_s=FROZEN_SERVER_S,
            ),
            *(replace(part, env={**part.env, **shared}, fds=(*part.fds, ours.fileno())) for part in parts),
        ]  # fmt: skip


def exec_service(name: str, purpose: str) -> NoReturn:
    """Replace this Django process by that program. Raises `CommandError` where the environment holds no secret."""
    secret = os.environ.get(f"DARKROOM_{name.upper()}_SECRET", "")
    if not secret:
        raise CommandError(f"DARKROOM_{name.upper()}_SECRET is not set: {purpose} would answer nobody.")
    folder = getattr(settings, name.upper())["folder"]
    socket = os.environ.get(f"DARKROOM_{name.upper()}_SOCKET") or folder / "run" / f"{name}.sock"
    service = ServiceAddress(name, Path(socket), secret, folder / "work")
    argv, environment = {"engine": engine_command, "local": local_command}[name](service)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.execve(argv[0], argv, {**os.environ, **environment})  # noqa: S606


def _shared() -> dict[str, str]:
    return {"DARKROOM_LOG_LEVEL": settings.LOGGING["root"]["level"], **programs.python_path()}
