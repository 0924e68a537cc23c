"""The answers that the seeds print, as the answers of an upstream: each leads to a picture in the gallery."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import User
from gallery.models import Item
from predictions.upstreams import configuration
from tests.faults.upstream_scenario import UpstreamScenario, make_version
from tests.loopback_upstream import Upstream
from tests.seeds import documents

pytestmark = [pytest.mark.seeds, pytest.mark.django_db(transaction=True)]

SEEDS = {seed.number: seed for seed in documents.all_of_them()}
if not SEEDS:
    pytest.skip(f"There are no seeds in {documents.FOLDER}.", allow_module_level=True)


@pytest.fixture
def world(alice: User, settings: LazySettings) -> Iterator[UpstreamScenario]:
    settings.UPSTREAM_PRIVATE = ["127.0.0.1"]
    configuration.reset()
    with Upstream(mount="/replicate/v1") as there:
        yield UpstreamScenario(there, alice, make_version())
    configuration.reset()


def answered(there: Upstream, prompt: str) -> Any:
    """What the service answers to the start that a provider would send."""
    import httpx

    body = {"version": "stability-ai/stable-diffusion", "input": {"prompt": prompt, "num_outputs": 2}}
    headers = {"Authorization": f"Bearer {there.token}"}
    return httpx.post(f"{there.url}/predictions", json=body, headers=headers, trust_env=False).json()


@pytest.mark.parametrize(
    ("number", "words"),
    [("000", "fault:create-images"), ("001", ""), ("003", "fault:create-thin"), ("004", "")],
)
def test_a_printed_answer_leads_to_pictures(world: UpstreamScenario, number: str, words: str) -> None:
    examples = SEEDS[number].answers()
    assert any(documents.same_shape(answered(world.there, f"a cat {words}"), like(one)) for one in examples)
    world.there.service.journal.clear()
    world.add(idempotent=False)
    prediction = world.work(world.ask(f"a cat {words}", num_outputs=2))
    assert (prediction.status, prediction.error) == ("succeeded", None)
    assert world.starts(prediction) == [1]
    assert world.settled(prediction) == (2, 0)
    assert Item.objects.filter(output__prediction=prediction).count() == 2


def like(example: Any) -> Any:
    """The printed example without the inputs of the model that it happens to show."""
    return {**example, "input": {}} if "input" in example else example


def test_the_images_of_a_started_job_are_there_at_once(world: UpstreamScenario) -> None:
    world.add()
    prediction = world.ask("a cat fault:create-images")
    world.round()
    assert world.work(prediction).status == "succeeded"
    assert not [
        row for row in world.there.rows("call") if row["method"] == "GET" and "/predictions/" in row["path"]
    ]
