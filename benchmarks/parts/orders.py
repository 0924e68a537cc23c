"""One order for each model and size that the engine serves, done as a child of the engine does it.

Each order is done in a process of its own, several times: its best time and the most memory that it held, imports
included. Pictures come from scikit-image, reduced or enlarged to the size of the case.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from engine import performers
from engine.protocol.job_output import JobOutput

Pixels = NDArray[np.uint8]
FIRST_UNIT = 0.0085
"""Seconds of one U on the machine on which the limits were set."""
Order = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """An order and the seconds that it may take on two cores."""

    label: str
    model: str
    order: Order
    limit: float


def unit(repeats: int = 7) -> float:
    """Seconds of the control on this machine now, one U: the best of `repeats`."""
    image = np.random.default_rng(0).random((1024, 1024, 3), dtype=np.float32)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        cv2.GaussianBlur(image, (0, 0), 5)
        times.append(time.perf_counter() - start)
    return min(times)


def _uri(picture: Pixels) -> str:
    done, data = cv2.imencode(".png", picture if picture.ndim == 2 else picture[..., ::-1])
    assert done
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode()


def photograph(name: str, side: int) -> str:
    """A square photograph of scikit-image, `side` pixels, as a data URI."""
    picture = getattr(skimage.data, name)()
    low = min(picture.shape[:2])
    return _uri(cv2.resize(picture[:low, :low], (side, side), interpolation=cv2.INTER_AREA))


def disc(side: int, share: float) -> str:
    """A mask of `side` pixels that is white in a disc of that share of it, or everywhere, as a data URI."""
    mask = np.zeros((side, side), np.uint8)
    if share >= 1:
        mask[:] = 255
    else:
        cv2.circle(mask, (side // 2, side // 2), round(side * (share / np.pi) ** 0.5), 255, -1)
    return _uri(mask)


SD = "stability-ai/stable-diffusion"
SDXL = "stability-ai/sdxl"
SCHNELL = "lucataco/flux-schnell-lora"
DEV = "lucataco/flux-dev-lora"
IMG2IMG = "stability-ai/stable-diffusion-img2img"
INPAINTING = "stability-ai/stable-diffusion-inpainting"
WORDS = "a mountain lake at sunset"


def _sized(side: int, **more: Any) -> Order:
    return lambda: {"prompt": WORDS, "width": side, "height": side, "seed": 3, **more}


def _shaped(ratio: str) -> Order:
    return lambda: {"prompt": WORDS, "aspect_ratio": ratio, "seed": 3}


def _over(side: int, **more: Any) -> Order:
    return lambda: {
        "prompt": "a stormy sea, oil painting",
        "image": photograph("astronaut", side),
        "seed": 3,
        **more,
    }


def _hole(side: int, share: float) -> Order:
    return lambda: {
        "prompt": "grass", "image": photograph("coffee", side), "mask": disc(side, share), "width": side,
        "height": side, "seed": 3,
    }  # fmt: skip


def _film(kind: str, side: int) -> Order:
    return lambda: {
        "prompt_start": "a lighthouse on a cliff at dawn", "prompt_end": "a lighthouse on a cliff at night",
        "width": side, "height": min(side, 768), "output_format": kind, "seed": 3,
    }  # fmt: skip


def _stripped(side: int) -> Order:
    return lambda: {"image_path": photograph("coffee", side), "objects_to_remove": "person"}


def _cut(side: int) -> Order:
    return lambda: {"image": photograph("astronaut", side)}


CASES: tuple[Case, ...] = (
    *(Case(f"{side}²", SD, _sized(side), limit) for side, limit in ((512, 2.0), (768, 3.5), (1024, 5.0))),
    Case("1024²", SDXL, _sized(1024), 5.0),
    Case("1024² from a picture", SDXL, lambda: {**_over(1024)(), "width": 1024, "height": 1024}, 12.0),
    Case("1024² within a mask of 10 %", SDXL, _hole(1024, 0.10), 6.0),
    *(Case(f"1 Mpx, {ratio}", SCHNELL, _shaped(ratio), 5.0) for ratio in ("1:1", "21:9")),
    Case("512² from a picture", SCHNELL, _over(512), 3.0),
    *(Case(f"1 Mpx, {ratio}", DEV, _shaped(ratio), 5.0) for ratio in ("1:1", "9:16")),
    Case("512² from a picture", DEV, _over(512), 3.0),
    *(Case(f"{side}²", IMG2IMG, _over(side), limit) for side, limit in ((512, 3.0), (768, 7.0), (1024, 12.0))),
    Case("512², hole of 10 %", INPAINTING, _hole(512, 0.10), 2.5),
    Case("512², hole of 50 %", INPAINTING, _hole(512, 0.50), 6.0),
    Case("512², everything", INPAINTING, _hole(512, 1.0), 6.0),
    Case("1024², hole of 30 %", INPAINTING, _hole(1024, 0.30), 6.0),
    *(Case(f"{side}²", "sujaykhandekar/object-removal", _stripped(side), 6.0) for side in (512, 1024)),
    *(Case(f"{side}²", "cjwbw/rembg", _cut(side), limit) for side, limit in ((512, 4.0), (1024, 4.0), (2048, 12.0))),
    Case("16 frames, 512²", "lucataco/animate-diff", lambda: {"prompt": WORDS, "seed": 3}, 15.0),
    Case("73 frames, 512², gif", "andreasjansson/stable-diffusion-animation", _film("gif", 512), 15.0),
    Case("73 frames, 512², mp4", "andreasjansson/stable-diffusion-animation", _film("mp4", 512), 15.0),
    Case("73 frames, 1024 x 768, mp4", "andreasjansson/stable-diffusion-animation", _film("mp4", 1024), 45.0),
)  # fmt: skip
"""Every model at its sizes. Limits of the painter's, the editors' and the films' specification where it names one
(512² pictures, masks, cut-outs of 1024², 16 frames); the others in proportion to their pixels."""


@dataclass(frozen=True)
class Figures:
    """What one case took: best seconds, the same in U, most memory in MiB of the child and of what it started.

    The system counts what a process held before it became another program, so the last is an upper bound.
    """

    seconds: float
    units: float
    peak_mib: float
    helper_mib: float


def measure(number: int, rounds: int) -> Figures:
    """Do case `number` in a process of its own. Raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", "benchmarks.parts.orders", str(number), str(rounds)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return Figures(**json.loads(answer.stdout.splitlines()[-1]))


def do(case: Case, rounds: int) -> Figures:
    """Do the order `rounds` times here, a new control beside each."""
    given = case.order()
    seconds, control = [], []
    for _ in range(rounds):
        control.append(unit())
        with tempfile.TemporaryDirectory() as folder:
            pipe = os.open(os.devnull, os.O_WRONLY)
            start = time.perf_counter()
            performers.performer(case.model)(given, JobOutput(pipe, Path(folder)), 3)
            seconds.append(time.perf_counter() - start)
            os.close(pipe)
            assert any(file.stat().st_size for file in Path(folder).iterdir()), "no file came out"
    control.append(unit())
    own, helper = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return Figures(min(seconds), min(seconds) / min(control), own, helper)


def main() -> None:
    """Do one case in this process and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int)
    parser.add_argument("rounds", type=int)
    given = parser.parse_args()
    print(json.dumps(vars(do(CASES[given.number], given.rounds))))


if __name__ == "__main__":
    main()
