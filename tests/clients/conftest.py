"""One started server for each half of the lane, in conformance mode, with accounts that may do much or little."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients import packages
from tests.clients.node import Harness, Node
from tests.receiver import Receiver
from tests.server import RunningServer
from tests.share import one_of

MOUNTS = ("/v1", "/replicate/v1")
PAGE = 100
"""Rows on a page of every list."""
SMALL = {"width": 32, "height": 48}
"""What the deployment fixes, pixels."""
GIF = bytes.fromhex(
    "4749463839610100010080000000ffffff00000021f90401000001002c00000000010001000002024401003b"
)

MANY = """
import json
from django.db import transaction
from accounts.models import User
from predictions import lifecycle, submit
from predictions.models import Version
user = User.objects.get(username="conformance-funded")
version = Version.objects.select_related("model").get(pk={version!r})
wish = submit.Request(
    account=user.account, user=user, version=version, input={{"prompt": "one of many"}},
    origin="http://testserver", mount="/v1",
)
made = []
for _number in range({number}):
    with transaction.atomic():
        made.append(submit.accept(wish).public_id)
        lifecycle.cancel(made[-1])
print(json.dumps(made))
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`mount`: each test asks at one of them, which one depends on the test too; at each where everything is tried."""
    if "mount" in metafunc.fixturenames:
        metafunc.parametrize("mount", one_of(MOUNTS, str, of=metafunc.definition.nodeid))


@dataclass(frozen=True)
class Suite:
    """What `manage.py fixtures` wrote beside the running server."""

    url: str
    tokens: dict[str, str]
    models: dict[str, str]
    server: RunningServer

    def version(self, role: str) -> str:
        """The bare id of a fixture model's version."""
        return self.models[role].split(":")[1]

    @property
    def deployment(self) -> tuple[str, str]:
        """Owner and name of a deployment of the picture model, which fixes 32 x 48 pixels."""
        return "house", "small-pictures"

    def model(self, role: str) -> tuple[str, str]:
        """Owner and name of a fixture model."""
        owner, name = self.models[role].split(":")[0].split("/")
        return owner, name


def must_be_in_order(server: RunningServer) -> None:
    """Whatever the clients did, the audit finds nothing afterwards."""
    done = server.manage("audit")
    assert done.returncode == 0, done.stdout + done.stderr


def deploy(suite: Suite) -> None:
    """Make the deployment, as an operator does in the panel."""
    owner, name = suite.deployment
    fields = {"owner": owner, "name": name, "version_id": suite.version("image"), "input": SMALL}
    code = f"from predictions.models import Deployment; Deployment.objects.create(**{fields!r})"
    done = suite.server.manage("shell", "-c", code)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def suite() -> Iterator[Suite]:
    # Behind a proxy, in so far as a test may say that its request came through TLS.
    with RunningServer(DARKROOM_CONFORMANCE="1", DARKROOM_TRUST_PROXY="1") as server:
        path = server.data / "fixtures.json"
        done = server.manage("fixtures", str(path))
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(path.read_text())
        suite = Suite(told["base_url"], told["tokens"], told["models"], server)
        deploy(suite)
        yield suite
        must_be_in_order(server)


@pytest.fixture(scope="session")
def narrow(suite: Suite) -> RunningServer:
    """The server for a member whose plan lets it create one prediction a minute."""
    member = suite.server.member("narrow")
    code = (
        "from accounts.models import Account, Plan, User; "
        "plan = Plan.objects.create(name='narrow', creates_per_minute=1); "
        "account = User.objects.get(username='narrow').account_id; "
        "assert Account.objects.filter(pk=account).update(plan=plan) == 1"
    )
    done = suite.server.manage("shell", "-c", code)
    assert done.returncode == 0, done.stderr
    return member


@pytest.fixture(scope="session")
def many(suite: Suite) -> list[str]:
    """More predictions than a page holds, of the account `funded`, canceled before anybody works at them; their ids."""
    done = suite.server.manage(
        "shell", "-v0", "-c", MANY.format(version=suite.version("text"), number=PAGE + 5)
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
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
