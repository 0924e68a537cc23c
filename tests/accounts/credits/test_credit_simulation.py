"""Whatever happens in whatever order, with crashes between the statements: plain arithmetic and the audit agree.

The short form runs with every suite. `DARKROOM_TEST_LONG=10000` runs so many steps of one simulation (some minutes).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import warnings
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import IO, Any, ClassVar

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from accounts import credits
from accounts.audit import checks
from accounts.billing import payment_events
from accounts.billing.provider_base import EventType
from accounts.credits import allowances
from accounts.models import Account, LedgerEntry, Purchase, User
from tests.accounts.credits.credit_simulation import VERBS, CreditSimulation, at_random
from tests.accounts.credits.payment_steps import PROVIDER, STATES
from tests.accounts.credits.reference_balances import Bought, Job, numbers
from tests.runner.sampling import is_whole, one_in, short_or_whole
from tests.support.races import together

LONG = int(os.environ.get("DARKROOM_TEST_LONG", "0"))
_SHORT, _THREADS = 100, 4
_EVERY = int(os.environ.get("DARKROOM_TEST_AUDIT_EVERY", "1"))
"""Steps between two audits."""
_RUN = 400
"""Steps of one run of the machine: what Hypothesis can choose for at once."""
WHO = st.integers(0, 9)
AMOUNT = st.integers(0, 30)
OTHER = st.integers(0, 99)
CRASH = st.one_of(st.just(0), st.just(0), st.integers(1, 14))


class Machine(RuleBasedStateMachine):
    """Each rule is one step of a simulation; a long test continues the simulation of the run before."""

    kept: ClassVar[CreditSimulation | None] = None
    keep: ClassVar[bool] = False
    done: ClassVar[int] = 0
    crashes: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.simulation = Machine.kept if Machine.keep and Machine.kept is not None else CreditSimulation()
        Machine.kept = self.simulation
        self.before = self.simulation.crashes

    def _step(self, verb: str, who: int, amount: int, other: int, crash: int) -> None:
        self.simulation.step(verb, who, amount, other, crash)
        Machine.done += 1

    def teardown(self) -> None:
        Machine.crashes += self.simulation.crashes - self.before
        self.simulation.check()


def _rule(verb: str) -> Any:
    def step(self: Machine, who: int, amount: int, other: int, crash: int) -> None:
        self._step(verb, who, amount, other, crash)

    step.__name__ = verb
    return rule(who=WHO, amount=AMOUNT, other=OTHER, crash=CRASH)(step)


for _verb in (*VERBS, "hold", "settle"):
    _name = _verb if not hasattr(Machine, _verb) else f"{_verb}_more"
    setattr(Machine, _name, _rule(_verb))


def run(examples: int, steps: int) -> None:
    """So many runs of so many steps each. Not shrunk where a simulation is continued: its state differs each time."""
    phases = [Phase.generate] if Machine.keep else [Phase.generate, Phase.shrink]
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=chosen)


@pytest.fixture(autouse=True)
def anew() -> None:
    Machine.kept, Machine.keep, Machine.done, Machine.crashes = None, False, 0, 0


@pytest.mark.django_db
def test_it_adds_up_after_any_order_of_everything_with_crashes_between() -> None:
    run(examples=short_or_whole(1, 6), steps=50)
    assert Machine.done > short_or_whole(20, 100)
    # A few runs may do without a crash; that they are tried at all is seen where there are more.
    assert Machine.crashes > 0 or not is_whole()


if LONG:

    @pytest.mark.timeout(0)
    @pytest.mark.django_db
    def test_it_adds_up_after_thousands_of_steps_of_one_house() -> None:
        Machine.keep = True
        while Machine.done < LONG:
            run(examples=5, steps=_RUN)
        assert Machine.kept is not None
        Machine.kept.check()
        # And as many of a plain generator, which does not love small numbers as Hypothesis does.
        other = CreditSimulation()
        at_random(other, LONG, seed=LONG)
        other.check()
        steps, crashes = Machine.done + other.steps, Machine.crashes + other.crashes
        print(f"{steps} steps, {crashes} crashes, {LedgerEntry.objects.count()} ledger rows")


@pytest.mark.timeout(0)
@pytest.mark.django_db
def test_the_audit_is_content_all_along() -> None:
    """Houses of a hundred steps each, forgotten one after the other: an audit reads all that there is."""
    steps, most = 0, short_or_whole(7, 20)
    while steps < max(LONG, most):
        with transaction.atomic():
            simulation = CreditSimulation()
            while simulation.steps < (_SHORT if LONG else most):
                at_random(simulation, _EVERY, seed=LONG + steps + simulation.steps)
                simulation.check()
            steps += simulation.steps
            transaction.set_rollback(True)
    if LONG:
        print(f"{steps} steps, an audit after every {_EVERY}")


def _any_step(simulation: CreditSimulation, chosen: random.Random) -> None:
    """One step of several threads in one simulation: its result is not determined, so nothing is compared."""
    who, other = chosen.choice(simulation.people), chosen.choice(simulation.people)
    amount, jobs = chosen.randint(1, 30), [one.reference for one in who.jobs]
    refusals = [credits.InsufficientCredits, credits.AccountClosed, IntegrityError, LedgerEntry.DoesNotExist]
    if connection.vendor == "sqlite":
        # Of several who want the one write lock at once SQLite lets some wait too long; nothing of theirs has moved.
        refusals.append(OperationalError)
    with contextlib.suppress(*refusals):
        match chosen.choice(
            ("hold", "hold", "settle", "settle", "gift", "buy", "return", "dispute", "grant", "renew")
        ):
            case "hold":
                job = Job(f"job-{next(numbers)}-{simulation.name}"[:50], amount, "", 0, who.user.pk)
                with transaction.atomic():
                    credits.hold(who.account.pk, amount, job.reference)
                who.jobs.append(job)
            case "settle" if jobs:
                with transaction.atomic():
                    credits.settle(who.account.pk, chosen.choice(jobs[-9:]), chosen.choice((0, 0, amount)))
            case "gift" if who is not other:
                with transaction.atomic():
                    simulation._given(who, other, amount)
            case "buy":
                who.purchases.append(Bought(simulation._paid_for(who, amount)))
            case "return" if who.purchases:
                bought = chosen.choice(who.purchases[-5:])
                payment_events.receive(
                    PROVIDER,
                    simulation._event(EventType.REFUNDED, bought, amount=chosen.choice((20, 50, 100))),
                )
            case "dispute" if who.purchases:
                bought, number = chosen.choice(who.purchases[-5:]), f"dp-{chosen.randint(0, 2)}"
                what = chosen.choice(list(STATES.values()))
                event = simulation._event(what, bought, amount=amount, dispute=number, at=simulation.clock)
                payment_events.receive(PROVIDER, event)
            case "grant":
                credits.grant(who.account, amount)
            case "renew":
                day = timedelta(days=len(who.jobs) // 5)
                allowances.renew(who.account.pk, at=datetime(2030, 1, 1, 12, tzinfo=UTC) + day)


@pytest.mark.timeout(0)
@pytest.mark.django_db(transaction=True)
def test_it_adds_up_after_steps_of_several_threads_at_once() -> None:
    simulation = CreditSimulation()

    def walk(seed: int) -> None:
        chosen = random.Random(seed)
        for _n in range(max(short_or_whole(12, 25), LONG // _THREADS)):
            _any_step(simulation, chosen)

    results = together([partial(walk, seed) for seed in range(_THREADS)], within_s=36_000 if LONG else 120)
    assert results == [None] * _THREADS
    assert [str(breach) for breach in checks.breaches()] == []
    for known in simulation.people:
        row = Account.objects.get(pk=known.account.pk)
        sums = row.ledger.aggregate(balance=Sum("balance_delta"), held=Sum("held_delta"))
        assert (sums["balance"] or 0, sums["held"] or 0) == (row.balance, row.held)
        debts = sum(one.credits_owed for one in Purchase.objects.filter(account=row))
        assert row.owed == debts and not (row.owed and row.balance)
    if LONG:
        print(
            f"{_THREADS} threads, {LedgerEntry.objects.count()} ledger rows, {Purchase.objects.count()} purchases"
        )


def _moving(seed: int) -> tuple[int, IO[str]]:
    """A process that moves credits in every way without end: its id, and a line for each step."""
    readable, writable = os.pipe()
    # Nothing of ours is open in it: it connects for itself.
    connections.close_all()
    with warnings.catch_warnings():
        # Threads that other tests left behind hold nothing that it needs.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        os.close(writable)
        return pid, os.fdopen(readable)
    try:
        simulation = CreditSimulation()
        while True:
            at_random(simulation, 1, seed)
            seed += 7919
            os.write(writable, b"%d\n" % simulation.steps)
    finally:
        os._exit(1)


@pytest.mark.django_db(transaction=True)
def test_a_process_that_is_killed_leaves_whole_movements_behind(alice: User) -> None:
    # `alice` makes sure that the database has been set up.
    for seed, lines in one_in(4, ((2, 17), (1, 3), (3, 40))):
        pid, output = _moving(seed)
        with output:
            try:
                for _n in range(lines):
                    assert output.readline(), "it ended by itself"
            finally:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        assert [str(breach) for breach in checks.breaches()] == []
    assert Account.objects.count() > 3 and LedgerEntry.objects.exists()
