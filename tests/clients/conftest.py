"""The server that is asked, and JavaScript beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import packages
from tests.clients.node import Harness, Node
from tests.clients.suite import Suite, running
from tests.runner.sampling import one_of
from tests.servers.webhook_receiver import WebhookReceiver

MOUNTS = ("/v1", "/replicate/v1")
GIF = bytes.fromhex(
    "4749463839610100010080000000ffffff00000021f90401000001002c00000000010001000002024401003b"
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`mount`: each test asks at one of them, which one depends on the test too; at each where everything is tried."""
    if "mount" in metafunc.fixturenames:
        metafunc.parametrize("mount", one_of(MOUNTS, str, of=metafunc.definition.nodeid))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of one name ask the same of several clients, or with several values: of each name one is tried."""
    named: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("clients"):
            named[item.name.partition("[")[0]].append(item)
    tried = {one for name, alike in named.items() for one in one_of(alike, lambda item: item.nodeid, of=name)}
    left_out = [one for alike in named.values() for one in alike if one not in tried]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def suite() -> Iterator[Suite]:
    with running() as one:
        yield one


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as one:
        yield one


@pytest.fixture(scope="session")
def node(suite: Suite) -> Iterator[Node]:
    """JavaScript with the account `funded` at /v1."""
    harness = Harness()
    yield Node(
        harness, packages.npm(), url=suite.url, mount="/v1", token=suite.tokens["funded"], models=suite.models
    )
    harness.end()


@pytest.fixture
def js(node: Node, mount: str) -> Node:
    """JavaScript with the account `funded` at each mount."""
    return node.but(mount=mount)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small picture in a file, with a name that says its type."""
    path = tmp_path / "dot.gif"
    path.write_bytes(GIF)
    return path
