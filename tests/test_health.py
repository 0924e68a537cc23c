"""`/health` tells what is well, what is not, and what crashes too often."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.clock import Now
from predictions.models import Beat

pytestmark = pytest.mark.django_db

RUNNING = {"state": "running", "starts": 1, "crashes": 0, "waits_s": 0.0}


@pytest.fixture
def signs_of_life() -> None:
    """Every part has just been heard of."""
    for kind in ("cluster-work", "watcher", "sweep", "poster", "engine"):
        Beat.objects.create(kind=kind, instance="here")


def supervisor_says(**parts: dict[str, Any]) -> None:
    Beat.objects.create(kind="supervisor", instance="here", detail={"parts": parts})


def ask() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/health")
    return answer.status_code, answer.json()


def test_it_is_well_when_every_part_gave_a_sign_of_life(signs_of_life: None) -> None:
    status, parts = ask()
    assert status == 200
    assert {
        parts[name]["state"]
        for name in ("database", "queue", "watcher", "sweep", "poster", "storage", "engine")
    } == {"ok"}


@pytest.mark.parametrize(
    ("kind", "part"),
    [("cluster-work", "queue"), ("watcher", "watcher"), ("sweep", "sweep"), ("poster", "poster")],
)
def test_it_is_not_well_when_a_part_is_silent(signs_of_life: None, kind: str, part: str) -> None:
    Beat.objects.filter(kind=kind).update(at=Now() - timedelta(minutes=5))
    status, parts = ask()
    assert status == 503
    assert parts[part]["state"] == "down"


def test_it_says_which_part_crashes_too_often(signs_of_life: None) -> None:
    supervisor_says(
        watcher=RUNNING,
        engine={"state": "backing off", "starts": 9, "crashes": 8, "waits_s": 4.0},
        **{"cluster-work": {"state": "backing off", "starts": 7, "crashes": 6, "waits_s": 0.5}},
    )
    _, parts = ask()
    assert parts["engine"]["detail"] == "crashes too often; it is started again after a pause of 4 s"
    assert parts["queue"]["detail"] == "crashes too often; it is started again after a pause of 0.5 s"
    assert "detail" not in parts["watcher"]


def test_local_weights_are_looked_for_where_there_are_some_and_missing_they_stop_nothing(
    signs_of_life: None, settings: Any, tmp_path: Path
) -> None:
    assert "local" not in ask()[1]
    settings.LOCAL = {"models": tmp_path / "models.toml", "folder": tmp_path}
    status, parts = ask()
    assert (status, parts["local"]["state"]) == (200, "down")
    Beat.objects.create(kind="local", instance="here")
    assert ask()[1]["local"]["state"] == "ok"
