"""Predictions of the loopback service: their states over time, and how they are shown."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.loopback_upstream import sample_outputs
from tests.loopback_upstream.faults import ADDRESSES, Fault
from tests.loopback_upstream.sample_outputs import Model

FINAL = ("succeeded", "failed", "canceled", "aborted")
MIB = 1024 * 1024
PRIVATE = "http://169.254.169.254/latest/meta-data/out-0.png"
Faults = list[tuple[Fault, int | None]]


@dataclass
class Job:
    """One prediction. What it will do is settled when it is made."""

    id: str
    key: str
    """The Idempotency-Key that it was started with; "" without one."""
    model: Model
    input: dict[str, Any]
    seconds: float
    token: str = field(repr=False)
    runs: Faults
    outputs: Faults
    hooks: Faults
    webhook: str = ""
    events: tuple[str, ...] = ()
    looks: int = 0
    canceled: bool = False
    created: float = field(default_factory=time.time)
    fetched: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        asked = self.run("seconds")
        if asked is not None:
            self.seconds = asked.number(self.seconds)

    @property
    def text(self) -> str:
        """The words of its input."""
        return sample_outputs.words(self.input)

    def run(self, kind: str) -> Fault | None:
        """Its fault of that kind, of its run."""
        return next((fault for fault, _ in self.runs if fault.kind == kind), None)

    def hook(self, kind: str) -> Fault | None:
        """Its fault of that kind, of its webhooks."""
        return next((fault for fault, _ in self.hooks if fault.kind == kind), None)

    def state(self) -> str:
        """Its status now; the number of looks decides where a script of states does."""
        if self.canceled:
            return "canceled"
        if steps := self.run("steps"):
            states = steps.argument.split("+")
            return states[min(max(self.looks - 1, 0), len(states) - 1)]
        if self.run("forever"):
            return "processing"
        if self.run("unknown-forever") or (self.run("unknown") and self.looks <= 2):
            return "warming_up"
        if self.run("partial") and self.looks <= 2:
            return "processing"
        return self._by_time()

    def _by_time(self) -> str:
        age = time.time() - self.created
        if age < self.seconds / 3:
            return "starting"
        if age < self.seconds:
            return "processing"
        return self._end()

    def _end(self) -> str:
        kinds = {fault.kind for fault, _ in self.runs}
        if kinds & {"fail", "fail-object", "fail-silent", "nsfw"}:
            return "failed"
        if "cancel" in kinds:
            return "canceled"
        return "aborted" if "abort" in kinds else "succeeded"

    def is_hidden(self) -> bool:
        """Whether a look at it is answered with 404: not yet visible, or lost since."""
        hidden, lost = self.run("hidden"), self.run("lost")
        if hidden is not None and self.looks <= hidden.number(2):
            return True
        return lost is not None and self.looks > lost.number(1)

    def strike(self, index: int, name: str) -> Fault | None:
        """The fault that the fetching of this output meets now; counted."""
        self.fetched[name] += 1
        for fault, times in self.outputs:
            if fault.kind in ADDRESSES:
                continue
            if fault.kind == "vanish":
                if self.fetched[name] > fault.number(1):
                    return fault
                continue
            only_one = fault.kind in ("gone", "403", "500") and fault.argument
            if only_one and int(fault.argument) != index:
                continue
            if times is None or self.fetched[name] <= times:
                return fault
        return None

    # -- shown -----------------------------------------------------------------------------------------------
    def shown(self, origin: str, mount: str, status: str | None = None) -> dict[str, Any]:
        """The prediction as Replicate's API shows it, in its present state or in the one named."""
        status = status or self.state()
        ended, took = status in FINAL, max(self.seconds * 2 / 3, 0.01)
        base = f"{origin}{mount}/predictions/{self.id}"
        body = {
            "id": self.id,
            "model": self.model.ref,
            "version": self.model.version,
            "input": {name: _short(value) for name, value in self.input.items()},
            "logs": self._logs(status),
            "output": self._output(origin, status),
            "data_removed": False,
            "error": self._error(status),
            "status": status,
            "created_at": _when(self.created),
            "urls": {
                "cancel": f"{base}/cancel",
                "get": base,
                "stream": f"{origin}/stream/{self.id}",
                "web": f"{origin}/p/{self.id}",
            },
        }
        if status != "starting":
            body["started_at"] = _when(self.created + self.seconds / 3)
        if ended:
            body["completed_at"] = _when(self.created + self.seconds)
            body["metrics"] = {"predict_time": took, "total_time": self.seconds}
            if cost := self.run("cost"):
                body["metrics"]["cost"] = cost.number(0.003)
        return body

    def _logs(self, status: str) -> str:
        if status == "starting":
            return ""
        if logs := self.run("logs"):
            return "0123456789abcde\n" * int(logs.number(3) * MIB / 16)
        return f"Using seed: {self.input.get('seed', 7)}\n100%|##########| 1/1\n"

    def _error(self, status: str) -> Any:
        if status != "failed" or self.run("fail-silent"):
            return None
        if self.run("fail-object"):
            return {"code": "E1001", "message": "CUDA out of memory"}
        if self.run("nsfw"):
            return "NSFW content detected. Try running it again, or try a different prompt."
        fail = self.run("fail")
        return fail.argument.replace("+", " ") if fail and fail.argument else "CUDA out of memory."

    def _output(self, origin: str, status: str) -> Any:
        if status != "succeeded" and not (status == "processing" and self.run("partial")):
            return None
        if self.run("null"):
            return None
        if not self.model.gives_files:
            return sample_outputs.text(self.model, self.input)
        urls = [f"{origin}/out/{self.id}/{name}" for name in sample_outputs.names(self.model, self.input)]
        if status == "processing":
            return urls[:1]
        strange = next((fault for fault, _ in self.outputs if fault.kind in ADDRESSES), None)
        right = urls if self.model.gives_list else urls[0]
        return right if strange is None else self._strange(strange, urls)

    def _strange(self, fault: Fault, urls: list[str]) -> Any:
        kind, first = fault.kind, urls[0]
        name = first.rpartition("/")[2]
        made: dict[str, Any] = {
            "private": [PRIVATE],
            "loopback": ["http://127.0.0.1:9/out-0.png"],
            "file": ["file:///etc/passwd"],
            "nul": [first + "\x00.png"],
            "data": [sample_outputs.data_uri(name, self.content(name))],
            "many": [first] * int(fault.number(1000)),
            "object": {"image": first, "all": urls},
            "string": first,
            "text": ["no address at all"],
            "number": 42,
            "none": [],
            "nested": [urls],
        }
        value = made[kind]
        plain = isinstance(value, list) and len(value) == 1 and kind != "nested"
        return value[0] if plain and not self.model.gives_list else value

    def content(self, name: str) -> bytes:
        """The bytes of one of its files."""
        return sample_outputs.paint(
            name, sample_outputs.identity(self.model, self.input), *sample_outputs.size(self.input)
        )


def new_id(key: str, number: int) -> str:
    """26 signs as Replicate's ids have, never given twice in one process."""
    digest = hashlib.sha256(f"{key} {number} {time.time_ns()}".encode()).digest()
    alphabet = "abcdefghjkmnpqrstvwxyz0123456789"
    return "".join(alphabet[byte & 31] for byte in digest[:26])


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _short(value: Any) -> Any:
    return value[:64] + "…" if isinstance(value, str) and value.startswith("data:") else value
