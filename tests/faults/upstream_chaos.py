"""Predictions over three upstreams that go wrong while processes of the house are killed; then a look for harm.

`steady` asks to wait whenever there are more than it likes; `losing` takes work and loses its answers, and honours no
keys, so that a lost answer is a lost prediction; `dying` is killed half way and never comes back, after which its
keys say nothing any more. What is charged without a success, started twice, or left behind is harm.
"""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.faults.harness import Faults
from tests.houses import House, eventually, house
from tests.postgres import Postgres
from tests.upstream import UpstreamProcess

KEY_VARIABLE = "LOOPBACK_KEY"
WORK_S = 60
"""Seconds of work that a prediction may take: how long one waits that was at the upstream that died."""
EVERY_KIND = (
    "web", "work", "cluster", "sentinel", "worker", "worker", "monitor", "pusher", "watcher", "sweep", "poster",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """One upstream: how the house knows it, and how it behaves."""

    name: str
    idempotent: bool
    options: tuple[str, ...]
    limit: int = 12


PLANS = (
    Plan("steady", True, ("--seconds", "0.5", "--rate", "6", "--fault", "get-500@0.02")),
    Plan(
        "losing", False,
        ("--seconds", "0.8", "--forgetful", "--fault", "create-drop-after@0.05", "--fault", "create-500-after@0.03",
         "--fault", "create-drop@0.03", "--fault", "get-drop@0.03", "--fault", "output-drop*1@0.03"),
    ),
    Plan("dying", True, ("--seconds", "1.5", "--fault", "create-drop-after@0.05", "--fault", "get-429=1@0.02")),
)  # fmt: skip


class Chaos(Faults):
    """The fault harness, with the upstreams of the plans behind the house."""

    def __init__(
        self,
        one: House,
        folder: Path,
        predictions: int,
        kills: Sequence[str],
        *,
        pause_s: float,
        seed: int,
        hurry: bool,
    ) -> None:
        super().__init__(one, predictions, kills, pause_s=pause_s, seed=seed)
        self._hurry = hurry
        self._total = predictions
        self.services = {
            plan.name: UpstreamProcess(free_port(), folder, "--seed", str(seed), *plan.options)
            for plan in PLANS
        }

    @contextlib.contextmanager
    def upstreams(self) -> Iterator[Chaos]:
        """All three are there, and the house knows them."""
        try:
            for plan in PLANS:
                service = self.services[plan.name].start()
                self.house.manage(
                    "upstream", plan.name, "--url", service.url, "--key-env", KEY_VARIABLE, "--limit", str(plan.limit),
                    "--priority", "10", "--rps", "200", "--connect", "2", "--read", "5",
                    *(["--idempotent"] if plan.idempotent else []),
                )  # fmt: skip
            yield self
        finally:
            for service in self.services.values():
                service.kill()

    def run(self, postgres: Postgres | None = None, patience_s: float = 1500) -> object:  # type: ignore[override]
        """As the harness does; the upstream that dies does so when half of the predictions have been made."""
        death = threading.Thread(target=self._die, daemon=True)
        death.start()
        report = super().run(postgres, patience_s)
        death.join(timeout=5)
        return report

    def _die(self) -> None:
        with contextlib.suppress(AssertionError):
            eventually(lambda: sum(self._statuses().values()) >= self._total / 2, 1200)
        self.services["dying"].kill()

    def _statuses(self) -> Counter[str]:
        try:
            return self.database.statuses()
        except Exception:  # the database is being restarted
            return Counter()

    # -- harm ------------------------------------------------------------------------------------------------
    def _wait_for_the_end(self, seconds: float) -> None:
        """Ten minutes long it is asked for the files that went with the dead upstream; `hurry` lets them pass."""
        if self._hurry:
            with contextlib.suppress(AssertionError):
                eventually(self._only_results_left, seconds / 2)
            _change(self.house, _LATER)
        super()._wait_for_the_end(seconds)

    def _only_results_left(self) -> bool:
        rows = self.database.rows(
            "SELECT count(*) FROM predictions_prediction WHERE phase NOT IN ('ended', 'result', 'collecting')"
        )
        return int(rows[0][0]) == 0

    def _look_for_harm(self) -> None:
        self._compare_starts()
        super()._look_for_harm()

    def _compare_starts(self) -> None:
        """How often each prediction was really started, by the journals of the upstreams themselves."""
        started = {name: one.starts() for name, one in self.services.items()}
        self.report.wrong += doubled(started, {plan.name for plan in PLANS if plan.idempotent})
        self._succeeded_were_started(
            {key.rpartition("-")[0] for counts in started.values() for key in counts}
        )

    def _succeeded_were_started(self, where: set[str]) -> None:
        rows = self.database.rows("SELECT public_id FROM predictions_prediction WHERE status = 'succeeded'")
        self.report.wrong += [f"{id} succeeded and was started nowhere" for (id,) in rows if id not in where]

    def lines(self) -> list[str]:
        """What the upstreams saw, for a person."""
        found = []
        for name, service in self.services.items():
            rows = {
                what: len(service.rows(what)) for what in ("start", "replay", "fault", "limited", "cancel")
            }
            found.append(f"{name}: " + ", ".join(f"{number} {what}" for what, number in rows.items()))
        runs = self.database.rows("SELECT outcome, count(*) FROM predictions_upstreamrun GROUP BY outcome")
        return [*found, "runs: " + ", ".join(f"{number} {outcome}" for outcome, number in sorted(runs))]


def doubled(started: Mapping[str, Mapping[str, int]], idempotent: Collection[str]) -> list[str]:
    """What was started twice and must not be: by upstream, how often each key was really started there.

    A second run needs the first to be known as over, which only a service that honours keys can say.
    """
    wrong: list[str] = []
    where: dict[str, list[str]] = {}
    for name, counts in started.items():
        for key, number in counts.items():
            if number > 1:
                wrong.append(f"{name} started {key} {number} times")
            where.setdefault(key.rpartition("-")[0], []).append(name)
    for public_id, names in where.items():
        if len(names) > 1 and any(name not in idempotent for name in names):
            wrong.append(f"{public_id} was started at {', '.join(names)}")
    return wrong


@contextlib.contextmanager
def chaos(
    folder: Path,
    predictions: int,
    kills: Sequence[str],
    *,
    pause_s: float,
    seed: int,
    database_url: str = "",
    work_s: int = WORK_S,
    hurry: bool = False,
) -> Iterator[Chaos]:
    """A started house without an engine, its three upstreams, and the harness over them."""
    settings = {
        "DARKROOM_ENGINE": "0",
        "DARKROOM_UPSTREAM_PRIVATE": "127.0.0.1",
        "DARKROOM_WORK_LIMIT": str(work_s),
        KEY_VARIABLE: UpstreamProcess.token,
    }
    with house(database_url, **settings) as one:
        run = Chaos(one, folder, predictions, kills, pause_s=pause_s, seed=seed, hurry=hurry)
        with run.upstreams():
            yield run


_LATER = {
    "sqlite": "UPDATE predictions_prediction SET job_seen_at = datetime(job_seen_at, '-15 minutes')"
    " WHERE phase IN ('result', 'collecting')",
    "postgres": "UPDATE predictions_prediction SET job_seen_at = job_seen_at - interval '15 minutes'"
    " WHERE phase IN ('result', 'collecting')",
}


def _change(one: House, statements: dict[str, str]) -> None:
    """Run the statement of the house's kind of database."""
    url = one.env.get("DARKROOM_DATABASE_URL", "")
    if url:
        with psycopg.connect(url, connect_timeout=5) as connection:
            connection.execute(statements["postgres"].encode())
        return
    with (
        contextlib.closing(sqlite3.connect(one.data / "darkroom.sqlite3", timeout=20)) as connection,
        connection,
    ):
        connection.execute(statements["sqlite"])


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
