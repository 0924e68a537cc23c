"""Runs Schemathesis over the OpenAPI documents of a started server, all checks on, and says what it found."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.runner.sampling import one_in
from tests.servers.server_process import ServerProcess
from tests.support.source_rules import ROOT

DOCUMENTS = {
    "replicate": "/v1/openapi.json",
    "seeds": "/replicate/v1/openapi.json",
    "openai": "/openai/v1/openapi.json",
    "own": "/api/schema?format=json",
}
NOT_OFFERED = (
    "deployments.create", "deployments.update", "deployments.delete", "trainings.create", "trainings.get",
    "trainings.cancel",
)  # fmt: skip
"""Described so that callers know the refusal: no request to them is ever accepted."""
HELD = (
    "predictions.create", "models.predictions.create", "deployments.predictions.create", "createImage",
    "predictions.stream", "files.stream",
)  # fmt: skip
"""Answers that may take long, by contract."""
SLOW_S = 1.0
_ARRANGE = """
from django.core.management import call_command
from predictions.models import Deployment, HostedModel, Version
call_command("fixtures", {path!r})
# Pictures of their size would keep every answer waiting that is held.
HostedModel.objects.exclude(owner="conformance").update(enabled=False)
version = Version.objects.get(model__owner="conformance", model__name="image")
Deployment.objects.create(owner="fuzz", name="cards", version=version, input={{"width": 64, "height": 64}})
"""


@dataclass
class Report:
    """What one document's run came to."""

    document: str
    code: int
    text: str
    cases: int = 0
    failures: int = 0
    seconds: float = 0.0

    @property
    def line(self) -> str:
        """One line for people."""
        return f"{self.document}: {self.cases} cases, {self.failures} failures, {self.seconds:.0f} s"


@dataclass(frozen=True)
class Target:
    """A started server, and what `manage.py fixtures` made in it."""

    url: str
    token: str
    models: dict[str, str]


@contextlib.contextmanager
def target(database_url: str = "") -> Iterator[Target]:
    """A server in conformance mode, without rate limits, on SQLite or on the database named."""
    limits = {f"DARKROOM_RATE_{kind}": "0" for kind in ("CREATE", "POLL", "OTHER")}
    if database_url:
        limits["DARKROOM_DATABASE_URL"] = database_url
    with ServerProcess(DARKROOM_CONFORMANCE="1", **limits) as server:
        file = server.data / "fixtures.json"
        # For this one program an interpreter of its own costs less than what `server.manage` keeps for many.
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "-v0", "-c", _ARRANGE.format(path=str(file))],
            cwd=ROOT, env=server.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        made = json.loads(file.read_text())
        one = Target(server.url, made["tokens"]["funded"], made["models"])
        _furnish(one)
        yield one


def _furnish(one: Target) -> None:
    """Have something there of every kind: predictions, deliveries, items, published and shared ones."""
    with httpx.Client(base_url=one.url, headers={"Authorization": f"Bearer {one.token}"}) as client:
        wish = {"version": one.models["image"], "input": {"prompt": "a cat", "width": 64, "height": 64}}
        told = {**wish, "webhook": "https://receiver.example/hook"}
        for _number in range(4):
            client.post("/v1/predictions", json=told, headers={"Prefer": "wait=10"}, timeout=30)
        items = [row["id"] for row in client.get("/api/items").json()["results"]]
        assert items, "No prediction gave an item."
        for item in items[:4]:
            client.post(f"/api/items/{item}/publish", json={})
            client.post(f"/api/items/{item}/shares", json={})


