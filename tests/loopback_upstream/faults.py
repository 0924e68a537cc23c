"""Which faults there are, and which of them strikes now."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

ANSWERS = {
    "400-safety": "a moderation's refusal in OpenAI's form",
    "400-sensitive-zh": "a gateway's refusal of sensitive words, in Chinese",
    "401": "the token is wrong",
    "401-openai": "the token is wrong, in OpenAI's form",
    "401-zh": "the token is wrong, in Chinese",
    "402": "no credit",
    "402-zh": "no quota, in Chinese, as a 403",
    "403": "forbidden",
    "404": "not found",
    "413": "too large, HTML",
    "422": "the input does not fit, with invalid_fields",
    "422-fastapi": "the input does not fit, in FastAPI's form",
    "422-version": "no such version",
    "429": "too many requests, Retry-After: ARGUMENT (1) seconds",
    "429-bare": "too many requests, without Retry-After",
    "429-date": "too many requests, Retry-After as a date ARGUMENT (2) seconds ahead",
    "429-openai": "too many requests, in OpenAI's form",
    "429-quota": "no quota, in OpenAI's form",
    "429-zh": "too many requests, in Chinese",
    "500": "an internal error",
    "500-secret": "an internal error that repeats the caller's Authorization header",
    "500-zh": "an internal error, in Chinese",
    "502": "nginx's bad gateway, HTML",
    "503": "unavailable, Retry-After: 1",
    "503-zh": "no channel for this model, in Chinese",
    "504": "nginx's time-out, HTML",
    "200-error": "200 with an error in a gateway's own envelope, in Chinese",
    "drop": "the connection is cut",
    "hang": "nothing is ever answered",
    "slow": "the answer comes in pieces over ARGUMENT (1) seconds",
    "snail": "an endless answer, a byte at a time",
    "thin": "only id and status",
    "images": "the finished pictures in the shape of OpenAI's images",
    "images-b64": "the finished pictures in Base64",
    "html": "a page of HTML with 200",
    "empty": "no body at all",
    "nul": "NUL bytes in the JSON's strings",
    "huge": "100 MiB of JSON (ARGUMENT in MiB)",
    "deep": "JSON that nests 100,000 deep",
    "laughs": "JSON of many small levels: 2 MiB of brackets",
    "types": "every field of a wrong type",
    "list": "a JSON list",
    "string": "a JSON string",
    "null": "JSON null",
    "utf8": "bytes that are no UTF-8",
    "bomb": "gzip that unpacks to 512 MiB",
    "redirect": "a redirect to another address",
    "short": "half of the promised body",
    "garbage": "what is no HTTP",
    "nan": "NaN and Infinity as numbers",
    "bigint": "a number of 100,000 digits",
    "surrogate": "half a surrogate pair in a string",
    "cookie": "a good answer that sets cookies",
    "no-id": "a good answer without an id",
}
"""Kinds of faults of one answer. Those below 400 are given after the request was taken, others before."""
RUNS = {
    "fail": "fails; ARGUMENT are the words, + for blanks",
    "fail-object": "fails with an object as its error",
    "fail-silent": "fails with error null",
    "nsfw": "fails as Replicate's safety check does",
    "cancel": "is canceled by the service",
    "abort": "ends with the status aborted",
    "forever": "is processing for ever",
    "unknown": "is in a state that nobody knows, then succeeds",
    "unknown-forever": "is in a state that nobody knows for ever",
    "steps": "has the states ARGUMENT, a+b+c, one a look, the last for ever",
    "seconds": "takes ARGUMENT seconds",
    "hidden": "is not found for the first ARGUMENT (2) looks",
    "lost": "is found ARGUMENT (1) times, then never again",
    "logs": "logs ARGUMENT (3) MiB",
    "null": "succeeds with null as its output",
    "stubborn": "cannot be canceled and succeeds",
    "partial": "is processing with the first of its outputs, then succeeds",
    "cost": "names what it cost: ARGUMENT (0.003)",
}
OUTPUTS = {
    "gone": "404; with ARGUMENT only that output, counted from 0",
    "403": "403; ARGUMENT as above",
    "500": "500; ARGUMENT as above",
    "drop": "the connection is cut half way",
    "hang": "never answered",
    "slow": "in pieces over ARGUMENT (1) seconds",
    "redirect": "leads to the real file by a redirect",
    "redirect-private": "leads to 10.0.0.1",
    "redirect-loop": "leads to itself",
    "html": "a page of HTML that says image/png",
    "type": "JPEG that says image/png",
    "short": "half of the promised length",
    "long": "more than the promised length",
    "huge": "ARGUMENT (170) MiB without a length",
    "huge-said": "says 2 GiB",
    "empty": "no byte",
    "bomb": "a PNG of 20,000 by 20,000",
    "private": "its address is http://169.254.169.254/",
    "loopback": "its address is a port of this machine where nothing of ours is",
    "file": "its address is file:///etc/passwd",
    "nul": "its address holds a NUL",
    "data": "a data URI",
    "many": "ARGUMENT (1000) addresses",
    "object": "an object of addresses",
    "string": "one address instead of a list",
    "text": "words instead of an address",
    "number": "42",
    "none": "an empty list",
    "nested": "a list of lists",
    "vanish": "there for the first ARGUMENT (1) requests, then 404",
    "key": "asks for the API token",
}
ADDRESSES = frozenset(
    (
        "private",
        "loopback",
        "file",
        "nul",
        "data",
        "many",
        "object",
        "string",
        "text",
        "number",
        "none",
        "nested",
    )
)
"""The faults of OUTPUTS that stand in the prediction; the others show when a file is fetched."""
HOOKS = {
    "never": "none is sent",
    "late": "ARGUMENT (1) seconds late",
    "twice": "each one twice",
    "forged": "signed with another secret",
    "unsigned": "without the three headers",
    "early": "says succeeded, with a picture of a stranger, while it runs",
    "garbage": "no JSON",
}
STAGES: dict[str, dict[str, str]] = {
    "create": ANSWERS, "get": ANSWERS, "cancel": ANSWERS, "upload": ANSWERS, "account": ANSWERS,
    "run": RUNS, "output": OUTPUTS, "hook": HOOKS,
}  # fmt: skip
_WORD = re.compile(r"(?P<name>[a-z]+-[a-z0-9-]+)(?:=(?P<argument>[^\s*]*))?(?:\*(?P<times>\d+))?")
_IN_PROMPT = re.compile(rf"\bfault:({_WORD.pattern})")


class UnknownFault(ValueError):
    """There is no such fault; the text names it."""


@dataclass(frozen=True)
class Fault:
    """One way to go wrong at one stage. `after`: once the request was taken."""

    stage: str
    kind: str
    argument: str = ""
    after: bool = False

    def number(self, default: float) -> float:
        """The argument as a number."""
        return float(self.argument) if self.argument else default

    def __str__(self) -> str:
        return f"{self.stage}-{self.kind}{'-after' if self.after else ''}"


@dataclass
class Rule:
    """A fault for whatever has `match` in its text and `token` as its token: `times` (None: always), by `chance`."""

    fault: Fault
    match: str = ""
    token: str = ""
    times: int | None = None
    chance: float = 1.0


def parse(words: str) -> tuple[Fault, int | None]:
    """`create-429=3*2` as a fault and how often. Raises UnknownFault."""
    found = _WORD.fullmatch(words)
    if found is None:
        raise UnknownFault(f"{words!r} does not read as STAGE-KIND=ARGUMENT*TIMES")
    stage, _, kind = found["name"].partition("-")
    after = kind.endswith("-after") and stage in ("create", "upload", "cancel")
    kind = kind.removesuffix("-after") if after else kind
    if kind not in STAGES.get(stage, {}):
        raise UnknownFault(f"there is no fault {found['name']}")
    times = int(found["times"]) if found["times"] else None
    return Fault(stage, kind, found["argument"] or "", after), times


def in_prompt(text: str) -> list[tuple[Fault, int | None]]:
    """Every fault that a prompt asks for. Raises UnknownFault."""
    return [parse(one.group(1)) for one in _IN_PROMPT.finditer(text)]


@dataclass
class Rules:
    """What is to go wrong. Safe to change from another thread."""

    seed: int = 1
    rows: list[Rule] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._struck: Counter[tuple[str, Fault]] = Counter()
        self._lock = threading.Lock()

    def add(
        self,
        words: str,
        *,
        match: str = "",
        token: str = "",
        times: int | None = None,
        chance: float = 1.0,
    ) -> Rule:
        """One more rule. Raises UnknownFault."""
        fault, said = parse(words)
        rule = Rule(fault, match, token, said if times is None else times, chance)
        with self._lock:
            self.rows.append(rule)
        return rule

    def add_json(self, row: dict[str, Any]) -> Rule:
        """A rule as `POST /_faults` takes it: {"fault", "match", "token", "times", "chance"}."""
        return self.add(
            str(row["fault"]),
            match=str(row.get("match", "")),
            token=str(row.get("token", "")),
            times=row.get("times"),
            chance=float(row.get("chance", 1.0)),
        )

    def clear(self) -> None:
        """Nothing goes wrong any more, but what prompts ask for."""
        with self._lock:
            self.rows.clear()
            self._struck.clear()

    def strikes(self, stage: str, text: str, token: str = "") -> Fault | None:
        """The fault of this stage that strikes a request with this text now; counted and diced once."""
        with self._lock:
            for fault, times in in_prompt(text):
                if fault.stage != stage:
                    continue
                if times is None or self._struck[text, fault] < times:
                    self._struck[text, fault] += 1
                    return fault
            for rule in self.rows:
                if rule.fault.stage == stage and self._hits(rule, text, token):
                    return rule.fault
        return None

    def of(self, stage: str, text: str, token: str = "") -> list[tuple[Fault, int | None]]:
        """Every fault of a stage that is about this text, each with how often it strikes (None: always).

        For what a thing is, such as a run: whoever asks counts. The times of a rule count runs, or for outputs the
        fetches of each.
        """
        asked = [(fault, times) for fault, times in in_prompt(text) if fault.stage == stage]
        with self._lock:
            for rule in self.rows:
                times = rule.times
                if rule.fault.stage == stage and self._hits(rule, text, token):
                    asked.append((rule.fault, times if stage == "output" else None))
                    rule.times = times if stage == "output" else rule.times
            return asked

    def _hits(self, rule: Rule, text: str, token: str) -> bool:
        if rule.match not in text or (rule.token and rule.token != token) or rule.times == 0:
            return False
        if rule.chance < 1.0 and self._chance.random() >= rule.chance:
            return False
        if rule.times is not None:
            rule.times -= 1
        return True


def listing() -> str:
    """Every fault with its meaning, for people."""
    lines = []
    for stage, kinds in STAGES.items():
        if kinds is ANSWERS and stage != "create":
            continue
        stages = "create|get|cancel|upload|account" if kinds is ANSWERS else stage
        lines += [f"  {stages}-{kind:<18} {meaning}" for kind, meaning in kinds.items()]
    return "\n".join(lines)
