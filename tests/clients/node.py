"""Runs pieces of JavaScript with the published clients, and brings back what they return or throw."""

from __future__ import annotations

import json
import select
import subprocess
import tempfile
from pathlib import Path
from typing import Any

HARNESS = Path(__file__).with_name("harness.mjs")
LIMIT_S = 90


class Thrown(Exception):
    """What the program threw: the class's name, its message, and the fields that the clients put on their errors."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(f"{told['kind']}: {told['message']}")
        self.kind: str = told["kind"]
        self.message: str = told["message"]
        self.fields: dict[str, Any] = told["fields"]


class Harness:
    """A process of Node that runs one order after the other; another takes its place where it ended or hung."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (of all its processes)
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, order: dict[str, Any]) -> dict[str, Any]:
        """What became of it. Raises AssertionError where it never came to its end."""
        process = self._started()
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        # One line for each order, so that nothing of an earlier one waits in the buffer.
        ready, _, _ = select.select([process.stdout], [], [], LIMIT_S)
        line = process.stdout.readline() if ready else b""
        if not line:
            self.end()
            self._errors.seek(0)
            raise AssertionError(f"It never ended. {self._errors.read().decode(errors='replace')[-3000:]}")
        told: dict[str, Any] = json.loads(line)
        return told

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                ["node", HARNESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
            )
        return self._process

    def end(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


class Node:
    """One set of packages and one account of a server; calling it runs the body of an async function."""

    def __init__(self, harness: Harness, packages: Path, **known: Any) -> None:
        self._harness, self._packages, self._known = harness, packages, known

    def but(self, **known: Any) -> Node:
        """The same with other things known: another token, another mount."""
        return Node(self._harness, self._packages, **{**self._known, **known})

    def __call__(self, body: str, **given: Any) -> Any:
        """What `body` returns, as JSON knows it. It sees `replicate`, `Replicate`, `OpenAI`, `openai` and `given`.

        Raises `Thrown` for what the program throws, AssertionError where it never came to its end.
        """
        told = self._harness.run(
            {**self._known, "packages": str(self._packages), "body": body, "given": given}
        )
        if "kind" in told:
            raise Thrown(told)
        return told["value"]
