"""Runs a piece of JavaScript with the published clients, and brings back what it returns or throws."""

from __future__ import annotations

import json
import subprocess
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


class Node:
    """One set of packages and one account of a server; calling it runs the body of an async function."""

    def __init__(self, packages: Path, **known: Any) -> None:
        self._packages, self._known = packages, known

    def but(self, **known: Any) -> Node:
        """The same with other things known: another token, another mount."""
        return Node(self._packages, **{**self._known, **known})

    def __call__(self, body: str, **given: Any) -> Any:
        """What `body` returns, as JSON knows it. It sees `replicate`, `Replicate`, `OpenAI`, `openai` and `given`.

        Raises `Thrown` for what the program throws, AssertionError where it never came to its end.
        """
        order = {**self._known, "packages": str(self._packages), "body": body, "given": given}
        done = subprocess.run(
            ["node", HARNESS],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        told = json.loads(done.stdout.splitlines()[-1])
        if "kind" in told:
            raise Thrown(told)
        return told["value"]
