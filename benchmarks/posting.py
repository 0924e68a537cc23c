"""`script/benchmark posting`: what one webhook costs the poster, and how late its loop is beside many receivers.

A real poster, a real database and receivers on the loopback interface, which answer after a twentieth of a second. The
control is the same bodies posted over bare streams by a process that does nothing else. The goals: 5 ms of processor a
post, and a loop that is never 50 ms late with 64 receivers side by side.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from benchmarks import harness
from benchmarks.harness import ROOT, Series, number, table

CERTIFICATE = ROOT / "tests/predictions/webhooks/self_signed.pem"
HEAD = [
    "receivers", "ms of processor a post", "control", "ratio", "longest lag, ms", "control", "most, ms",
]  # fmt: skip


def measure(scheme: str, receivers: int, rounds: int) -> list[str]:
    """A row of the table."""
    certificate = [str(CERTIFICATE)] if scheme == "https" else []
    with harness.scratch() as folder:
        listening = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.parts.receivers", str(receivers), *certificate],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        try:
            assert listening.stdout is not None
            ports = json.loads(listening.stdout.readline())
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.parts.posts", scheme, str(rounds), *map(str, ports)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                check=True,
                env={
                    **os.environ,
                    "DARKROOM_DATA": str(folder),
                    "DARKROOM_OUTBOUND_ALLOW": "127.0.0.0/8",
                    "SSL_CERT_FILE": str(CERTIFICATE) if certificate else "",
                },
            )
        finally:
            listening.terminate()
            listening.wait(10)
    found = json.loads(done.stdout)
    cpu, control, lag, bare = (
        Series(name, [one[name] * 1000 for one in found])
        for name in ("cpu", "control_cpu", "lag", "control_lag")
    )
    ratio = cpu.ratio_to(control)
    name = f"{receivers} of {scheme}"
    return [name, str(cpu), str(control), str(ratio), str(lag), str(bare), number(max(lag.values))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receivers", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--schemes", default="http,https")
    given = parser.parse_args()
    print(harness.machine())
    rows = [measure(scheme, given.receivers, given.rounds) for scheme in given.schemes.split(",")]
    print(table(HEAD, rows))


if __name__ == "__main__":
    main()
