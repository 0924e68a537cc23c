"""Predictions over three failing upstreams while processes of the installation are killed; then a search for harm.

`steady` asks to wait whenever there are more than it likes; `losing` takes work and loses its answers, and honours no
keys, so that a lost answer is a lost prediction; `dying` is killed half way and never comes back, after which its
keys say nothing any more. What is charged without a success, started twice, or left behind is harm.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.harness import ACCOUNTS, Faults
from tests.loopback_upstream import UpstreamProcess
from tests.postgres import Postgres
from tests.runner.sampling import one_of, short_or_whole
from tests.servers.installations import Installation, eventually, run_installation

KEY_VARIABLE = "LOOPBACK_KEY"
WORK_S = 60
"""Seconds of work that a prediction may take: how long one waits that was at the upstream that died."""
GRACE_S = 5.0
"""How long a worker that was not killed may hold what it held at a kill, before it counts as killed."""
_AT_THE_DEAD_ONE = """(phase IN ('running', 'waiting') AND provider IN (
    SELECT 'upstream-' || keys.id FROM predictions_upstreamkey keys
    JOIN predictions_upstream upstreams ON upstreams.id = keys.upstream_id WHERE upstreams.name = 'dying'))"""
_ADD = """
from django.core.management import call_command
for words in {commands}:
    call_command("upstream", *words)
"""
EVERY_KIND = (
    "web", "worker", "worker", "worker", "worker", "watcher", "sweep",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """One upstream: how it is configured, and how it behaves."""

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
    """The fault harness, with the upstreams of the plans behind the installation."""

    def __init__(
        self,
        one: Installation,
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
        self._held: set[str] = set()
        self.services = {
            plan.name: UpstreamProcess(free_port(), folder, "--seed", str(seed), *plan.options)
            for plan in PLANS
        }

    @contextlib.contextmanager
    def upstreams(self) -> Iterator[Chaos]:
        """Start all three upstreams and configure them."""
        try:
            for plan in PLANS:
                self.services[plan.name].start()
            # One process instead of three: each takes some seconds to come up.
            self.installation.python(_ADD.format(commands=[self._words(plan) for plan in PLANS]))
            yield self
        finally:
            for service in self.services.values():
                service.kill()

    def _words(self, plan: Plan) -> list[str]:
        """The words of `manage.py upstream` for one of them."""
        # In a short run the one that dies must have work when it does: it is asked first, for a few at a time.
        first = self._hurry and plan.name == "dying"
        limit, priority = (3, 5) if first else (plan.limit, 10)
        return [
            plan.name, "--url", self.services[plan.name].url, "--key-env", KEY_VARIABLE, "--limit", str(limit),
            "--priority", str(priority), "--rps", "200", "--connect", "2", "--read", "5",
            *(["--idempotent"] if plan.idempotent else []),
        ]  # fmt: skip

    def run(self, postgres: Postgres | None = None, patience_s: float = 1500) -> object:  # type: ignore[override]
        """As the harness does; the upstream that dies does so when half of the predictions have been made."""
        death = threading.Thread(target=self._die, daemon=True)
        death.start()
        if self._hurry:
            self._in_portions(postgres, patience_s)
        else:
            super().run(postgres, patience_s)
        death.join(timeout=5)
        return self.report

    def _in_portions(self, postgres: Postgres | None, patience_s: float) -> None:
        """Some predictions, a kill as soon as one of them was started, and so on: always in the middle of work."""
        self._chance.shuffle(self._kills)
        # The last portion is the largest: what nobody is killed in the middle of.
        size = self._total // (len(self._kills) + 2)
        for number, kind in enumerate(self._kills):
            if postgres and number == len(self._kills) // 2:
                postgres.restart()
            began = self._starts()
            self._send_some(number * size, size)
            try:
                eventually(lambda: self._starts() > began, 90, pause_s=0.05)  # noqa: B023
            except AssertionError:
                self.report.wrong.append(f"nothing was started any more before {kind} was to be killed")
            time.sleep(self._chance.uniform(0, self._pause_s))
            self._held |= self._claims()
            self._strike(kind)
        done = len(self._kills) * size
        self._send_some(done, self._total - done)
        self._wait_for_the_end(patience_s)
        self._check_for_harm()

    def _send_some(self, first: int, number: int) -> None:
        for seed in range(first, first + number):
            self._send(self._tokens[seed % ACCOUNTS], seed)

    def _starts(self) -> int:
        try:
            return int(self.database.rows("SELECT count(*) FROM predictions_upstreamrun")[0][0])
        except Exception:  # the database is being restarted
            return -1

    def _claims(self) -> set[str]:
        """What workers hold now; those that are about to be killed among them."""
        try:
            rows = self.database.rows("SELECT claim FROM predictions_prediction WHERE claim <> ''")
        except Exception:  # the database is being restarted
            return set()
        return {str(claim) for (claim,) in rows}

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
        """Ten minutes long it is asked for the files that went with the dead upstream, and leases of the killed last
        for most of a minute; `hurry` lets them pass.
        """
        if self._hurry:
            with contextlib.suppress(AssertionError):
                eventually(lambda: not self._claims() & self._held, GRACE_S)
            for claim in self._claims() & self._held:
                self.database.set_back("lease_until", f"claim = '{claim}'")
            with contextlib.suppress(AssertionError):
                eventually(lambda: self._are_left(f"NOT {_AT_THE_DEAD_ONE}") == 0, seconds / 2)
            self.database.set_back("must_end_by", _AT_THE_DEAD_ONE)
            with contextlib.suppress(AssertionError):
                eventually(lambda: self._are_left() == 0, seconds / 2)
            for column in ("job_seen_at", "not_before"):
                self.database.set_back(column, "phase IN ('result', 'collecting')")
        super()._wait_for_the_end(seconds)

    def _are_left(self, which: str = "1 = 1") -> int:
        """How many of these have neither ended nor a result."""
        rows = self.database.rows(
            "SELECT count(*) FROM predictions_prediction"
            f" WHERE phase NOT IN ('ended', 'result', 'collecting') AND {which}"
        )
        return int(rows[0][0])

    def _check_for_harm(self) -> None:
        self._compare_starts()
        super()._check_for_harm()

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


def short(folder: Path, postgres: Postgres | None = None) -> None:
    """Some predictions, a few kills, and no harm done; on SQLite, or on the PostgreSQL that is restarted then."""
    kills = ("worker", *one_of(("watcher", "web")))
    predictions = short_or_whole(8, 24)
    url = postgres.url if postgres else ""
    with chaos(folder, predictions, kills, pause_s=0.5, seed=7, database_url=url, hurry=True) as run:
        run.run(postgres)
        said = "\n".join([*run.report.lines(), *run.lines(), run.installation.log[-4000:]])
        assert run.report.wrong == [], said
        assert sum(run.report.killed.values()) == len(kills), said
        assert run.services["dying"].starts(), said
        assert run.report.ended["succeeded"] >= predictions // 5, said


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
    """A started installation without an engine, its three upstreams, and the harness over them."""
    settings = {
        "DARKROOM_ENGINE": "0",
        "DARKROOM_UPSTREAM_PRIVATE": "127.0.0.1",
        "DARKROOM_WORK_LIMIT": str(work_s),
        KEY_VARIABLE: UpstreamProcess.token,
    }
    with run_installation(database_url, **settings) as one:
        run = Chaos(one, folder, predictions, kills, pause_s=pause_s, seed=seed, hurry=hurry)
        with run.upstreams():
            yield run


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
