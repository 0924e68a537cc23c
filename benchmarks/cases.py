"""One request sent to one server over several rounds: how many answers, how fast, at what cost of processor."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks import harness, load
from benchmarks.harness import Process, Series


@dataclass(frozen=True)
class Options:
    """How long and how often to measure."""

    rounds: int
    seconds: float
    connections: tuple[int, ...]


@dataclass
class Case:
    """A request to a process, and what was seen of it."""

    process: Process
    request: bytes
    expected: int = 200
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Processor seconds an answer."""
    loads: list[load.Load] = field(default_factory=list)

    def warm_up(self) -> None:
        """Let caches fill and threads start, unmeasured."""
        load.measure(self.process.port, self.request, connections=4, seconds=0.5, expected=self.expected)

    def forget(self) -> None:
        """Begin anew: what was seen so far is dropped."""
        self.rates, self.cpu, self.loads = [], [], []

    def run(self, connections: int, seconds: float) -> float:
        """Measure once; answers a second. Raises RuntimeError where an answer was an error, or none came."""
        before = self.process.cpu()
        seen = load.measure(
            self.process.port, self.request, connections=connections, seconds=seconds, expected=self.expected
        )
        if seen.errors or not seen.answers:
            raise RuntimeError(f"{self.request[:40]!r}: {seen.errors} errors, {seen.answers} answers")
        self.rates.append(seen.rate)
        self.cpu.append((self.process.cpu() - before) / seen.answers)
        self.loads.append(seen)
        return seen.rate

    def milliseconds(self, share: float) -> str:
        """The median over the rounds of that percentile."""
        return harness.number(statistics.median(one.percentile(share) for one in self.loads) * 1000)


COLUMNS = ("answers/s", "control", "ratio", "µs of processor (control)", "ratio", "p50 / p99, ms")


def compare(cases: Mapping[str, Case], connections: int, options: Options) -> None:
    """Run all cases in each round."""
    measures = {
        name: (lambda case=case: case.run(connections, options.seconds)) for name, case in cases.items()
    }
    harness.rounds(measures, options.rounds)


def columns(ours: Case, control: Case) -> list[str]:
    """The cells of `COLUMNS`. A control that swings says so: its ratio decides nothing."""
    mine, other = Series("ours", ours.rates), Series("control", control.rates)
    cpu = [statistics.median(case.cpu) * 1e6 for case in (ours, control)]
    return [
        str(mine),
        str(other) + (" swings" if other.swing > harness.SWING else ""),
        str(mine.ratio_to(other)),
        f"{harness.number(cpu[0])} ({harness.number(cpu[1])})",
        harness.number(cpu[1] / cpu[0]),
        f"{ours.milliseconds(0.5)} / {ours.milliseconds(0.99)}",
    ]
