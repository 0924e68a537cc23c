"""Opening files in a child of the fork server, with limits, one list of jobs a child. Plain Python, no Django.

Python's start and its imports cost five times what looking at a picture costs; a fork costs a millisecond. The child
says `+` on its order's socket, reads one frame (`frames.py`) with a list of jobs, and answers with one frame: a list of
answers, `{"error": …}` for a job that failed. The server appends `frames.ENDED` to whatever it had said. Whatever a
hostile file does, it does to this process alone.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
from collections.abc import Callable
from typing import Any

from core.processes import session
from core.processes.fork_server import wire_format
from core.processes.resource_limits import apply_limits, set_oom_score
from predictions.files import conversion_worker, probe_worker

MOST_ORDERED = 16 * 1024**2
"""Bytes of a frame with jobs; a picture may stand in it."""
MOST_WRITTEN = 512 * 1024**2
"""Bytes of one file that a child writes."""
_OOM_SCORE = 1000
"""The highest: it can be had again."""
_WAYS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    **conversion_worker.WAYS,
    "look": probe_worker.look,
}


def warm_up() -> None:
    """Before the first fork, do once what every child would do again."""
    probe_worker.warm_up()


def work(memory: int, cpu_s: int, order: int) -> None:
    """Do the jobs that come over the socket `order`, in a freshly forked process that holds nothing else.

    It has its limits before it reads anything. Bytes of address space, seconds of processor time.
    """
    gc.disable()
    session.call_this_process("dr-sandbox")
    set_oom_score(_OOM_SCORE)
    apply_limits(memory, cpu_s)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, MOST_WRITTEN))
    _silence()
    with socket.socket(fileno=order) as talk:
        talk.sendall(wire_format.BEGUN)
        jobs = json.loads(wire_format.read(talk, MOST_ORDERED))
        talk.sendall(wire_format.framed(json.dumps([answer(job) for job in jobs]).encode()))


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """What came of one job."""
    try:
        return _WAYS[job["do"]](job)
    except conversion_worker.Unusable as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "needs too much memory to be read."}


def _silence() -> None:
    """Decoders that complain of a file do not write into the operator's log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
