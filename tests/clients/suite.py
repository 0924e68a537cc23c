"""The server that the published clients ask, in conformance mode, with accounts that may do much or little.

One for both halves of the lane: `python -m tests.clients` starts it and tells them of it in a variable.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from tests.servers.server_process import ServerProcess

VARIABLE = "DARKROOM_TEST_CLIENTS"
"""Where a process that runs tests finds the server of the one that started it: a `Suite` as JSON."""
PAGE = 100
"""Rows on a page of every list."""
SMALL = {"width": 32, "height": 48}
"""What the deployment fixes, pixels."""
DEPLOYMENT = ("house", "small-pictures")

_ARRANGE = """
import json
from django.db import transaction
from accounts import credits
from accounts.tokens import api_tokens
from accounts.models import MICRO, Account, Plan, User
from accounts.personal_accounts import ensure_account
from predictions import lifecycle
from predictions.submit import acceptance, work_request
from predictions.models import Deployment, Version

# As an operator does in the panel.
owner, name = {deployment!r}
Deployment.objects.create(owner=owner, name=name, version_id={image!r}, input={small!r})

# A member whose plan lets it create one prediction a minute.
narrow = User.objects.create(username="narrow")
account = ensure_account(narrow)
credits.grant(account, 1000 * MICRO, reason="test")
plan = Plan.objects.create(name="narrow", creates_per_minute=1)
assert Account.objects.filter(pk=account.pk).update(plan=plan) == 1

# More predictions than a page holds, canceled before anybody works at them.
user = User.objects.get(username="conformance-funded")
version = Version.objects.select_related("model").get(pk={text!r})
wish = work_request.Request(
    account=user.account, user=user, version=version, input={{"prompt": "one of many"}},
    origin="http://testserver", mount="/v1",
)
many = []
for _number in range({number}):
    with transaction.atomic():
        many.append(acceptance.accept(wish).public_id)
        lifecycle.cancel(many[-1])
print(json.dumps({{"narrow": api_tokens.issue(narrow, "test")[1], "many": many}}))
"""


@dataclass(frozen=True)
class Suite:
    """The running server, and what `manage.py fixtures` and `_ARRANGE` made in it."""

    url: str
    tokens: dict[str, str]
    """By role: those of the fixtures, and `narrow`, which may create one prediction a minute."""
    models: dict[str, str]
    many: list[str]
    """The ids of more predictions than a page holds, of the account `funded`."""
    log: str
    """The path of what the server writes."""

    def version(self, role: str) -> str:
        """The bare id of a fixture model's version."""
        return self.models[role].split(":")[1]

    @property
    def deployment(self) -> tuple[str, str]:
        """Owner and name of a deployment of the picture model, which fixes 32 x 48 pixels."""
        return DEPLOYMENT

    def model(self, role: str) -> tuple[str, str]:
        """Owner and name of a fixture model."""
        owner, name = self.models[role].split(":")[0].split("/")
        return owner, name

    @property
    def environment(self) -> dict[str, str]:
        """What tells another process of it."""
        return {VARIABLE: json.dumps(dataclasses.asdict(self))}


@contextlib.contextmanager
def running() -> Iterator[Suite]:
    """The server that this process was told of; else one of its own, whose audit must find nothing afterwards."""
    if told := os.environ.get(VARIABLE):
        yield Suite(**json.loads(told))
        return
    # Behind a proxy, in so far as a test may say that its request came through TLS.
    with ServerProcess(DARKROOM_CONFORMANCE="1", DARKROOM_TRUST_PROXY="1") as server:
        yield _arranged(server)
        done = server.manage("audit")
        assert done.returncode == 0, done.stdout + done.stderr


def _arranged(server: ServerProcess) -> Suite:
    path = server.data / "fixtures.json"
    done = server.manage("fixtures", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads(path.read_text())
    image, text = (made["models"][role].split(":")[1] for role in ("image", "text"))
    program = _ARRANGE.format(deployment=DEPLOYMENT, small=SMALL, image=image, text=text, number=PAGE + 5)
    done = server.manage("shell", "-v0", "-c", program)
    assert done.returncode == 0, done.stderr
    more = json.loads(done.stdout)
    tokens = {**made["tokens"], "narrow": more["narrow"]}
    return Suite(made["base_url"], tokens, made["models"], more["many"], str(server.data / "log"))
