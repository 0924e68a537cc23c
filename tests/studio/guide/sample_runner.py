"""Takes the samples out of a page's Markdown, and runs them as a reader would: pasted, with the environment set."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PACKAGE = re.compile(r'from "([a-z@/-]+)"')
LIMIT_S = 120
SHELL = "set -euo pipefail\n"


@dataclass(frozen=True)
class Sample:
    """One block of code. `words` are what stands behind the language; `answer` is the JSON shown below it, if any."""

    page: str
    number: int
    language: str
    words: tuple[str, ...]
    code: str

    @property
    def fails(self) -> str:
        """The status that this request is shown to be refused with; empty for one that works."""
        return next((word.removeprefix("fails=") for word in self.words if word.startswith("fails=")), "")

    @property
    def packages(self) -> set[str]:
        """Packages of npm that a JavaScript sample needs."""
        return {name for name in _PACKAGE.findall(self.code) if not name.startswith("node:")}

    def __str__(self) -> str:
        return f"{self.page}-{self.number}-{self.language}"


def samples(page: str, markdown: str) -> list[Sample]:
    """Every block of code of a page, in order."""
    return [
        Sample(page, number, match.group(1), tuple(match.group(2).split()), match.group(3))
        for number, match in enumerate(_FENCE.finditer(markdown))
    ]


def command(sample: Sample, folder: Path) -> list[str]:
    """How a reader would run it, in a folder of its own."""
    if sample.language == "python":
        return [sys.executable, "-c", sample.code]
    if sample.language == "javascript":
        path = folder / f"{sample}.mjs".replace("/", "-")
        path.write_text(sample.code, encoding="utf-8")
        return ["node", str(path)]
    return ["bash", "-c", SHELL + sample.code]


def run(sample: Sample, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a sample to its end. curl fails on errors here, which it would not do by itself."""
    if not (settings := folder / ".curlrc").exists():
        # Whole or not at all: samples run side by side, and curl takes an empty one without a word.
        unfinished = folder / f".curlrc-{threading.get_ident()}"
        unfinished.write_text("fail-with-body\nshow-error\n")
        unfinished.rename(settings)
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("DARKROOM_", "REPLICATE_"))
    }
    return subprocess.run(
        command(sample, folder),
        cwd=folder, env={**kept, "CURL_HOME": str(folder), "HOME": str(folder), **environment},
        capture_output=True, text=True, check=False, timeout=LIMIT_S,
    )  # fmt: skip


def free_port() -> int:
    """A port of the loopback interface that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
