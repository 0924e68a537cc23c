"""`python -m tests.lane NAME [--bearing MARK] [PYTEST ARGUMENTS]`: one lane of `script/test`.

`--bearing` chooses the tests with a mark and reads the files alone that name it: pytest would import every test of the
suite, in each worker, to leave most of them out.

A lane that has not ended after `LIMIT_S` is ended: its processes say where they stand, which tells what hung.
"""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

CACHES = Path(".pytest_cache/lanes")
FAILED = 1
LIMIT_S = 55 * 60.0
"""Seconds for all tests of a lane, about twice what the longest needs on two busy cores. A test has its own."""
TELLING_S = 5.0
"""Seconds in which the processes of a lane that is ended write down where they stand."""


def pytest(lane: str, arguments: list[str], environment: Mapping[str, str] | None = None) -> int:
    """Run pytest as the lane and say what it took; its exit code."""
    with told(lane):
        # Lanes run side by side. Absolute: pytest would look for it from the folder of its settings.
        cache = (CACHES / lane.replace(" ", "-")).absolute()
        return _run(
            [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={cache}", *arguments], environment
        )


@contextlib.contextmanager
def told(name: str) -> Iterator[None]:
    """Say what was taken by all that is started and ended inside."""
    began, before = time.monotonic(), _processor()
    try:
        yield
    finally:
        took = f"{time.monotonic() - began:.0f} s, {_processor() - before:.0f} s of processor"
        print(f"{name}: {took}", flush=True)


def _processor() -> float:
    """Seconds that ended processes below this one have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bearing(mark: str, arguments: list[str], folder: Path = Path("tests")) -> list[str]:
    """The arguments that choose the tests with that mark, the files first that may take longest.

    Where the arguments name files or folders, these decide where to look.
    """
    chosen = ["-m", mark, *arguments]
    if any(Path(word.split("::")[0]).exists() for word in arguments if word and not word.startswith("-")):
        return chosen
    texts = {path: path.read_text() for path in sorted(folder.rglob("test_*.py"))}
    files = [path for path, text in texts.items() if re.search(rf"\bmark\.{mark}\b", text)]
    files.sort(key=lambda path: -max(map(int, re.findall(r"mark\.timeout\((\d+)\)", texts[path])), default=0))
    return [*chosen, *map(str, files)]


def _main(words: list[str]) -> int:
    lane, *arguments = words
    if arguments[:1] == ["--bearing"]:
        arguments = bearing(arguments[1], arguments[2:])
    return pytest(lane, arguments)


def _run(command: list[str], environment: Mapping[str, str] | None) -> int:
    with subprocess.Popen(command, env=environment) as process:
        try:
            return process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            print(f"\nNot ended after {LIMIT_S:.0f} s. Where its processes stand:\n", flush=True)
            _end(psutil.Process(process.pid))
            return FAILED


def _end(lane: psutil.Process) -> None:
    """SIGABRT lets pytest's processes, the workers and who leads them, write their stacks; then all are killed."""
    told = [*lane.children(), lane]
    everybody = [*lane.children(recursive=True), lane]
    for one in told:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(signal.SIGABRT)
    psutil.wait_procs(told, timeout=TELLING_S)
    for one in everybody:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
