"""Client of the sandbox: has untrusted files opened by children of a fork server.

All processes of a machine share one server where they inherited its socket; elsewhere a server belongs to a process
and its forks. Where the server is gone its successor is asked, where it hangs a new one of our own; only a file whose
own child died is blamed.
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

START_TIMEOUT_S = 15.0
"""Seconds within which a child must have begun: on a busy machine a fresh server's imports take long."""
TRIES = 3
"""With these, probing ends within 55 seconds even though a server hung: less than the queue's task timeout."""
_CHUNK = 256 * 1024

Job = dict[str, Any]


class Lost(OSError):
    """Every server that was asked went away; nothing is known about the file."""


class Stopped(Exception):
    """The child ended without an answer: the file killed it, or it met one of its limits."""


class TooSlow(Exception):
    """The child exceeded its time limit and was killed."""


@dataclass(frozen=True)
class Limits:
    """Resource limits of one child."""

    memory: int
    """Bytes of address space."""
    cpu_s: int
    wall_s: float
    answer: int
    """Bytes of all its answers."""


_servers = client.Servers()
os.register_at_fork(after_in_child=lambda: _servers.forked())


def start() -> None:
    """Start a server now, so that the first file does not wait for it and this process's forks share it."""
    _servers.control()


def reap() -> None:
    """For a process that started a server for its forks: call it from time to time."""
    _servers.reap()


def run_jobs(jobs: list[Job], limits: Limits) -> list[Job]:
    """The answers of one child to these jobs. Raises Lost, Stopped or TooSlow."""
    for _try in range(TRIES):
        with contextlib.suppress(Lost):
            return _once(jobs, limits)
    raise Lost("the process that opens files was lost again and again")


async def run_jobs_async(jobs: list[Job], limits: Limits) -> list[Job]:
    """The same on the event loop; cancelling it kills the child."""
    for _try in range(TRIES):
        with contextlib.suppress(Lost):
            return await _run_once_async(jobs, limits)
    raise Lost("the process that opens files was lost again and again")


def _once(jobs: list[Job], limits: Limits) -> list[Job]:
    control = _servers.control()
    answer = wire_format.Answer(limits.answer)
    with _order_socket(control, limits) as talk:
        try:
            talk.settimeout(START_TIMEOUT_S)
            talk.sendall(wire_format.framed(json.dumps(jobs).encode()))
            _add_chunk(answer, talk.recv(_CHUNK))
            until = time.monotonic() + limits.wall_s
            while not _is_complete(answer):
                talk.settimeout(max(until - time.monotonic(), 0.001))
                _add_chunk(answer, talk.recv(_CHUNK))
        except (wire_format.Incomplete, OSError) as error:
            raise _diagnosed(control, answer, error) from None
    return _read(answer, jobs)


async def _run_once_async(jobs: list[Job], limits: Limits) -> list[Job]:
    control = _servers.control()
    answer = wire_format.Answer(limits.answer)
    loop = asyncio.get_running_loop()
    with _order_socket(control, limits) as talk:
        talk.setblocking(False)
        try:
            async with asyncio.timeout(START_TIMEOUT_S) as patience:
                await loop.sock_sendall(talk, wire_format.framed(json.dumps(jobs).encode()))
                _add_chunk(answer, await loop.sock_recv(talk, _CHUNK))
                patience.reschedule(loop.time() + limits.wall_s)
                while not _is_complete(answer):
                    _add_chunk(answer, await loop.sock_recv(talk, _CHUNK))
        except (wire_format.Incomplete, OSError) as error:
            raise _diagnosed(control, answer, error) from None
    return _read(answer, jobs)


def _order_socket(control: socket.socket, limits: Limits) -> socket.socket:
    """Our end of a new order's socket; the server gets the other one. Raises Lost."""
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            _servers.order(control, {"kind": "files", "memory": limits.memory, "cpu": limits.cpu_s}, theirs)
    except client.NoServer:
        ours.close()
        raise Lost from None
    return ours


def _add_chunk(answer: wire_format.Answer, chunk: bytes) -> None:
    if not chunk:
        raise wire_format.Incomplete
    answer.feed(chunk)


def _is_complete(answer: wire_format.Answer) -> bool:
    """Whether the answer is complete. Raises Stopped where it never will be, Lost where no file is to blame."""
    try:
        if answer.ended_early:
            raise Stopped if answer.begun else Lost
        return answer.is_complete
    except wire_format.TooLong:
        raise Stopped from None


def _diagnosed(control: socket.socket, answer: wire_format.Answer, error: Exception) -> Exception:
    """The exception to raise where nothing more came."""
    if isinstance(error, TimeoutError) and answer.begun:
        return TooSlow()
    # No child began in all that time, or the socket closed without a report of how the child ended.
    if isinstance(error, TimeoutError):
        _servers.silent(control)
    else:
        _servers.lost(control)
    return Lost()


def _read(answer: wire_format.Answer, jobs: list[Job]) -> list[Job]:
    try:
        answers = answer.value()
    except (ValueError, RecursionError):
        raise Stopped from None
    if (
        not isinstance(answers, list)
        or len(answers) != len(jobs)
        or not all(isinstance(item, dict) for item in answers)
    ):
        raise Stopped
    return answers
