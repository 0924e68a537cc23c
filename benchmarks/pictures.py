"""`script/benchmark pictures`: what it costs to look at an output: its check, two thumbnails and the placeholder.

Milliseconds of processor for each file, of all processes that take part. The control is what Pillow alone takes, in one
process that is warm already, to make one thumbnail: a JPEG of 320 pixels.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import django
import psutil
from PIL import Image

from benchmarks import harness
from benchmarks.parts.upstream import picture

GOAL = 2.0
SIDES = (512, 1024)
FORMS = {"PNG": {}, "JPEG": {"quality": 90}, "WEBP": {"quality": 90}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--looks", type=int, default=40, help="of each file and round")
    given = parser.parse_args()
    print(harness.machine())
    with harness.scratch() as folder:
        os.environ.update(DARKROOM_DATA=str(folder), DJANGO_SETTINGS_MODULE="config.settings")
        django.setup()
        rows = [row(path, given.rounds, given.looks) for path in files(folder)]
    head = ["file", "KB", "look, ms of processor", "control", "ratio", "goal"]
    print(harness.table(head, rows))


def files(folder: Path) -> list[Path]:
    """One picture in each size and form."""
    paths = []
    for side in SIDES:
        with Image.open(io.BytesIO(picture(side))) as one:
            for form, how in FORMS.items():
                paths.append(folder / f"{side}.{form.lower()}")
                one.save(paths[-1], form, **how)
    return paths


def row(path: Path, rounds: int, looks: int) -> list[str]:
    """Measure one file."""
    from predictions.files import image_probe

    look = lambda: image_probe.probe(path, path.parent)  # noqa: E731
    look()
    found = harness.rounds(
        {"look": lambda: cpu_ms(look, looks), "control": lambda: cpu_ms(lambda: control(path), looks)}, rounds
    )
    ratio = found["look"].ratio_to(found["control"])
    size = f"{path.stat().st_size / 1000:.0f}"
    return [path.name, size, str(found["look"]), str(found["control"]), str(ratio), f"≤ {GOAL:g}"]


def control(path: Path) -> None:
    """One thumbnail by Pillow."""
    with Image.open(path) as one:
        one.thumbnail((320, 320))
        one.save(io.BytesIO(), "JPEG")


def cpu_ms(function: Callable[[], object], times: int) -> float:
    """Milliseconds of processor of one call, of this process and all below it."""
    family = harness.Process(0, psutil.Process())
    before = family.cpu()
    for _ in range(times):
        function()
    # The last child may not have been reaped, and so not be counted, yet.
    time.sleep(0.05)
    return (family.cpu() - before) / times * 1000


if __name__ == "__main__":
    main()
