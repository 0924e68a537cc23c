"""The fixture models of the conformance mode in a real engine: outputs and determinism."""

from __future__ import annotations

import base64
import io
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from engine import fixtures
from engine.fixtures.fixture_models import iterator_items
from tests import factories
from tests.engine.engine_service import Service, running, wait_for

TEXT, ITERATOR, IMAGE, FILE_INPUT, SLOW, FAIL = (fixtures.BY_ROLE[role] for role in fixtures.BY_ROLE)
ENDED = ("succeeded", "failed", "canceled")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running(slots=4, conformance=True) as service:
        yield service


def as_uri(data: bytes, content_type: str = "image/png") -> str:
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    "prompt", ["a red cat", "https://example.org", "data:,x", " two  blanks ", "一只猫\n🐈", ""]
)
def test_the_text_holds_the_prompt_and_never_looks_like_an_address(service: Service, prompt: str) -> None:
    state = service.run(f"text-{abs(hash(prompt))}", {"prompt": prompt}, TEXT)
    assert state["status"] == "succeeded" and state["output"] == []
    assert prompt in state["value"] and not state["value"].startswith(("https:", "data:"))


def test_the_longest_prompt_comes_back_whole(service: Service) -> None:
    prompt = "🐈" * 100_000
    assert prompt in service.run("text-long", {"prompt": prompt}, TEXT)["value"]
    items = service.run("iterator-long", {"prompt": prompt}, ITERATOR)["value"]
    assert prompt in "".join(items)


def test_the_iterator_shows_what_it_has_so_far(service: Service) -> None:
    service.put("iterator-1", {"prompt": "a red cat"}, ITERATOR)
    seen: list[list[str]] = []

    def watch() -> bool:
        state = service.get("iterator-1")
        if state["value"] and state["value"] not in seen:
            seen.append(state["value"])
        return state["status"] in ENDED

    wait_for(watch, "the iterator")
    last = seen[-1]
    assert last == iterator_items("a red cat")
    assert len(seen) >= 3 and all(last[: len(some)] == some for some in seen)


@pytest.mark.parametrize(
    "prompt", ["", "cat", "a red  cat ", "https://example.org https://example.net", "x\r\ny", "word " * 500]
)
def test_the_items_joined_hold_the_prompt_and_none_is_empty_or_looks_like_an_address(prompt: str) -> None:
    items = iterator_items(prompt)
    assert 3 <= len(items) <= 30 and prompt in "".join(items)
    assert all(items) and not any(item.startswith(("https:", "data:")) for item in items)


def test_items_are_neither_lost_nor_repeated_when_the_painters_process_dies(service: Service) -> None:
    service.put("iterator-2", {"prompt": "some words to stream for a while, please"}, ITERATOR)
    wait_for(lambda: len(service.get("iterator-2")["value"] or ()) >= 3, "three items")
    os.kill(service.painters(), signal.SIGKILL)
    state = service.ended("iterator-2")
    assert state["value"] == iterator_items("some words to stream for a while, please")


