"""The coming generation of the official Python client: running models, in each of its ways."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import replicate
from PIL import Image
from replicate.exceptions import ModelError

from tests.clients.suite import Suite

pytestmark = [
    pytest.mark.clients,
    pytest.mark.filterwarnings("ignore:replicate.stream:DeprecationWarning"),
]


@pytest.fixture
def settled(suite: Suite, base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program says that has no client object of its own."""
    monkeypatch.setenv("REPLICATE_API_TOKEN", suite.tokens["funded"])
    monkeypatch.setenv("REPLICATE_BASE_URL", base_url)


@pytest.fixture
def busy(suite: Suite, base_url: str) -> replicate.AsyncReplicate:
    return replicate.AsyncReplicate(bearer_token=suite.tokens["funded"], base_url=base_url)


def test_run_gives_what_the_model_says(client: Any, suite: Suite) -> None:
    assert "a red cat" in client.run(suite.models["text"], input={"prompt": "a red cat"})
    name = "/".join(suite.model("text"))
    assert "a red cat" in client.run(name, input={"prompt": "a red cat"})


def test_run_of_an_iterator_gives_its_items(client: Any, suite: Suite) -> None:
    items = client.run(suite.models["iterator"], input={"prompt": "a red cat"})
    assert len(items) >= 3 and "a red cat" in "".join(items)


def test_run_waits_on_when_the_hold_runs_out(client: Any, suite: Suite) -> None:
    told = client.run(suite.models["slow"], input={"seconds": 2}, wait=1)
    assert told == "This took 2 seconds."


def test_run_without_holding_polls(client: Any, suite: Suite) -> None:
    assert "a red cat" in client.run(suite.models["text"], input={"prompt": "a red cat"}, wait=False)


def test_a_failed_run_raises_with_the_prediction_and_its_words(client: Any, suite: Suite) -> None:
    with pytest.raises(ModelError, match="It was not to be") as failed:
        client.run(suite.models["fail"], input={"message": "It was not to be."})
    assert failed.value.prediction.status == "failed"


def test_many_async_runs_side_by_side_each_get_their_own_answer(
    busy: replicate.AsyncReplicate, suite: Suite
) -> None:
    async def all_of_them() -> list[str]:
        async with busy:
            return await asyncio.gather(
                *(busy.run(suite.models["text"], input={"prompt": f"number {n}."}) for n in range(4))
            )

    for number, told in enumerate(asyncio.run(all_of_them())):
        assert f"number {number}." in told


def test_a_model_used_as_a_function_gives_pictures_as_local_files(settled: None, suite: Suite) -> None:
    paint = replicate.use(suite.models["image"])
    made = paint(prompt="a", width=32, height=48, num_outputs=2)
    assert [Image.open(Path(one)).size for one in made] == [(32, 48)] * 2
    assert all(httpx.get(replicate.get_path_url(one)).status_code == 200 for one in made)


def test_a_model_used_as_a_function_streams(settled: None, suite: Suite) -> None:
    speak = replicate.use(suite.models["iterator"], streaming=True)
    items = list(speak(prompt="a red cat"))
    assert len(items) >= 3 and "a red cat" in "".join(items)
    by_name = replicate.use("/".join(suite.model("text")))
    assert "a red cat" in by_name(prompt="a red cat")


def test_the_older_way_to_stream_still_works(settled: None, suite: Suite) -> None:
    items = replicate.stream(suite.models["iterator"], input={"prompt": "a red cat"})
    assert isinstance(iter(items), Iterator) and "a red cat" in "".join(items)


def test_an_async_function_streams_and_answers(settled: None, suite: Suite) -> None:
    async def both() -> tuple[str, str]:
        whole = replicate.use(suite.models["text"], use_async=True)
        pieces = replicate.use(suite.models["iterator"], use_async=True, streaming=True)
        items = [item async for item in await pieces(prompt="a red cat")]
        return str(await whole(prompt="a red cat")), "".join(items)

    assert all("a red cat" in told for told in asyncio.run(both()))


def test_a_failing_function_raises(settled: None, suite: Suite) -> None:
    with pytest.raises(ModelError, match="no luck"):
        replicate.use(suite.models["fail"])(message="no luck")


def test_create_then_wait_shows_a_life_from_start_to_end(client: Any, suite: Suite) -> None:
    made = client.predictions.create(version=suite.version("slow"), input={"seconds": 0.5})
    assert (made.status, made.output, made.logs) == ("starting", None, "")
    ended = client.predictions.wait(made.id)
    assert (ended.status, ended.output) == ("succeeded", "This took 0.5 seconds.")
    assert ended.created_at <= ended.started_at <= ended.completed_at
    assert ended.metrics.total_time >= ended.metrics.predict_time >= 0.5


def test_create_through_the_model_and_hold(client: Any, suite: Suite) -> None:
    owner, name = suite.model("text")
    made = client.models.predictions.create(
        model_owner=owner, model_name=name, input={"prompt": "a"}, prefer="wait"
    )
    assert (made.status, made.model) == ("succeeded", f"{owner}/{name}")


def test_cancel_ends_it_and_so_does_a_deadline(client: Any, suite: Suite) -> None:
    given = {"version": suite.version("slow"), "input": {"seconds": 120}}
    made = client.predictions.create(**given)
    client.predictions.cancel(prediction_id=made.id)
    assert client.predictions.wait(made.id).status == "canceled"
    late = client.predictions.create(**given, cancel_after="5s")
    assert (late.deadline - late.created_at).total_seconds() == 5
    assert client.predictions.wait(late.id).status == "canceled"