def ask(one: Target, document: str, *, cases: int, seed: int, slow: bool, short: bool = False) -> Report:
    """Run one document: `cases` for each operation and phase. `slow`: whether an answer that takes long is a fault.

    `short`: of cases that are alike some are enough (`hooks.likeness`), and of some operations a single one.
    """
    names = operations(one, document)
    briefly = set(names) - set(one_in(24, names)) if short else set()
    with tempfile.TemporaryDirectory(prefix="darkroom-fuzz-") as folder:
        (Path(folder) / "schemathesis.toml").write_text(_settings(cases, seed, slow, briefly))
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            # The tables of all characters, which would be made anew in each folder.
            "HYPOTHESIS_STORAGE_DIRECTORY": str(ROOT / ".hypothesis"),
            "SCHEMATHESIS_HOOKS": "tests.fuzz.schemathesis_hooks",
            "FUZZ_MODELS": json.dumps(one.models),
            "FUZZ_TOKEN": one.token,
            "FUZZ_SHORT": str(int(short)),
        }
        done = subprocess.run(
            [str(Path(sys.executable).parent / "st"), "run", one.url + DOCUMENTS[document], "--no-color"],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    return _read(document, done.returncode, done.stdout + done.stderr)


def operations(one: Target, document: str) -> list[str]:
    """The ids of all operations that a document describes."""
    told = httpx.get(one.url + DOCUMENTS[document], headers={"Authorization": f"Bearer {one.token}"}).json()
    return [about["operationId"] for path in told["paths"].values() for about in path.values()]


def _read(document: str, code: int, text: str) -> Report:
    found = re.search(r"^  (\d+) generated", text, re.MULTILINE)
    failed = re.search(r"found (\d+) unique failures?", text)
    seconds = re.search(r"in ([\d.]+)s =+$", text.strip())
    return Report(
        document, code, text,
        cases=int(found.group(1)) if found else 0,
        failures=int(failed.group(1)) if failed else 0,
        seconds=float(seconds.group(1)) if seconds else 0.0,
    )  # fmt: skip


def _settings(cases: int, seed: int, slow: bool, briefly: Collection[str]) -> str:
    """The configuration of `st`: all checks; only what is never accepted may be refused when well-formed.

    `briefly`: operations that are asked with one case instead of those that cover their description.
    """
    refused = ", ".join(f'"{name}"' for name in NOT_OFFERED)
    held = ", ".join(f'"{name}"' for name in HELD)
    limit = f"max_response_time = {SLOW_S}" if slow else ""
    return f"""
seed = {seed}
continue-on-failure = true
request-timeout = 90
headers = {{ Authorization = "Bearer ${{FUZZ_TOKEN}}" }}
[generation]
max-examples = {cases}
database = "none"
[checks]
{limit}
[[operations]]
include-operation-id = [{refused}]
checks = {{ positive_data_acceptance = {{ expected-statuses = ["404", "422"] }} }}
[[operations]]
include-operation-id = ["tokens_create", "tokens_change", "item_shares_create"]
# An account may have so many, and what was revoked is not changed.
checks = {{ positive_data_acceptance = {{ expected-statuses = ["2xx", "404", "409", "422"] }} }}
[[operations]]
include-operation-id = ["createImageEdit", "createImageVariation"]
# Some fields go together only, or with some models; no fixture model takes a picture and words.
checks = {{ positive_data_acceptance = {{ expected-statuses = ["2xx", "400", "404"] }}, max_response_time = 90 }}
[[operations]]
include-operation-id = ["files.create"]
# In a form everything is text: a list or an object that the schema forbids arrives as texts, which are fine.
checks = {{ negative_data_rejection = {{ expected-statuses = ["201", "400", "401", "413", "422"] }} }}
[[operations]]
include-operation-id = ["tokens_get"]
# A token that was revoked stays readable: what it spent and when it ended.
checks = {{ use_after_free = {{ enabled = false }} }}
[[operations]]
include-operation-id = [{held}]
checks = {{ max_response_time = 90 }}
{_one_case(briefly)}
"""


def _one_case(names: Collection[str]) -> str:
    """Nothing where there are none: an empty list would mean every operation."""
    if not names:
        return ""
    listed = ", ".join(f'"{name}"' for name in sorted(names))
    return f"""
[[operations]]
include-operation-id = [{listed}]
generation = {{ max-examples = 1 }}
phases = {{ examples = {{ enabled = false }}, coverage = {{ enabled = false }} }}
"""
