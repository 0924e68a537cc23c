"""Webhooks of an upstream: good ones make the end come sooner, others change nothing; the end is the same for all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from core import crypto
from core.clock import Now
from predictions.models import Phase, Prediction
from predictions.upstreams import configuration
from tests.faults.upstream_scenario import UpstreamScenario, make_version
from tests.loopback_upstream import Upstream
from tests.servers.installations import eventually

pytestmark = pytest.mark.django_db(transaction=True)

FAULTS = [
    ("", [200], True),
    ("twice", [200, 200], True),
    ("late=0.3", [200], True),
    ("garbage", [200], True),
    ("forged", [401], False),
    ("unsigned", [401], False),
    ("never", [], False),
]
"""The fault, what each of its calls is answered, and whether the end is looked for at once."""


@pytest.fixture
def world(alice: User, settings: LazySettings, live_server: LiveServer) -> Iterator[UpstreamScenario]:
    settings.UPSTREAM_PRIVATE = ["127.0.0.1"]
    settings.OUTBOUND_ALLOW = ["127.0.0.1/32"]
    settings.PUBLIC_URL = live_server.url.replace("localhost", "127.0.0.1")
    configuration.reset()
    with Upstream() as there:
        found = UpstreamScenario(there, alice, make_version())
        found.add(webhooks=True, webhook_secret=crypto.encrypt(there.settings.secret))
        yield found
    configuration.reset()


def running(world: UpstreamScenario, fault: str) -> Prediction:
    """A prediction at work there, at which nobody is to look for an hour unless somebody calls."""
    words = f" fault:hook-{fault}" if fault else ""
    prediction = world.ask(f"a cat fault:run-seconds=600{words}")
    world.round()
    due = Prediction.objects.filter(pk=prediction.pk, phase=Phase.RUNNING)
    assert due.update(look_at=Now() + timedelta(hours=1)) == 1
    return prediction


def end_there(world: UpstreamScenario) -> None:
    """The work is done there at once."""
    for job in world.there.service.jobs.values():
        job.seconds = 0.0


def is_looked_for(prediction: Prediction) -> bool:
    return Prediction.objects.filter(pk=prediction.pk, look_at__lte=Now()).exists()


def answers(world: UpstreamScenario) -> list[object]:
    """The responses to the webhooks that report the end."""
    return [row["status"] for row in world.there.rows("hook") if row["event"] == "completed"]


@pytest.mark.parametrize(("fault", "told", "sooner"), FAULTS, ids=[name or "good" for name, _, _ in FAULTS])
def test_only_what_is_signed_makes_the_end_come_sooner_and_it_comes_once(
    world: UpstreamScenario, fault: str, told: list[object], sooner: bool
) -> None:
    prediction = running(world, fault)
    end_there(world)
    eventually(lambda: len(answers(world)) >= len(told), 20)
    assert answers(world) == told
    assert is_looked_for(prediction) == sooner
    prediction = world.work(prediction)
    assert (prediction.status, world.starts(prediction), world.settled(prediction)) == (
        "succeeded",
        [1],
        (1, 0),
    )
    assert prediction.outputs.count() == 1


def test_what_a_webhook_says_is_never_believed(world: UpstreamScenario) -> None:
    prediction = running(world, "early")
    eventually(lambda: answers(world), 20)
    assert answers(world) == [200]
    world.pass_time()
    world.round()
    prediction.refresh_from_db()
    assert (prediction.status, prediction.output) == ("processing", None)
    end_there(world)
    prediction = world.work(prediction)
    assert prediction.status == "succeeded"
    assert "example.com" not in str(prediction.output)
