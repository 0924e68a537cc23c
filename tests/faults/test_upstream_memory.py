"""Answers that are meant to fill the memory: measured in a process of its own that does nothing but ask for them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.loopback_upstream import UpstreamProcess
from tests.runner.sampling import one_in
from tests.support.source_rules import ROOT

MOST_MIB = 512
"""Half of what a process may take in the worst case: beside this it has its own work."""
ASK = """
import asyncio, json, sys
from predictions.providers.base import Order, ProviderError
from predictions.providers.replicate import ReplicateProvider
from predictions.providers.upstream import UpstreamConfig
url, secret, faults = json.loads(sys.argv[1])
config = UpstreamConfig(
    name="upstream-1", group="loop", url=url, secret=secret, idempotent=False, limit=16, group_limit=16,
    requests_per_second=1000, connect_s=5, read_s=60, files="auto", routes=None, priority=1, weight=1,
    allow_private=True,
)

def peak():
    # Not ru_maxrss: a process inherits that from whoever started it, and a test run is large.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM:"))

async def ask(provider, number, fault):
    order = Order(key=f"k{number}-0", model="stability-ai/stable-diffusion", version="", deadline_s=60,
                  input={"prompt": f"a cat fault:create-{fault}"})
    try:
        return type(await provider.start(order)).__name__
    except ProviderError as error:
        return type(error).__name__

async def main():
    provider, before = ReplicateProvider(config), peak()
    ends = await asyncio.gather(*(ask(provider, number, fault) for number, fault in enumerate(faults)))
    print(json.dumps({"ends": ends, "before": before, "peak": peak()}))

asyncio.run(main())
"""
TOGETHER = max(2, len(one_in(4, range(4))))
"""So many of each fault at once: four of them in the long form."""
FAULTS = ["huge=100", "huge=60", "bomb", "deep", "laughs", "bigint"]


@pytest.mark.timeout(170)
def test_several_of_each_at_once_stay_far_below_a_gigabyte(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = UpstreamProcess(port, tmp_path, "--seconds", "0").start()
    try:
        told = json.dumps([service.url, service.token, FAULTS * TOGETHER])
        done = subprocess.run(
            [sys.executable, "-c", ASK, told],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=160,
            check=False,
        )
    finally:
        service.kill()
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["peak"] < MOST_MIB, found
    assert found["ends"] == (
        ["AnswerLost", "Job", "AnswerLost", "AnswerLost", "AnswerLost", "AnswerLost"] * TOGETHER
    )
    assert service.token not in done.stdout + done.stderr
