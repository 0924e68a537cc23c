"""What `work` does about parts that are there and do nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import F

from predictions.models import Beat
from predictions.running import pulse as module
from predictions.running import queue
from predictions.running.pulse import FROZEN_AFTER_S, Pulse

pytestmark = pytest.mark.django_db(transaction=True)


class FakeSupervisor:
    """Parts that are all up, each with a process id, and a note of which were to be replaced."""

    def __init__(self) -> None:
        self.pids = {"cluster-work": 11, "watcher": 12, "sweep": 13}
        self.replaced: list[str] = []

    def states(self) -> dict[str, dict[str, Any]]:
        return {name: {"state": "running"} for name in self.pids}

    def process_id(self, name: str) -> int | None:
        return self.pids.get(name)

    def replace(self, name: str, why: str) -> None:
        self.replaced.append(name)


@pytest.fixture
def supervisor() -> FakeSupervisor:
    return FakeSupervisor()


@pytest.fixture
def pulse(supervisor: FakeSupervisor, monkeypatch: pytest.MonkeyPatch) -> Pulse:
    monkeypatch.setattr(module.time, "monotonic", lambda: 1000.0)
    return Pulse(supervisor, {}, "here")  # type: ignore[arg-type]


def sign_of_life(kind: str, instance: str = "here") -> None:
    """A new sign of life, told from the last by its time."""
    _, made = Beat.objects.get_or_create(kind=kind, instance=instance)
    if not made:
        Beat.objects.filter(kind=kind, instance=instance).update(at=F("at") + timedelta(seconds=1))


def test_it_kills_a_part_that_gives_no_sign_of_life(pulse: Pulse, supervisor: FakeSupervisor) -> None:
    for second in range(int(FROZEN_AFTER_S) + 3):
        sign_of_life("watcher")
        sign_of_life("cluster-work")
        pulse.tick(1000.0 + second)
    assert supervisor.replaced == ["sweep"]


def test_it_does_not_take_another_machines_signs_for_its_own(
    pulse: Pulse, supervisor: FakeSupervisor
) -> None:
    for second in range(int(FROZEN_AFTER_S) + 3):
        sign_of_life("watcher", "another machine")
        pulse.tick(1000.0 + second)
    assert "watcher" in supervisor.replaced


def test_it_gives_a_part_that_was_started_again_its_full_time(
    pulse: Pulse, supervisor: FakeSupervisor
) -> None:
    pulse.tick(1000.0)
    pulse.tick(1000.0 + FROZEN_AFTER_S - 5)
    supervisor.pids["sweep"] = 99
    pulse.tick(1000.0 + FROZEN_AFTER_S - 4)
    pulse.tick(1000.0 + FROZEN_AFTER_S + 5)
    assert "sweep" not in supervisor.replaced
    assert "watcher" in supervisor.replaced


def test_it_blames_nobody_for_the_time_in_which_the_database_was_away(
    pulse: Pulse, supervisor: FakeSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse.tick(1000.0)

    def broken(**wanted: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(module.Beat.objects, "filter", broken)
        pulse.round(1000.0 + FROZEN_AFTER_S - 1)
    pulse.round(1000.0 + FROZEN_AFTER_S + 10)
    assert supervisor.replaced == []


def test_it_knocks_until_the_first_sign_then_every_15_s_then_every_second_past_half_the_limit(
    pulse: Pulse, supervisor: FakeSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    knocks: list[float] = []
    now = 0.0
    monkeypatch.setattr(queue, "knock", lambda name: knocks.append(now))
    for second in range(50):
        now = float(second)
        if second == 3:
            sign_of_life("cluster-work")
        pulse.tick(1000.0 + now)
    first, calm = [k for k in knocks if k < 3], [k for k in knocks if 3 <= k <= 33]
    assert first == [0, 1, 2]
    assert calm == [17, 32] or calm == [3, 17, 32]
    assert [k for k in knocks if k > 33] == [float(second) for second in range(34, 50)]


@pytest.mark.parametrize("service", ["engine", "local"])
def test_it_kills_a_service_that_runs_and_does_not_answer_for_a_minute(
    service: str, supervisor: FakeSupervisor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module.time, "monotonic", lambda: 1000.0)
    supervisor.pids = {service: 14}
    pulse = Pulse(supervisor, {service: (tmp_path / "nobody", "s3cret")}, "here")  # type: ignore[arg-type]
    pulse.tick(1000.0)
    pulse.tick(1000.0 + FROZEN_AFTER_S - 1)
    assert supervisor.replaced == []
    pulse.tick(1000.0 + FROZEN_AFTER_S + 1)
    assert supervisor.replaced == [service]


def test_it_notes_what_a_service_says_of_itself(
    supervisor: FakeSupervisor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "engine_health", lambda path, secret: {"boot": f"{path.name} {secret}"})
    pulse = Pulse(supervisor, {"local": (tmp_path / "l", "s1"), "engine": (tmp_path / "e", "s2")}, "here")  # type: ignore[arg-type]
    pulse.tick(1000.0)
    assert Beat.objects.get(kind="local", instance="here").detail == {"boot": "l s1"}
    assert Beat.objects.get(kind="engine", instance="here").detail == {"boot": "e s2"}


def test_it_writes_down_the_state_of_all_parts_for_health(pulse: Pulse) -> None:
    pulse.tick(1000.0)
    assert Beat.objects.get(kind="supervisor", instance="here").detail["parts"]["sweep"] == {
        "state": "running"
    }


def test_it_takes_its_signs_of_life_back_when_it_is_stopped_on_purpose(pulse: Pulse) -> None:
    sign_of_life("watcher")
    sign_of_life("watcher", "another machine")
    pulse.start()
    pulse.stop()
    assert list(Beat.objects.values_list("instance", flat=True)) == ["another machine"]
