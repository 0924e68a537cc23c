"""Hourly audit: runs `manage.py audit --quick` in a process of its own and records its result for `/health`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from typing import IO

import structlog
from django.conf import settings

from core.processes import pdeathsig
from predictions.processes.heartbeat import beat

log = structlog.get_logger(__name__)

FIRST_AFTER_S = 300.0
EVERY_S = 3600.0
LIMIT_S = 1800.0
LINES_KEPT = 20


class HourlyAudit:
    """The hourly audit process. Call `step` regularly: it never blocks."""

    def __init__(self, *, first_after_s: float = FIRST_AFTER_S) -> None:
        self._due = time.monotonic() + first_after_s
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._started = 0.0

    def step(self) -> None:
        """Start the audit when its hour has come, record its result when it ends, kill it when it takes too long."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._due:
                self._start(now)
            return
        code = self._process.poll()
        if code is None and now - self._started > LIMIT_S:
            self._process.kill()
            code = self._process.wait()
        if code is not None:
            self._report(code)

    def _start(self, now: float) -> None:
        self._due, self._started = now + EVERY_S, now
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the report)
        self._process = subprocess.Popen(
            # Without system checks, like the other parts: those are the task of `script/server`, and a part
            # has no admin to check.
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "audit", "--quick", "--skip-checks"],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            pass_fds=pdeathsig.leash_fds(),
        )

    def _report(self, code: int) -> None:
        assert self._output is not None
        self._output.seek(0)
        lines = self._output.read(64 * 1024).decode("utf-8", "replace").strip().splitlines()
        self._output.close()
        self._process = self._output = None
        detail = {"ok": code == 0, "code": code, "lines": lines[-LINES_KEPT:]}
        if code:
            log.error("audit_found_breaches", code=code, lines=lines[-LINES_KEPT:])
        beat("audit", detail)
