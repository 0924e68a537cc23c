"""How long the painter takes, in units of one Gaussian blur, and how much memory: `script/benchmark engine`.

The unit U is one `cv2.GaussianBlur` (sigma 5) of a 1024 x 1024 x 3 float32 array, best of seven, measured in the
same run, so that figures of different machines can be compared. Every prompt is painted in turn with a new unit
beside it; of several rounds the best one counts, since whatever else the machine does only ever adds time.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from predictions.engine.paint import paint

PROMPTS = (
    "a mountain lake at sunset",
    "misty pine forest in the morning",
    "tokyo cyberpunk city at night, neon",
    "an orange cat",
    "aurora over a fjord at night",
    "autumn forest, watercolor",
    "abstract blue and gold",
    "an astronaut riding a horse on mars",
    "a red balloon over green hills, flat poster",
    "portrait of a woman, oil painting",
    "lavender field with a village",
)
SIDES = (512, 768, 1024)
# Limits of the painter's specification: median and worst in U, worst in seconds, peak memory in MiB.
LIMITS = {512: (80.0, 400.0, 2.0), 768: (160.0, 400.0, 3.5), 1024: (250.0, 400.0, 5.0)}
PEAK_MIB = 800


def unit(repeats: int = 7) -> float:
    """Seconds of the control on this machine now: the best of `repeats`."""
    image = np.random.default_rng(0).random((1024, 1024, 3), dtype=np.float32)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        cv2.GaussianBlur(image, (0, 0), 5)
        times.append(time.perf_counter() - start)
    return min(times)


def best(prompt: str, side: int, rounds: int) -> float:
    """Seconds of the fastest of `rounds` paintings of a prompt."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        paint(prompt, width=side, height=side, seed=3)
        times.append(time.perf_counter() - start)
    return min(times)


def peak(side: int) -> float:
    """Largest resident memory, MiB, of a fresh process that paints every prompt once at this size."""
    code = "import sys; from benchmarks.engine import paint_all; paint_all(int(sys.argv[1]))"
    answer = subprocess.run(
        [sys.executable, "-c", code, str(side)], check=True, capture_output=True, text=True
    )
    return float(answer.stdout)


def paint_all(side: int) -> None:
    """Paint every prompt at `side` and print the peak memory of this process in MiB."""
    for prompt in PROMPTS:
        paint(prompt, width=side, height=side, seed=3)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measure(side: int, rounds: int) -> dict[str, object]:
    """Seconds and units of every prompt at one size."""
    rows = {}
    for prompt in PROMPTS:
        control = unit()
        seconds = best(prompt, side, rounds)
        rows[prompt] = (seconds, seconds / min(control, unit()))
        print(f"  {prompt:<46} {seconds * 1000:7.0f} ms {rows[prompt][1]:7.0f} U")
    return {"side": side, "rows": rows, "peak_mib": peak(side)}


def report(result: dict[str, object]) -> bool:
    """Print median, worst and memory beside the limits; whether all are kept."""
    side, rows, memory = result["side"], result["rows"], result["peak_mib"]
    assert isinstance(rows, dict) and isinstance(side, int) and isinstance(memory, float)
    seconds, units = zip(*rows.values(), strict=True)
    median, worst = statistics.median(units), max(units)
    most, peak_units, absolute = LIMITS[side]
    print(
        f"{side}²: median {median:.0f} U (limit {most:.0f}), worst {worst:.0f} U (limit {peak_units:.0f}), ",
        end="",
    )
    print(f"worst {max(seconds):.2f} s (limit {absolute:g}), peak {memory:.0f} MiB (limit {PEAK_MIB})")
    return median <= most and worst <= peak_units and max(seconds) <= absolute and memory < PEAK_MIB


def main() -> None:
    """Measure every size, print the figures, and exit with 1 when a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", default=",".join(str(side) for side in SIDES))
    parser.add_argument("--json", type=Path, help="Keep the raw figures here.")
    given = parser.parse_args()
    print(f"U = {unit() * 1000:.1f} ms with {cv2.getNumThreads()} OpenCV threads")
    results = [measure(int(side), given.rounds) for side in given.sides.split(",")]
    kept = [report(result) for result in results]
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))
    sys.exit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
