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
from predictions.upstreams import configured
from tests import factories
from tests.faults.upstream import World
from tests.upstream import Upstream, painting

pytestmark = pytest.mark.django_db(transaction=True)

REF = "cjwbw/rembg"
SMALL = factories.picture()
LARGE = factories.picture() + os.urandom(300_000)
"""More than goes as a data URI where there is a choice."""


@pytest.fixture
def world(alice: User, settings: LazySettings) -> Iterator[World]:
    settings.UPSTREAM_PRIVATE = ["127.0.0.1"]
    configured.reset()
    model = painting.models()[REF]
    version = factories.make_version(
        factories.make_model(*REF.split("/")),
        id=model.version,
        input_schema=model.input_schema,
        output_schema=model.output_schema,
    )
    with Upstream() as there:
        yield World(there, alice, version)
    configured.reset()


def given(content: bytes) -> dict[str, Any]:
    return {"image": "data:image/png;base64," + base64.b64encode(content).decode()}


def read_there(world: World) -> tuple[str, str]:
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
    world: World, files: str, content: bytes, by: str
) -> None:
    world.add(files=files)
    prediction = world.work(world.ask(**given(content)))
    assert (prediction.status, prediction.error) == ("succeeded", None)
    assert read_there(world) == (by, digest(content))
    assert world.there.service.uploads.files == {}, "what was uploaded is deleted when it is needed no more"


@pytest.mark.parametrize("fault", ["500*1", "503*1", "429=1*1", "401*1", "drop*1", "drop-after*1"])
def test_an_upload_that_fails_starts_nothing_and_is_tried_again(world: World, fault: str) -> None:
    world.add(files="upload")
    world.there.fault(f"upload-{fault}")
    prediction = world.work(world.ask(**given(SMALL)))
    assert (prediction.status, prediction.error) == ("succeeded", None)
    assert (world.starts(prediction), world.settled(prediction)) == ([1], (1, 0))
    assert read_there(world) == ("upload", digest(SMALL))


def test_where_there_is_no_files_api_the_picture_goes_as_data(world: World) -> None:
    world.add(files="auto")
    world.there.fault("upload-404")
    assert world.work(world.ask(**given(LARGE))).status == "succeeded"
    assert read_there(world) == ("data", digest(LARGE))


def test_one_that_is_too_large_for_it_is_refused_in_words_that_help(world: World) -> None:
    world.add(files="upload")
    world.there.fault("upload-413")
    prediction = world.work(world.ask(**given(SMALL)))
    assert (prediction.status, world.settled(prediction)) == ("failed", (0, 1))
    assert "larger than" in (prediction.error or "")
    assert world.starts(prediction) == []
