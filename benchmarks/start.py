"""`script/benchmark start`: what a start costs, what stands then, and how soon work goes on after a part was killed.

Everything is of the whole tree of processes, ended ones included. The control is a bare Django project with one app,
on the same kind of database, migrated and served by the same uvicorn in the same rounds. Each part that is found
running is killed in turn; from then on a page, a picture and its webhook are waited for. Their control are the same
three while nothing was killed.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import math
import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.harness import Series
from benchmarks.parts import tree
from benchmarks.parts.databases import databases
from benchmarks.parts.installation import BARE, DARKROOM, KINDS, Running, answers
from config.server.launcher import EXAMPLE

FIRST, WARM = "first", "warm"
GOALS = {
    (FIRST, "processor"): "≤ 15 s",
    (WARM, "processor"): "≤ 3.5 s",
    (WARM, "memory"): "≤ 300 MiB",
    (FIRST, "memory"): "≤ 300 MiB",
}
HEAD = ["database", "start", "figure", DARKROOM, BARE, "ratio", "goal"]
FIGURES = {
    "processor": "processor until ready, s",
    "seconds": "until ready, s",
    "settled": "processor 5 s later, s",
    "processes": "processes",
    "memory": "memory (PSS), MiB",
}
KILLED_HEAD = [
    "database", "killed", "another runs, ms", "page, ms", "picture, ms", "webhook, ms", "more than undisturbed, ms",
    "all parts again, ms", "processor, s", "goal",
]  # fmt: skip
KILLED_GOAL = "≤ 500 ms"
UNDISTURBED = "(nothing)"
SETTLE_S, PATIENCE_S, STEP_S = 5.0, 60.0, 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument(
        "--starts", default=f"{FIRST},{WARM}", help="which tables to print; each needs the first"
    )
    parser.add_argument("--no-kills", action="store_true", help="measure starts alone")
    parser.add_argument("--json", type=Path, help="Keep the raw figures here.")
    given = parser.parse_args()
    print(harness.machine())
    kept: dict[str, Any] = {}
    for database in given.databases.split(","):
        with harness.scratch() as folder, databases(folder, database) as fresh:
            starts, kills = Starts(), Kills()
            for turn in range(given.rounds):
                for who in (DARKROOM, BARE) if turn % 2 == 0 else (BARE, DARKROOM):
                    one_round(who, folder / f"{turn}-{who}".replace(" ", "-"), fresh(), starts, kills, given)
            rows = [[database, *row] for row in starts.rows(given.starts.split(","))]
            print("\n" + harness.table(HEAD, rows), flush=True)
            if rows := [[database, *row] for row in kills.rows()]:
                print("\n" + harness.table(KILLED_HEAD, rows), flush=True)
            kept[database] = {
                "starts": {" ".join(key): values for key, values in starts.seen.items()},
                "kills": kills.seen,
            }
    print(f"\n{harness.machine()}")
    harness.save(given.json, kept)


def one_round(
    who: str, folder: Path, address: str, starts: Starts, kills: Kills, given: argparse.Namespace
) -> None:
    """A first start and a warm one on the same data, and there each part killed once."""
    env = {"DARKROOM_OUTBOUND_ALLOW": "127.0.0.0/8"} if who == DARKROOM else {}
    with KINDS[who](folder, address, env) as running:
        starts.see(who, FIRST, running)
        token = running.token
    with KINDS[who](folder, address, env) as running:
        starts.see(who, WARM, running)
        if who == DARKROOM and not given.no_kills:
            with webhooks() as hooks:
                kills.see(Member(running, token, hooks))


@dataclass
class Starts:
    """Figures of starts, by who, which start and which figure, a value for each round."""

    seen: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)

    def see(self, who: str, start: str, running: Running) -> None:
        """Take down what this start has cost, and what stands a moment later."""
        time.sleep(SETTLE_S)
        memory = running.tree.memory()
        figures = {
            "processor": running.processor,
            "seconds": running.seconds,
            "settled": running.tree.cpu(),
            "processes": float(len(memory)),
            "memory": sum(size for _, size in memory.values()),
        }
        for name, value in figures.items():
            self.seen.setdefault((who, start, name), []).append(value)

    def rows(self, starts: list[str]) -> Iterator[list[str]]:
        """The cells of `HEAD` after the database."""
        for start in starts:
            for figure, words in FIGURES.items():
                ours, control = (Series(who, self.seen[who, start, figure]) for who in (DARKROOM, BARE))
                ratio = ours.ratio_to(control)
                yield [start, words, str(ours), str(control), str(ratio), GOALS.get((start, figure), "")]


@dataclass
class Member:
    """Somebody who looks at a page, makes a picture and hears of it by a webhook."""

    running: Running
    token: str
    hooks: Hooks

    def works(self, since: float) -> dict[str, float]:
        """Milliseconds from then until each of the three; infinite where one does not within `PATIENCE_S`."""
        found: dict[str, float] = {}
        page = threading.Thread(target=lambda: found.update(page=_until(since, self._page)))
        page.start()
        made = _until_some(since, self._create)
        picture = f"/replicate/v1/predictions/{made}"
        found["picture"] = _until(since, lambda: self._asked("GET", picture).get("status") == "succeeded")
        found["webhook"] = _until(since, lambda: made in self.hooks.heard)
        page.join()
        return found

    def _page(self) -> bool:
        return answers(self.running, "/")

    def _create(self) -> str:
        body = {
            "version": EXAMPLE["version"],
            "webhook": self.hooks.url,
            "webhook_events_filter": ["completed"],
            "input": {"prompt": "a red lighthouse", "width": 128, "height": 128, "num_inference_steps": 1},
        }
        return str(self._asked("POST", "/replicate/v1/predictions", body).get("id", ""))

    def _asked(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        try:
            status, answer = self.running.ask(method, path, body, token=self.token)
        except (OSError, http.client.HTTPException):
            return {}
        if isinstance(answer, dict) and answer.get("status") in {"failed", "canceled"}:
            raise RuntimeError(f"The picture was not made: {answer.get('error')}")
        return answer if isinstance(answer, dict) and status < 300 else {}


@dataclass
class Kills:
    """What was seen after each kill, by the name of what was killed: a value for each round."""

    seen: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def see(self, member: Member) -> None:
        """Kill one process of each name; before each, the same without a kill."""
        member.works(time.monotonic())
        whole = _counts(member.running.tree)
        top = tree.name(member.running.tree.root)
        for name in [one for one in whole if one != top]:
            self._note(UNDISTURBED, member.works(time.monotonic()))
            self._note(name, self._killed(member, name, whole))

    def _killed(self, member: Member, name: str, whole: dict[str, int]) -> dict[str, float]:
        below, before = member.running.tree, member.running.tree.cpu()
        known = set(below.names()[name])
        since = time.monotonic()
        os.kill(min(known), signal.SIGKILL)
        found: dict[str, float] = {}

        def another() -> bool:
            return bool(set(below.names().get(name, [])) - known)

        successor = threading.Thread(target=lambda: found.update(another=_until(since, another, step=0.03)))
        successor.start()
        found |= member.works(since)
        successor.join()

        def all_again() -> bool:
            there = _counts(below)
            return all(there.get(part, 0) >= count for part, count in whole.items()) and answers(
                member.running, "/health"
            )

        found["whole"] = _until(since, all_again)
        found["processor"] = below.cpu() - before
        # What its end has set going is over before the next one is killed.
        time.sleep(1)
        return found

    def _note(self, name: str, figures: dict[str, float]) -> None:
        for figure, value in figures.items():
            self.seen.setdefault(name, {}).setdefault(figure, []).append(value)

    def rows(self) -> Iterator[list[str]]:
        """The cells of `KILLED_HEAD` after the database."""
        control = {figure: statistics.median(seen) for figure, seen in self.seen.get(UNDISTURBED, {}).items()}
        for name, seen in self.seen.items():
            series = {figure: Series(figure, values) for figure, values in seen.items()}
            more = "" if name == UNDISTURBED else harness.number(
                max(0.0, *(series[figure].median - control[figure] for figure in control))
            )  # fmt: skip
            yield [
                name,
                *(str(series[figure]) if figure in series else "" for figure in ("another", *control)),
                more,
                *(str(series[figure]) if figure in series else "" for figure in ("whole", "processor")),
                "" if name == UNDISTURBED else KILLED_GOAL,
            ]


def _counts(below: tree.Tree) -> dict[str, int]:
    return {name: len(pids) for name, pids in below.names().items()}


def _until(since: float, true: Callable[[], object], *, step: float = STEP_S) -> float:
    return (time.monotonic() - since) * 1000 if _until_some(since, true, step=step) else math.inf


def _until_some(since: float, ask: Callable[[], Any], *, step: float = STEP_S) -> Any:
    """The first answer that is anything, with pauses of `step` seconds; the last one where none was for too long."""
    while not (answer := ask()) and time.monotonic() - since < PATIENCE_S:
        time.sleep(step)
    return answer


@dataclass
class Hooks:
    """Where webhooks go to."""

    url: str
    heard: set[str] = field(default_factory=set)


@contextlib.contextmanager
def webhooks() -> Iterator[Hooks]:
    """A receiver on this machine that remembers the predictions of which it was told."""
    import json

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hooks.heard.add(body["id"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """The table is all that is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hooks = Hooks(f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield hooks
        finally:
            server.shutdown()


if __name__ == "__main__":
    main()