@pytest.mark.parametrize(("form", "name"), [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP")])
def test_the_pictures_have_the_size_the_format_and_the_number_asked_for(
    service: Service, form: str, name: str
) -> None:
    inputs = {"prompt": "a", "width": 40, "height": 24, "num_outputs": 3, "output_format": form}
    state = service.run(f"image-{form}", inputs, IMAGE)
    files = [service.file(f"image-{form}", output["name"]) for output in state["output"]]
    pictures = [Image.open(io.BytesIO(file)) for file in files]
    assert [(picture.size, picture.format) for picture in pictures] == [((40, 24), name)] * 3
    assert len(set(files)) == 3


def test_the_file_comes_back_byte_for_byte_with_its_type(service: Service) -> None:
    data = factories.picture(form="JPEG")
    state = service.run("file-1", {"image": as_uri(data, "image/jpeg")}, FILE_INPUT)
    (output,) = state["output"]
    assert (output["content_type"], output["name"]) == ("image/jpeg", "out.jpg")
    assert service.file("file-1", "out.jpg") == data


def test_a_file_that_cannot_be_read_is_named(service: Service) -> None:
    state = service.run("file-2", {"image": "data:image/png;base64,!!!"}, FILE_INPUT)
    assert (state["status"], state["error"]) == (
        "failed",
        "Input image cannot be read: its Base64 cannot be read.",
    )


def test_the_slow_one_logs_at_once_and_stops_on_a_cancel(service: Service) -> None:
    service.put("slow-1", {"seconds": 60}, SLOW)
    wait_for(lambda: service.get("slow-1")["logs"], "its first line")
    # The answer comes when the processes are gone, at the latest after a second: so it was noticed by then.
    assert service.client.post("/predictions/slow-1/cancel").json()["status"] == "canceled"
    assert "slow-1" not in [child["id"] for child in service.health()["running"]]


def test_the_slow_one_works_as_long_as_requested(service: Service) -> None:
    state = service.run("slow-2", {"seconds": 0.5}, SLOW)
    assert state["status"] == "succeeded" and state["metrics"]["predict_time"] >= 0.5


def test_the_failing_one_fails_with_the_very_message(service: Service) -> None:
    message = "Ünhappy:  two blanks, 小, and a \\ in it."
    state = service.run("fail-1", {"message": message}, FAIL)
    assert (state["status"], state["error"], state["value"]) == ("failed", message, None)


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (TEXT, {"prompt": "a red cat"}),
        (ITERATOR, {"prompt": "cat"}),
        (IMAGE, {"prompt": "a red cat", "num_outputs": 2}),
        (IMAGE, {"prompt": "a red cat", "seed": 7, "output_format": "webp"}),
        (SLOW, {"seconds": 0.1}),
    ],
)
def test_the_same_input_gives_the_same_output(service: Service, model: str, inputs: dict[str, Any]) -> None:
    first, second = (service.run(f"same-{n}-{abs(hash(str(inputs)))}", inputs, model) for n in "ab")
    assert first["status"] == "succeeded"
    assert (first["value"], first["output"], first["logs"]) == (
        second["value"],
        second["output"],
        second["logs"],
    )


def test_another_seed_or_prompt_gives_another_picture(service: Service) -> None:
    variants = [{"prompt": "a"}, {"prompt": "b"}, {"prompt": "a", "seed": 1}]
    states = [service.run(f"other-{n}", inputs, IMAGE) for n, inputs in enumerate(variants)]
    assert len({state["output"][0]["sha256"] for state in states}) == 3


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (TEXT, {}),
        (IMAGE, {"prompt": "a", "width": 8}),
        (IMAGE, {"prompt": "a", "width": True}),
        (IMAGE, {"prompt": "a", "num_outputs": 5}),
        (IMAGE, {"prompt": "a", "output_format": "bmp"}),
        (FILE_INPUT, {"image": "http://127.0.0.1/x.png"}),
        (FILE_INPUT, {}),
        (SLOW, {"seconds": 1e9}),
        (SLOW, {"seconds": "1"}),
        (FAIL, {"message": 5}),
    ],
)
def test_it_refuses_what_its_caller_should_have_refused(
    service: Service, model: str, inputs: dict[str, Any]
) -> None:
    state = service.run(f"bad-{abs(hash(str(inputs)))}", inputs, model)
    assert state["status"] == "failed" and state["error"].startswith("Input ")


def test_an_engine_outside_that_mode_knows_none_of_them(shared_service: Service) -> None:
    for model in fixtures.NAMES:
        body = {"model": model, "version": "", "input": {"prompt": "a"}, "deadline_s": 5}
        answer = shared_service.client.put("/predictions/x-1", json=body)
        assert (answer.status_code, answer.json()["detail"]) == (
            422,
            f"The embedded engine does not serve {model}.",
        )
