"""The pool of local workers: one process per device, kept alive, each with warm pipelines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Sequence

from core.processes import programs
from core.processes.fork_server import client
from core.processes.pdeathsig import LEASH_VARIABLE, leash_fd
from core.processes.resource_limits import THREAD_VARIABLES
from engine.local.config.settings_file import LocalSettings
from engine.server.worker_pool import WorkerPool, WorkItem

_KEPT = frozenset({LEASH_VARIABLE, "DARKROOM_DATA"})
"""The only DARKROOM_ variables passed on; a worker has no use for the secrets among the others."""
_FRUGAL = {"MALLOC_ARENA_MAX": "2"}
_QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "PYTORCH_ENABLE_MPS_FALLBACK": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # waiting threads must not spin: web and engine share the cores
}


class DeviceWorker(WorkerPool):
    """One worker process, kept alive. It does not fork: stopping a run at once means killing the process."""

    def __init__(self, settings: LocalSettings, device: str, workers: int) -> None:
        super().__init__()
        self.device = device
        self.last_model = ""
        """The model of its last run, whose pipeline is warm."""
        self.busy_with = ""
        self._options = json.dumps(
            {
                "settings": settings.raw,
                "folder": str(settings.folder),
                "device": device,
                "workers": workers,
            }
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._is_offline = not settings.downloads

    def kill(self, job: str, number: int) -> None:
        """SIGKILL kills the process; any other signal asks it to stop at the next step."""
        if number == signal.SIGKILL and self.has(job):
            self.restart()
        else:
            super().kill(job, number)

    def restart(self) -> None:
        """Kill the process; a new one follows."""
        if self._process is not None:
            self._process.kill()

    def _start(self) -> socket.socket:
        ours, theirs = client.pair()
        leash = leash_fd()
        with theirs, contextlib.ExitStack() as unless_started:
            unless_started.callback(ours.close)
            self._process = subprocess.Popen(
                programs.python_command(
                    "engine.local.pipeline_worker", str(theirs.fileno()), str(os.getpid()), self._options
                ),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *([leash] if leash is not None else [])],
                env=self._environment(),
            )
            unless_started.pop_all()
        return ours

    async def _wait_until_gone(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _environment(self) -> dict[str, str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            # torch limits its own threads.
            if (not name.startswith("DARKROOM_") or name in _KEPT) and name not in THREAD_VARIABLES
        }
        environment |= {**programs.python_path(), **_FRUGAL, **_QUIET}
        if self._is_offline:
            environment |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
        return environment


class DeviceWorkers:
    """All workers of one service as one pool: a work item goes to a free one, preferably with the pipeline warm."""

    def __init__(self, workers: Sequence[DeviceWorker]) -> None:
        self._workers = list(workers)
        self._by_job: dict[str, DeviceWorker] = {}

    @property
    def painter(self) -> str:
        """Version of the workers."""
        return next((worker.painter for worker in self._workers if worker.painter), "")

    @property
    def is_ready(self) -> bool:
        """Whether some worker is free."""
        return any(worker.is_ready and not worker.busy_with for worker in self._workers)

    @property
    def pids(self) -> dict[str, int]:
        """Process id of every running work item, by job id."""
        return {job: pid for worker in self._workers for job, pid in worker.pids.items()}

    def open(self) -> None:
        """Start all workers."""
        for worker in self._workers:
            worker.open()

    async def close(self) -> None:
        """End all workers."""
        await asyncio.gather(*(worker.close() for worker in self._workers))

    async def ready(self) -> None:
        """Return as soon as a worker is free."""
        while not self.is_ready:
            idle = [worker for worker in self._workers if not worker.busy_with]
            waits = [asyncio.create_task(worker.ready()) for worker in idle]
            if not waits:
                # There are as many slots as workers, so another run is just ending.
                await asyncio.sleep(0.05)
                continue
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

    def has(self, job: str) -> bool:
        """Whether a work item of this job is running."""
        return job in self._by_job and self._by_job[job].has(job)

    async def fork(self, item: WorkItem, pipe: int) -> asyncio.Future[int]:
        """Start the work item on a free worker; the future holds its exit code."""
        await self.ready()
        free = [worker for worker in self._workers if worker.is_ready and not worker.busy_with]
        worker = next((one for one in free if one.last_model == item.model), free[0])
        worker.busy_with, worker.last_model = item.run, item.model
        self._by_job[item.run] = worker
        end = await worker.fork(item, pipe)
        end.add_done_callback(lambda _: self._release(item.run))
        return end

    def kill(self, job: str, number: int) -> None:
        """Ask the worker of this job to stop, or kill it."""
        if job in self._by_job:
            self._by_job[job].kill(job, number)

    def replace(self, job: str) -> None:
        """Kill the worker of this job; another follows."""
        if job in self._by_job:
            self._by_job[job].restart()

    def _release(self, job: str) -> None:
        worker = self._by_job.pop(job, None)
        if worker is not None and worker.busy_with == job:
            worker.busy_with = ""
