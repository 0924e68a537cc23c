"""Painter child process: forked from the painter server, paints one prediction, ends.

It is a process of its own so that a crash, excessive memory or a cancel affects this prediction only.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from core.processes import session
from core.processes.pdeathsig import arm, die_with_parent
from core.processes.resource_limits import apply_limits, set_oom_score
from engine import fixtures
from engine.fixtures import fixture_models
from engine.performers import performer
from engine.protocol.job_output import ORDER_FILE, JobOutput, Refusal

OOM_SCORE = 500
"""The OOM killer takes a painter before the processes that serve everybody; its job runs three times at most."""


@dataclass(frozen=True)
class Assignment:
    """The painter server's view of a child's work: its folder and its resource limits."""

    folder: Path
    memory_bytes: int
    cpu_seconds: int
    threads: int
    drawn_seed: int


def become_child(assignment: Assignment, pipe: int, parent: int) -> None:
    """Run in the freshly forked process; never returns.

    1. A process group and default signal handlers, so that a cancel reaches it and everything that it starts.
    2. Death with the parent (pdeathsig and leash), before any work: nothing may outlive the engine.
    3. The resource limits, then the work; any exception becomes one sentence on the pipe.
    """
    code = 1
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent(parent)
        arm()
        session.set_process_name("dr-painter")
        set_oom_score(OOM_SCORE)
        output = JobOutput(pipe, assignment.folder)
        apply_limits(assignment.memory_bytes, assignment.cpu_seconds)
        cv2.setNumThreads(assignment.threads)
        code = _work(assignment, output)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _work(assignment: Assignment, output: JobOutput) -> int:
    """Run the job in the folder. Exit code 0, or 1 after an error has been sent."""
    try:
        order: dict[str, Any] = json.loads((assignment.folder / ORDER_FILE).read_bytes())
        if order["model"] in fixtures.NAMES:  # the engine accepts these in conformance mode only
            fixture_models.perform(order["model"], order["input"], output)
        else:
            performer(order["model"])(order["input"], output, assignment.drawn_seed)
    except Exception as error:
        output.fail(_sentence(error, assignment))
        return 1
    output.done()
    return 0


def _sentence(error: Exception, assignment: Assignment) -> str:
    """Error message for the member; details go to the engine's stderr, for the operator."""
    if isinstance(error, Refusal):
        return str(error)
    if isinstance(error, MemoryError) or _is_opencv_out_of_memory(error):
        size = assignment.memory_bytes / 1024**3
        return f"The painter needed more than {size:.3g} GB of memory and was stopped."
    traceback.print_exception(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The engine has no disk space left for the picture."
    return "The painter could not finish this picture."


def _is_opencv_out_of_memory(error: Exception) -> bool:
    return isinstance(error, cv2.error) and (
        getattr(error, "code", None) == cv2.Error.StsNoMem or "bad_alloc" in str(error)
    )
