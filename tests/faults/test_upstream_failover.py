"""Several upstreams and keys: what one refuses goes to the next, what one may have taken goes to nobody else."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from accounts.models import User
from predictions.dispatch import provider_lookup, routing
from predictions.models import UpstreamKey, UpstreamRun
from predictions.upstreams import configuration
from tests.faults.upstream_scenario import UpstreamScenario, make_version
from tests.loopback_upstream import Upstream
from tests.predictions.upstreams.upstream_rows import make_key
from tests.runner.sampling import one_in

pytestmark = pytest.mark.django_db(transaction=True)

FIRST, SECOND = "planted-key-of-the-first-upstream-0001", "planted-key-of-the-second-upstream-0002"


@pytest.fixture
def world(alice: User, settings: LazySettings) -> Iterator[UpstreamScenario]:
    settings.UPSTREAM_PRIVATE = ["127.0.0.1"]
    configuration.reset()
    with Upstream() as there:
        yield UpstreamScenario(there, alice, make_version())
    configuration.reset()


@pytest.fixture
def two(world: UpstreamScenario) -> UpstreamScenario:
    """Two upstreams, the first preferred; both are the same service, distinguished by their keys."""
    world.add("first", secret=FIRST, priority=1)
    world.add("second", secret=SECOND, priority=2)
    return world


def served_by(world: UpstreamScenario) -> list[str]:
    """The last four signs of the key of each start that was really made."""
    return [row["token"] for row in world.there.rows("start")]


@pytest.mark.parametrize(
    "fault",
    one_in(
        3,
        [
            "401",
            "402",
            "402-zh",
            "403",
            "404",
            "429=60",
            "429-quota",
            "503",
            "503-zh",
            "422-version",
            "200-error",
        ],
    ),
)
def test_what_the_first_refuses_the_second_makes(two: UpstreamScenario, fault: str) -> None:
    two.there.fault(f"create-{fault}", token=FIRST)
    prediction = two.work(two.ask())
    assert (prediction.status, two.settled(prediction)) == ("succeeded", (1, 0))
    assert served_by(two) == [SECOND[-4:]]
    assert two.outcomes(prediction) == ["refused", "succeeded"]
    assert provider_lookup.shown_name(prediction.provider) == "second"


def test_a_dead_first_is_routed_around_and_comes_back_by_itself(two: UpstreamScenario) -> None:
    two.rows[0].url = "http://127.0.0.1:9/v1"
    two.rows[0].changed += 1
    two.rows[0].save()
    configuration.reset()
    for _ in range(4):
        assert two.work(two.ask()).status == "succeeded"
    assert set(served_by(two)) == {SECOND[-4:]}
    two.rows[0].url = two.there.url
    two.rows[0].changed += 1
    two.rows[0].save()
    configuration.reset()
    two.pass_time()
    assert two.work(two.ask()).status == "succeeded"
    assert served_by(two)[-1] == FIRST[-4:]
    assert UpstreamKey.objects.get(upstream=two.rows[0]).state == "closed"


@pytest.mark.parametrize(
    "fault", one_in(3, ["drop", "drop-after", "500", "500-after", "html", "empty", "short"])
)
def test_what_the_first_may_have_taken_goes_to_nobody_else(two: UpstreamScenario, fault: str) -> None:
    two.there.fault(f"create-{fault}", token=FIRST)
    prediction = two.work(two.ask())
    assert (prediction.status, two.settled(prediction)) == ("failed", (0, 1))
    assert SECOND[-4:] not in served_by(two)
    assert UpstreamRun.objects.get().outcome == "lost"


@pytest.mark.parametrize("fault", ["422", "400-safety", "400-sensitive-zh"])
def test_what_is_the_callers_fault_is_not_tried_elsewhere(two: UpstreamScenario, fault: str) -> None:
    two.there.fault(f"create-{fault}", token=FIRST)
    prediction = two.work(two.ask())
    assert (prediction.status, served_by(two)) == ("failed", [])
    assert two.outcomes(prediction) == ["refused"]
    assert UpstreamKey.objects.get(upstream=two.rows[0]).failures == 0


def test_of_two_keys_the_dead_one_gets_nothing_more(world: UpstreamScenario) -> None:
    world.add("loop", secret=FIRST)
    world.there.settings.tokens |= {SECOND}
    make_key(world.rows[0], SECOND)
    world.there.fault("create-401", token=FIRST)
    ended = [world.ask() for _ in range(4)]
    for prediction in ended:
        assert world.work(prediction).status == "succeeded"
    assert set(served_by(world)) == {SECOND[-4:]}
    assert {len(world.starts(one)) for one in ended} == {1}


def test_equal_ones_share_the_work_by_their_weights(
    world: UpstreamScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "_chance", random.Random(1))
    world.add("first", secret=FIRST, weight=3)
    world.add("second", secret=SECOND, weight=1)
    for _ in range(8):
        assert world.work(world.ask()).status == "succeeded"
    heavy = served_by(world).count(FIRST[-4:])
    assert 4 <= heavy <= 7
    assert len(served_by(world)) == 8
