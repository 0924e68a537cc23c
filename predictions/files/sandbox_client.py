"""Has files opened by children of a fork server: the side of the processes that may not be harmed.

All processes of a machine share one server where they inherited its socket; elsewhere one serves a process and what it
forks. Whoever finds it gone asks its successor, whoever finds it silent asks one of its own; only files whose own child
died are blamed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
from dataclasses import dataclass
from typing import Any

from core.processes.fork_server import client, wire_format

BEGIN_S = 15.0
"""Seconds within which a child must have begun: a busy machine takes long for the imports of a fresh server."""
TRIES = 3
"""With these a look ends within 55 seconds, although a server froze: less than a task of the queue may take."""
_CHUNK = 256 * 1024

Job = dict[str, Any]


class Lost(OSError):
    """Each server went away that was asked; nothing is known about the file."""


class Stopped(Exception):
    """The child ended without an answer: the file killed it, or it met one of its limits."""


class TooSlow(Exception):
    """The child took longer than it may, and was killed."""


@dataclass(frozen=True)
class Limits:
    """What one child may use."""

    memory: int
    """Bytes of address space."""
    cpu_s: int
    wall_s: float
    answer: int
    """Bytes of all its answers."""


_servers = client.Servers()
os.register_at_fork(after_in_child=lambda: _servers.forked())


def start() -> None:
    """Have a server now, so that the first file does not wait for it and the forks of this process share it."""
    _servers.control()


def reap() -> None:
    """For a process that started a server for its forks: to be called from time to time."""
    _servers.reap()


def opened(jobs: list[Job], limits: Limits) -> list[Job]:
    """The answers of one child to these jobs. Raises Lost, Stopped or TooSlow."""
    for _try in range(TRIES):
        with contextlib.suppress(Lost):
            return _once(jobs, limits)
    raise Lost("the process that opens files was lost again and again")


async def opened_soon(jobs: list[Job], limits: Limits) -> list[Job]:
    """The same on the event loop; whoever cancels it kills the child."""
    for _try in range(TRIES):
        with contextlib.suppress(Lost):
            return await _once_soon(jobs, limits)
    raise Lost("the process that opens files was lost again and again")


def _once(jobs: list[Job], limits: Limits) -> list[Job]:
    control = _servers.control()
    answer = wire_format.Answer(limits.answer)
    with _ordered(control, limits) as talk:
        try:
            talk.settimeout(BEGIN_S)
            talk.sendall(wire_format.framed(json.dumps(jobs).encode()))
            _take(answer, talk.recv(_CHUNK))
            until = time.monotonic() + limits.wall_s
            while not _done(answer):
                talk.settimeout(max(until - time.monotonic(), 0.001))
                _take(answer, talk.recv(_CHUNK))
        except (wire_format.Incomplete, OSError) as error:
            raise _meaning(control, answer, error) from None
    return _read(answer, jobs)


async def _once_soon(jobs: list[Job], limits: Limits) -> list[Job]:
    control = _servers.control()
    answer = wire_format.Answer(limits.answer)
    loop = asyncio.get_running_loop()
    with _ordered(control, limits) as talk:
        talk.setblocking(False)
        try:
            async with asyncio.timeout(BEGIN_S) as patience:
                await loop.sock_sendall(talk, wire_format.framed(json.dumps(jobs).encode()))
                _take(answer, await loop.sock_recv(talk, _CHUNK))
                patience.reschedule(loop.time() + limits.wall_s)
                while not _done(answer):
                    _take(answer, await loop.sock_recv(talk, _CHUNK))
        except (wire_format.Incomplete, OSError) as error:
            raise _meaning(control, answer, error) from None
    return _read(answer, jobs)


def _ordered(control: socket.socket, limits: Limits) -> socket.socket:
    """Our end of a fresh order's socket; the server has the other one. Raises Lost."""
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            _servers.order(control, {"kind": "files", "memory": limits.memory, "cpu": limits.cpu_s}, theirs)
    except client.NoServer:
        ours.close()
        raise Lost from None
    return ours


def _take(answer: wire_format.Answer, chunk: bytes) -> None:
    if not chunk:
        raise wire_format.Incomplete
    answer.take(chunk)


def _done(answer: wire_format.Answer) -> bool:
    """Whether the answer is there. Raises Stopped where it will never be, Lost where no file is to blame for that."""
    try:
        if answer.ended_early:
            raise Stopped if answer.begun else Lost
        return answer.whole
    except wire_format.TooLong:
        raise Stopped from None


def _meaning(control: socket.socket, answer: wire_format.Answer, error: Exception) -> Exception:
    """What it means that nothing more came."""
    if isinstance(error, TimeoutError) and answer.begun:
        return TooSlow()
    # No child began in all that time, or the socket closed without a word of how the child ended.
    if isinstance(error, TimeoutError):
        _servers.silent(control)
    else:
        _servers.lost(control)
    return Lost()


def _read(answer: wire_format.Answer, jobs: list[Job]) -> list[Job]:
    try:
        found = answer.value()
    except (ValueError, RecursionError):
        raise Stopped from None
    if (
        not isinstance(found, list)
        or len(found) != len(jobs)
        or not all(isinstance(one, dict) for one in found)
    ):
        raise Stopped
    return found
