"""The official Python client: running models, in each of its ways."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from types import GeneratorType

import httpx
import pytest
import replicate
from PIL import Image
from replicate.exceptions import ModelError

from tests.clients.suite import Suite

pytestmark = pytest.mark.clients


@pytest.fixture
def client(suite: Suite, mount: str) -> replicate.Client:
    return replicate.Client(api_token=suite.tokens["funded"], base_url=suite.url + mount.removesuffix("/v1"))


def test_run_gives_what_the_model_says(client: replicate.Client, suite: Suite) -> None:
    assert "a red cat" in client.run(suite.models["text"], input={"prompt": "a red cat"})


def test_run_by_name_takes_the_latest_version(client: replicate.Client, suite: Suite) -> None:
    name = "/".join(suite.model("text"))
    assert "a red cat" in client.run(name, input={"prompt": "a red cat"})


def test_run_of_an_iterator_gives_a_generator_of_its_items(client: replicate.Client, suite: Suite) -> None:
    items = client.run(suite.models["iterator"], input={"prompt": "a red cat"})
    assert isinstance(items, GeneratorType)
    told = list(items)
    assert len(told) >= 3 and "a red cat" in "".join(told)


def test_run_without_holding_gives_an_iterators_items_as_they_come(
    client: replicate.Client, suite: Suite
) -> None:
    items = client.run(suite.models["iterator"], input={"prompt": "a red cat"}, wait=False)
    assert isinstance(items, Iterator) and "a red cat" in "".join(items)


def test_run_of_a_picture_model_gives_pictures_of_the_size_asked_for(
    client: replicate.Client, suite: Suite
) -> None:
    given = {"prompt": "a", "width": 32, "height": 48, "num_outputs": 2}
    made = client.run(suite.models["image"], input=given)
    assert [Image.open(io.BytesIO(httpx.get(str(one)).content)).size for one in made] == [(32, 48)] * 2


def test_run_waits_on_when_the_hold_runs_out(client: replicate.Client, suite: Suite) -> None:
    assert client.run(suite.models["slow"], input={"seconds": 2}, wait=1) == "This took 2 seconds."


def test_a_failed_run_raises_with_the_prediction_and_its_words(
    client: replicate.Client, suite: Suite
) -> None:
    for wait in (True, False):
        with pytest.raises(ModelError, match="It was not to be") as failed:
            client.run(suite.models["fail"], input={"message": "It was not to be."}, wait=wait)
        assert (failed.value.prediction.status, failed.value.prediction.output) == ("failed", None)


def test_many_async_runs_side_by_side_each_get_their_own_answer(
    client: replicate.Client, suite: Suite
) -> None:
    async def all_of_them() -> list[str]:
        return await asyncio.gather(
            *(client.async_run(suite.models["text"], input={"prompt": f"number {n}."}) for n in range(4))
        )

    for number, told in enumerate(asyncio.run(all_of_them())):
        assert f"number {number}." in told


def test_an_async_run_of_an_iterator_and_of_one_that_fails(client: replicate.Client, suite: Suite) -> None:
    async def both() -> str:
        items = await client.async_run(suite.models["iterator"], input={"prompt": "a red cat"})
        text = "".join([item async for item in items])
        with pytest.raises(ModelError, match="no luck"):
            await client.async_run(suite.models["fail"], input={"message": "no luck"})
        return text

    assert "a red cat" in asyncio.run(both())


@pytest.mark.parametrize("role", ["text", "iterator"])
def test_a_stream_gives_each_item_and_ends_with_done(
    client: replicate.Client, suite: Suite, role: str
) -> None:
    events = list(client.stream(suite.models[role], input={"prompt": "a red cat\nand two lines"}))
    assert events[-1].event.value == "done" and all(event.id for event in events)
    told = "".join(str(event) for event in events if event.event.value == "output")
    assert "a red cat\nand two lines" in told


def test_an_async_stream_gives_the_same(client: replicate.Client, suite: Suite) -> None:
    async def read() -> list[str]:
        found = await client.async_stream(suite.models["iterator"], input={"prompt": "a red cat"})
        return [str(event) async for event in found if event.event.value == "output"]

    assert asyncio.run(read()) == list(client.run(suite.models["iterator"], input={"prompt": "a red cat"}))


def test_a_stream_of_pictures_names_their_addresses(client: replicate.Client, suite: Suite) -> None:
    events = list(client.stream(suite.models["image"], input={"prompt": "a", "num_outputs": 2}))
    addresses = [event.data for event in events if event.event.value == "output"]
    assert [httpx.get(url).headers["content-type"] for url in addresses] == ["image/png"] * 2


def test_a_stream_joined_late_tells_everything_from_the_start(client: replicate.Client, suite: Suite) -> None:
    made = client.predictions.create(version=suite.version("iterator"), input={"prompt": "a red cat"})
    made.wait()
    told = [str(event) for event in made.stream() if event.event.value == "output"]
    assert told == made.output


def test_a_failing_stream_raises_the_models_words(client: replicate.Client, suite: Suite) -> None:
    with pytest.raises(RuntimeError, match="It was not to be"):
        list(client.stream(suite.models["fail"], input={"message": "It was not to be."}))


def test_create_then_wait_shows_a_life_from_start_to_end(client: replicate.Client, suite: Suite) -> None:
    made = client.predictions.create(version=suite.version("slow"), input={"seconds": 0.5})
    assert (made.status, made.output, made.logs) == ("starting", None, "")
    made.wait()
    assert (made.status, made.output) == ("succeeded", "This took 0.5 seconds.")
    assert "Started" in made.logs and made.metrics["predict_time"] >= 0.5
    assert made.created_at <= made.started_at <= made.completed_at
    assert client.predictions.get(made.id).output == made.output


def test_create_through_the_model_and_hold(client: replicate.Client, suite: Suite) -> None:
    made = client.models.predictions.create(model=suite.model("text"), input={"prompt": "a"}, wait=True)
    assert (made.status, made.model) == ("succeeded", "/".join(suite.model("text")))


def test_cancel_ends_it(client: replicate.Client, suite: Suite) -> None:
    made = client.predictions.create(version=suite.version("slow"), input={"seconds": 120})
    made.cancel()
    made.wait()
    assert (made.status, made.output) == ("canceled", None)
    made.cancel()
    assert made.status == "canceled"


def test_async_cancel_ends_it(client: replicate.Client, suite: Suite) -> None:
    async def ended() -> str:
        made = await client.predictions.async_create(version=suite.version("slow"), input={"seconds": 120})
        await made.async_cancel()
        await made.async_wait()
        return str(made.status)

    assert asyncio.run(ended()) == "canceled"
