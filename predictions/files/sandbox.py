"""Sandbox: the child process of the fork server that opens untrusted files under resource limits. No Django.

Starting Python with its imports costs five times what probing an image costs; a fork costs a millisecond. The child
sends `+` on its order's socket, reads one frame (`core.processes.fork_server.wire_format`) with a list of jobs, and
answers with one frame: a list of answers, `{"error": …}` for a job that failed. The server appends `ENDED` to
whatever it sent. Whatever a hostile file does, it does to this process alone.
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

MAX_REQUEST_BYTES = 16 * 1024**2
"""Bytes of a frame of jobs; it may contain an image."""
MAX_FILE_BYTES = 512 * 1024**2
"""Bytes of one file that a child may write."""
_OOM_SCORE = 1000
"""The highest: it is the first process that the kernel should kill."""
_JOBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    **conversion_worker.JOBS,
    "look": probe_worker.probe,
}


def warm_up() -> None:
    """Do once before forking what every child would repeat."""
    probe_worker.warm_up()


def run_jobs(memory: int, cpu_s: int, order: int) -> None:
    """Do the jobs that come over the socket `order`, in a freshly forked process that holds nothing else.

    Limits are set before anything is read: bytes of address space, seconds of processor time.
    """
    gc.disable()
    session.set_process_name("dr-sandbox")
    set_oom_score(_OOM_SCORE)
    apply_limits(memory, cpu_s)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    _silence()
    with socket.socket(fileno=order) as talk:
        talk.sendall(wire_format.BEGUN)
        jobs = json.loads(wire_format.read(talk, MAX_REQUEST_BYTES))
        talk.sendall(wire_format.framed(json.dumps([run_job(job) for job in jobs]).encode()))


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """The result of one job."""
    try:
        return _JOBS[job["do"]](job)
    except conversion_worker.Unusable as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "needs too much memory to be read."}


def _silence() -> None:
    """Keep decoders' complaints about a file out of the operator's log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
