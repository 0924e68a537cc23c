"""`/health` tells what is well, what is not, and what crashes too often."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
import pytest
from django.test import Client

from accounts.models import User
from core.clock import Now
from predictions.models import Beat, Version
from tests import factories

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
        **{"worker-1": {"state": "backing off", "starts": 7, "crashes": 6, "waits_s": 0.5}},
    )
    _, parts = ask()
    assert parts["engine"]["detail"] == "crashes too often; it is started again after a pause"
    assert parts["queue"]["detail"] == "crashes too often; it is started again after a pause"
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


def test_strangers_read_whether_each_part_works_and_nothing_of_what_it_is_or_has_to_do(
    signs_of_life: None, alice: User, version: Version, settings: Any, tmp_path: Path
) -> None:
    settings.LOCAL = {"models": tmp_path / "models.toml", "folder": tmp_path}
    factories.make_prediction(alice, version)
    supervisor_says(
        engine={"state": "backing off", "starts": 9, "crashes": 8, "waits_s": 4.0},
        made_up={"state": "backing off", "starts": 9, "crashes": 8, "waits_s": 4.0},
    )
    Beat.objects.create(kind="audit", instance="here", detail={"ok": True, "breaches": 0})
    _, body = ask()
    assert body.pop("status") == "ok"
    assert {name for part in body.values() for name in part} == {"ok", "state", "optional", "detail"}
    text = json.dumps(body)
    for told in (*map(str, range(10)), "sqlite", "postgres", str(settings.DATA), django.__version__):
        assert told not in text
