"""Pictures that an input names, on their way to an upstream: as data, uploaded or by address, and what goes wrong."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import User
from predictions import image_safety
from predictions.files import phash
from predictions.image_safety import upload_checks
from predictions.upstreams import configuration
from tests import factories
from tests.faults.upstream_scenario import UpstreamScenario
from tests.loopback_upstream import Upstream, sample_outputs
from tests.predictions.image_safety.classifier_service import as_bytes, scene
from tests.runner.sampling import one_in
from tests.servers.file_server import FileServer

pytestmark = pytest.mark.django_db(transaction=True)

REF = "cjwbw/rembg"
SMALL = factories.picture()
LARGE = factories.picture() + os.urandom(300_000)
"""More than goes as a data URI where there is a choice."""


@pytest.fixture
def world(alice: User, settings: LazySettings) -> Iterator[UpstreamScenario]:
    settings.UPSTREAM_PRIVATE = ["127.0.0.1"]
    configuration.reset()
    model = sample_outputs.models()[REF]
    version = factories.make_version(
        factories.make_model(*REF.split("/")),
        id=model.version,
        input_schema=model.input_schema,
        output_schema=model.output_schema,
    )
    with Upstream() as there:
        yield UpstreamScenario(there, alice, version)
    configuration.reset()


def given(content: bytes) -> dict[str, Any]:
    return {"image": "data:image/png;base64," + base64.b64encode(content).decode()}


def read_there(world: UpstreamScenario) -> tuple[str, str]:
    """How the picture of the only start came, and its digest."""
    (row,) = world.there.rows("start")
    return row["inputs"]["image"]["by"], row["inputs"]["image"]["sha256"]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("files", "content", "by"),
    [
        ("auto", SMALL, "data"),
        ("auto", LARGE, "upload"),
        ("data", LARGE, "data"),
        ("upload", SMALL, "upload"),
    ],
    ids=["auto small", "auto large", "data", "upload"],
)
def test_the_picture_arrives_whole_the_way_that_the_service_takes(
    world: UpstreamScenario, files: str, content: bytes, by: str
) -> None:
    world.add(files=files)
    prediction = world.work(world.ask(**given(content)))
    assert (prediction.status, prediction.error) == ("succeeded", None)
    assert read_there(world) == (by, digest(content))
    assert world.there.service.uploads.files == {}, "what was uploaded is deleted when it is needed no more"


@pytest.mark.parametrize("fault", one_in(3, ["500*1", "503*1", "429=1*1", "401*1", "drop*1", "drop-after*1"]))
def test_an_upload_that_fails_starts_nothing_and_is_tried_again(world: UpstreamScenario, fault: str) -> None:
    world.add(files="upload")
    world.there.fault(f"upload-{fault}")
    prediction = world.work(world.ask(**given(SMALL)))
    assert (prediction.status, prediction.error) == ("succeeded", None)
    assert (world.starts(prediction), world.settled(prediction)) == ([1], (1, 0))
    assert read_there(world) == ("upload", digest(SMALL))


def test_where_there_is_no_files_api_the_picture_goes_as_data(world: UpstreamScenario) -> None:
    world.add(files="auto")
    world.there.fault("upload-404")
    assert world.work(world.ask(**given(LARGE))).status == "succeeded"
    assert read_there(world) == ("data", digest(LARGE))


def test_one_that_is_too_large_for_it_is_refused_in_words_that_help(world: UpstreamScenario) -> None:
    world.add(files="upload")
    world.there.fault("upload-413")
    prediction = world.work(world.ask(**given(SMALL)))
    assert (prediction.status, world.settled(prediction)) == ("failed", (0, 1))
    assert "larger than" in (prediction.error or "")
    assert world.starts(prediction) == []


@pytest.fixture
def strangers(settings: LazySettings) -> Iterator[FileServer]:
    """A stranger's server, with a picture that was removed, another one, and a film."""
    settings.OUTBOUND_ALLOW = ["127.0.0.1/32"]
    png, mp4 = {"Content-Type": "image/png"}, {"Content-Type": "video/mp4"}
    film = b"\x00\x00\x00\x18ftypisom" + os.urandom(5000)
    with FileServer({
        "/bad.png": (200, png, BAD), "/good.png": (200, png, GOOD), "/film.mp4": (200, mp4, film),
        "/on.png": (302, {"Location": "/bad.png"}, b""), "/lies.mp4": (200, mp4, BAD),
    }) as server:  # fmt: skip
        yield server


BAD, GOOD = as_bytes(scene(1)), as_bytes(scene(2))


@pytest.mark.parametrize("path", one_in(2, ["bad.png", "on.png", "lies.mp4"]))
def test_a_removed_picture_at_a_strangers_address_reaches_no_upstream(
    world: UpstreamScenario, strangers: FileServer, path: str
) -> None:
    image_safety.block(phash.compute(scene(1)))
    world.add(files="auto")
    prediction = world.work(world.ask(image=f"{strangers.url}/{path}"))
    assert (prediction.status, prediction.error) == ("failed", f"Input image: {upload_checks.REFUSED}")
    assert world.there.rows("start") == [] and world.settled(prediction) == (0, 1)


@pytest.mark.parametrize("files", one_in(3, ["auto", "data", "upload"]))
def test_what_was_looked_at_is_what_the_upstream_gets(
    world: UpstreamScenario, strangers: FileServer, files: str
) -> None:
    image_safety.block(phash.compute(scene(1)))
    world.add(files=files)
    prediction = world.work(world.ask(image=f"{strangers.url}/good.png"))
    assert (prediction.status, prediction.error) == ("succeeded", None)
    assert read_there(world)[0] in ("data", "upload") and read_there(world)[1] == digest(GOOD)
    assert strangers.asked == ["/good.png"]


def test_an_upstream_that_takes_addresses_alone_gets_the_one_that_was_looked_at(
    world: UpstreamScenario, strangers: FileServer
) -> None:
    image_safety.block(phash.compute(scene(1)))
    world.add(files="url")
    prediction = world.work(world.ask(image=f"{strangers.url}/good.png"))
    assert (prediction.status, prediction.error) == ("succeeded", None)
    assert strangers.asked == ["/good.png"] * 2


def test_nothing_is_fetched_first_where_no_picture_is_blocked(
    world: UpstreamScenario, strangers: FileServer
) -> None:
    world.add(files="auto")
    prediction = world.work(world.ask(image=f"{strangers.url}/good.png"))
    assert (prediction.status, read_there(world)[0]) == ("succeeded", "address")
    assert strangers.asked == ["/good.png"]


def test_what_cannot_be_fetched_to_be_looked_at_starts_nothing_and_costs_nothing(
    world: UpstreamScenario, strangers: FileServer
) -> None:
    image_safety.block(phash.compute(scene(1)))
    world.add(files="auto")
    prediction = world.work(world.ask(image=f"{strangers.url}/gone.png"))
    assert (prediction.status, world.settled(prediction)) == ("failed", (0, 1))
    assert (
        prediction.error == "Input image could not be fetched: its server answered 404. Nothing was charged."
    )
    assert world.there.rows("start") == []


def test_what_is_no_picture_is_left_for_the_upstream_to_fetch(
    world: UpstreamScenario, strangers: FileServer
) -> None:
    image_safety.block(phash.compute(scene(1)))
    world.add(files="auto")
    world.work(world.ask(image=f"{strangers.url}/film.mp4"))
    assert strangers.asked[0] == "/film.mp4" and read_there(world)[0] == "address"
