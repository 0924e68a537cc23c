"""One Darkroom as the upstream of another, and the loopback service behind one: real houses, the operator's command."""

from __future__ import annotations

import base64
import hashlib
import io
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from tests import factories
from tests.loopback_upstream import Upstream, sample_outputs
from tests.runner.sampling import one_in
from tests.servers.installations import Installation, eventually
from tests.servers.session_servers import SECOND_KEY, upstream

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]

TEN = sorted(ref for ref in sample_outputs.models() if not ref.startswith("conformance/"))
SERVED = """
from predictions.dispatch import provider_lookup
from predictions.models import HostedModel
answer = [one.ref for one in HostedModel.objects.filter(enabled=True)
          if any(other.serves(one.ref) for other in provider_lookup.all_providers())]
"""


@pytest.fixture(scope="module")
def second(second_installation: Installation) -> Installation:
    """The one behind, with its engine."""
    return second_installation


@pytest.fixture(scope="module")
def first(front_installation: Installation, second: Installation) -> Iterator[Installation]:
    """The one in front, without an engine: whatever it gives came from the second."""
    with upstream(front_installation, "second", f"{second.url}/v1", SECOND_KEY):
        yield front_installation


def run(one: Installation, ref: str, given: dict[str, Any]) -> dict[str, Any]:
    """A prediction through the API of a house, when it has ended."""
    status, made = one.request(f"/v1/models/{ref}/predictions", {"input": given})
    assert status == 201, made

    def ended() -> Any:
        state = one.request(f"/v1/predictions/{made['id']}")[1]
        return state if state["status"] not in ("starting", "processing") else None

    found: dict[str, Any] = eventually(ended, 120)
    return found


def digests(state: dict[str, Any]) -> list[str]:
    """Of each file of an output."""
    urls = state["output"] if isinstance(state["output"], list) else [state["output"]]
    return [hashlib.sha256(read(url)).hexdigest() for url in urls]


def read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


def a_given(ref: str) -> dict[str, Any]:
    """A small input that every such model takes: a picture for each field that wants a file."""
    properties = sample_outputs.models()[ref].input_schema["properties"]
    picture = "data:image/png;base64," + base64.b64encode(factories.picture()).decode()
    usual = {"prompt": "a red boat", "width": 128, "height": 128, "seed": 11, "num_inference_steps": 4}
    usual |= {"num_animation_frames": 2, "num_interpolation_steps": 2, "steps": 4}
    words = {"prompt_start": "a calm sea", "prompt_end": "a storm", "message": "as you wished", "seconds": 0}
    given = {name: value for name, value in {**usual, **words}.items() if name in properties}
    return given | {name: picture for name, about in properties.items() if about.get("format") == "uri"}


def without_uris(given: dict[str, Any], ref: str) -> dict[str, Any]:
    """Only the files that the model needs: one that paints from words alone takes none."""
    needed = sample_outputs.models()[ref].input_schema.get("required", [])
    if sample_outputs.models()[ref].kind != "text-to-image":
        return given
    return {
        name: value for name, value in given.items() if not str(value).startswith("data:") or name in needed
    }


def test_every_model_that_the_second_serves_works_through_the_first_unchanged(
    first: Installation, second: Installation
) -> None:
    refs = second.python(SERVED)
    assert len(refs) >= 4
    for ref in one_in(8, refs):
        given = without_uris(a_given(ref), ref)
        with ThreadPoolExecutor(2) as pool:
            theirs, ours = pool.map(lambda one: run(one, ref, given), (second, first))  # noqa: B023
        assert ours["status"] == theirs["status"], (ref, ours["error"])
        assert (ours["model"], ours["version"], ours["error"]) == (ref, theirs["version"], theirs["error"])
        assert type(ours["output"]) is type(theirs["output"])
        if sample_outputs.models()[ref].gives_files and theirs["output"]:
            assert digests(ours) == digests(theirs)
            assert all(url.startswith(first.url) for url in _flat(ours["output"]))
        else:
            assert ours["output"] == theirs["output"]
        assert second.url not in str({**ours, "logs": ""})


def _flat(output: Any) -> list[str]:
    return output if isinstance(output, list) else [output]


def test_a_cancel_at_the_first_ends_the_work_at_the_second(first: Installation, second: Installation) -> None:
    ref = "conformance/slow"
    _, made = first.request(f"/v1/models/{ref}/predictions", {"input": {"seconds": 200}})
    running = "SELECT count(*) FROM predictions_prediction WHERE status = 'processing'"
    from tests.faults.harness import Database

    there = Database(second)
    eventually(lambda: there.rows(running)[0][0] == 1, 60)
    assert first.request(f"/v1/predictions/{made['id']}/cancel", {})[1]["status"] == "canceled"
    eventually(lambda: there.rows(running)[0][0] == 0, 60)
    assert there.rows("SELECT count(*) FROM predictions_prediction WHERE status = 'canceled'")[0][0] == 1


@pytest.fixture(scope="module")
def ten(first: Installation) -> Iterator[tuple[Installation, Upstream]]:
    """An installation without an engine, and behind it the loopback service in place of a second installation."""
    with Upstream() as there:
        first.manage("upstream", "second", "--off")
        with upstream(first, "loop", there.url):
            yield first, there
        first.manage("upstream", "second", "--on")


@pytest.mark.parametrize("ref", one_in(4, TEN))
def test_each_of_the_ten_models_works_through_the_loopback_service(
    ten: tuple[Installation, Upstream], ref: str
) -> None:
    one, there = ten
    given = a_given(ref)
    state = run(one, ref, given)
    assert state["status"] == "succeeded", state["error"]
    model, started = sample_outputs.models()[ref], there.rows("start")[-1]
    assert (started["model"], started["key"]) == (ref, f"{state['id']}-0")
    pictures = {
        name for name, about in model.input_schema["properties"].items() if about.get("format") == "uri"
    }
    right = hashlib.sha256(factories.picture()).hexdigest()
    assert {name: states_fd["sha256"] for name, states_fd in started["inputs"].items()} == dict.fromkeys(
        pictures, right
    )
    _is_what_the_model_gives(model, state)


def _is_what_the_model_gives(model: sample_outputs.Model, state: dict[str, Any]) -> None:
    assert isinstance(state["output"], list) == model.gives_list
    for url in _flat(state["output"]):
        content = read(url)
        if model.kind == "video":
            assert content[4:8] == b"ftyp"
        else:
            Image.open(io.BytesIO(content)).verify()
