"""A prediction that costs a worker at every claim."""

from __future__ import annotations

import contextlib
import os
import signal

import psutil
import pytest

from tests.faults.harness import poison
from tests.servers.installations import Installation, eventually

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]


def test_it_sets_a_prediction_aside_that_costs_a_worker_at_every_claim(
    installation_to_kill: Installation,
) -> None:
    one = installation_to_kill
    # An engine that is stopped answers nothing: the start stays in a worker's hands, where it can be struck.
    engine = eventually(lambda: one.kinds().get("engine"))[0]
    os.kill(engine.pid, signal.SIGSTOP)

    def strike() -> int:
        hit = 0
        for worker in one.kinds().get("worker", []):
            with contextlib.suppress(psutil.Error):
                worker.kill()
                hit += 1
        return hit

    try:
        status, error, captured, _released, starts = poison(one, strike)
    finally:
        # The next finds another.
        engine.kill()
    assert (status, captured, starts) == ("failed", 0, 3)
    assert error
    assert one.manage("audit", check=False).returncode == 0
