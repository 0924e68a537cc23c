"""Plan priorities wear off with waiting time: no account starves, and none loses its turn."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User
from predictions import lifecycle
from predictions.dispatch import fair_share, priority, queue_position
from predictions.dispatch.priority import FULL_AGE, Priorities
from predictions.models import Prediction, Version
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.submit.test_plan_limits import put_on
from tests.runner.sampling import short_or_whole

TICK = timedelta(minutes=1)
AGED = FULL_AGE // TICK


@dataclass
class QueueSimulation:
    """A queue in memory: what `choose` reads from the database, with the choice itself as it is."""

    plans: dict[int, int]
    slots: int
    now: int = 0
    waiting: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    running: list[tuple[int, int, int]] = field(default_factory=list)
    """Account, prediction, and when it ends."""
    asked_at: dict[int, int] = field(default_factory=dict)
    started: list[tuple[int, int, dict[int, int], dict[int, int]]] = field(default_factory=list)
    """Account, prediction; and what all had in flight and as their oldest, before."""

    def ask(self, account: int) -> None:
        number = len(self.asked_at) + 1
        self.asked_at[number] = self.now
        self.waiting[account].append(number)

    def tick(self, lasts: int) -> None:
        self.now += 1
        self.running = [one for one in self.running if one[2] > self.now]
        lanes = [
            fair_share._Lane(account, account, 1, "", rows[0], later=rows[1:])
            for account, rows in self.waiting.items()
            if rows
        ]
        by_account: dict[int, int] = defaultdict(int)
        for account, _number, _end in self.running:
            by_account[account] += 1
        users = defaultdict(int, {(account, account): n for account, n in by_account.items()})
        limits = dict.fromkeys(self.plans, 3)
        of_plans = {account: boost for account, boost in self.plans.items() if boost}
        load = fair_share._Load(
            by_account, users, limits, Priorities(of_plans, [lane.account_id for lane in lanes])
        )
        heads = [
            lane.head for lane in lanes if load.priorities.ages(lane.account_id, by_account[lane.account_id])
        ]
        load.priorities.read_waiting_times(heads)
        before = dict(by_account)
        for choice in fair_share._fill(lanes, load, _Free(self.slots - len(self.running)), 16):  # type: ignore[arg-type]
            account = next(one for one, rows in self.waiting.items() if choice.prediction_id in rows)
            oldest = {one: rows[0] for one, rows in self.waiting.items() if rows}
            self.started.append((account, choice.prediction_id, dict(before), oldest))
            before[account] = before.get(account, 0) + 1
            self.waiting[account].remove(choice.prediction_id)
            self.running.append((account, choice.prediction_id, self.now + lasts))


@dataclass
class _Free:
    slots: int

    def serve(self, lane: Any) -> str | None:
        self.slots -= 1
        return "p" if self.slots >= 0 else None


SIMULATIONS = st.builds(
    lambda best, others, slots: QueueSimulation(
        {1: best, **{2 + n: boost for n, boost in enumerate(others)}}, slots
    ),
    st.integers(1, 1000),
    st.lists(st.sampled_from([-1000, -3, 0, 0, 1, 2]), min_size=2, max_size=6),
    st.integers(1, 4),
)


@settings(max_examples=short_or_whole(15, 60), deadline=None)
@given(simulation=SIMULATIONS, data=st.data())
def test_an_endless_stream_of_better_plans_keeps_nobody_waiting_for_what_came_later(
    simulation: QueueSimulation, data: Any
) -> None:
    others = [account for account in simulation.plans if account != 1]
    lasts = data.draw(st.integers(1, 4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            priority,
            "waiting_times",
            lambda pks: [(pk, (simulation.now - simulation.asked_at[pk]) * TICK) for pk in sorted(pks)],
        )
        for _minute in range(40):
            simulation.ask(1)
            simulation.ask(1)
            for account in data.draw(st.lists(st.sampled_from(others), max_size=2)):
                simulation.ask(account)
            seen = len(simulation.started)
            simulation.tick(lasts)
            for account, number, in_flight, oldest in simulation.started[seen:]:
                _nobody_aged_was_passed_over(simulation, account, number, in_flight, oldest)
                _within_a_plan_it_is_as_without_plans(simulation, account, number, in_flight, oldest)
    # Not by refusing the better plan: a slot never stays free while somebody waits who may have it.
    may = [account for account, rows in simulation.waiting.items() if rows]
    full = {a for a in may if sum(one[0] == a for one in simulation.running) >= 3}
    assert len(simulation.running) == simulation.slots or set(may) == full


def _nobody_aged_was_passed_over(
    simulation: QueueSimulation, account: int, number: int, in_flight: dict[int, int], oldest: dict[int, int]
) -> None:
    for other, head in oldest.items():
        aged = simulation.now - simulation.asked_at[head] >= AGED and not in_flight.get(other)
        assert not (aged and other != account and number > head), (other, head)


def _within_a_plan_it_is_as_without_plans(
    simulation: QueueSimulation, account: int, number: int, in_flight: dict[int, int], oldest: dict[int, int]
) -> None:
    mine = (in_flight.get(account, 0), in_flight.get(account, 0), number)
    for other, head in oldest.items():
        if simulation.plans[other] == simulation.plans[account] and in_flight.get(other, 0) < 3:
            assert mine <= (in_flight.get(other, 0), in_flight.get(other, 0), head), (account, other)


# -- With the database ---------------------------------------------------------------------------------------------

pytestmark = pytest.mark.django_db


def waiting(user: User, version: Version, count: int, since: timedelta = timedelta()) -> list[Prediction]:
    rows = [factories.make_prediction(user, version, ceiling=0) for _ in range(count)]
    Prediction.objects.filter(pk__in=[row.pk for row in rows]).update(created_at=timezone.now() - since)
    return rows


def claimed(most: int) -> list[int]:
    return [one.prediction.account_id for one in lifecycle.claim_starts(most)]


@pytest.mark.parametrize(("minutes", "first"), [(1, "alice"), (9, "alice"), (11, "bob")])
def test_who_has_waited_long_goes_before_a_better_plan(
    alice: User, bob: User, version: Version, provider: FakeProvider, minutes: int, first: str
) -> None:
    put_on(alice, priority=100)
    waiting(bob, version, 3, timedelta(minutes=minutes))
    waiting(alice, version, 3)
    # Having one under way, Bob goes by his plan again: all of Alice's come before his second.
    alices, bobs = [alice.account_id] * 3, [bob.account_id]
    one_by_one = [account for _time in range(4) for account in claimed(1)]
    assert one_by_one == (bobs + alices if first == "bob" else alices + bobs)


def test_a_worse_plan_than_none_wears_off_too(
    alice: User, bob: User, version: Version, provider: FakeProvider
) -> None:
    put_on(alice, priority=-1000)
    waiting(alice, version, 2, timedelta(minutes=11))
    waiting(bob, version, 2)
    assert claimed(1) == [alice.account_id]


def test_the_place_in_the_queue_knows_of_it(
    alice: User, bob: User, version: Version, provider: FakeProvider
) -> None:
    put_on(alice, priority=100)
    (old, second) = waiting(bob, version, 2, timedelta(minutes=11))
    rows = waiting(alice, version, 3)
    places = {row.pk: queue_position.queue_position(row) for row in (old, second, *rows)}
    assert places[old.pk].number <= 2  # type: ignore[union-attr]
    assert [places[row.pk].number for row in rows] == [2, 3, 4]  # type: ignore[union-attr]
    assert places[second.pk].number == 5  # type: ignore[union-attr]


def test_where_no_plan_goes_first_nobody_is_asked_how_long(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    waiting(alice, version, 3)
    claimed(1)
    with CaptureQueriesContext(connection) as asked:
        claimed(1)
    plain = len(asked)
    put_on(alice, priority=5)
    waiting(factories.make_user(credit=1), version, 1)
    with CaptureQueriesContext(connection) as asked:
        claimed(1)
    assert len(asked) == plain + 1


def test_a_thousand_lanes_are_looked_at_by_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []

    def look(pks: Any) -> list[tuple[int, timedelta]]:
        counts.append(len(pks))
        return [(pk, timedelta(minutes=20 - pk / 100)) for pk in sorted(pks)]

    monkeypatch.setattr(priority, "waiting_times", look)
    of_all = Priorities({0: 100}, range(2001))
    of_all.read_waiting_times(range(1, 2001))
    assert counts[0] == 2 * priority.EXACT_SAMPLES
    given_to = [of_all.of(pk, 0, pk) for pk in range(1, 2001)]
    assert given_to == sorted(given_to, reverse=True)
    assert set(given_to[: priority.EXACT_SAMPLES]) == {100} and given_to[-1] == 0
