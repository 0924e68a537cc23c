"""Servers that several test files ask, each with a member of its own: to start one costs more than most of its tests.
And our own source, which several look through.

Files that share one run in one process of a lane (`shared_fixtures` in pyproject.toml, `tests/runner/parallel.py`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.servers.installations import Installation, run_installation
from tests.servers.server_process import ServerProcess
from tests.support import source_rules

LOOPBACK_KEY, SECOND_KEY = "LOOPBACK_KEY", "SECOND_KEY"
"""The variables in which `front_installation` has the keys of its upstreams."""


_CALLER = """
from accounts import credits
from accounts.tokens import api_tokens
from accounts.models import MICRO, User
from accounts.personal_accounts import ensure_account
user, _ = User.objects.get_or_create(username="caller")
credits.grant(ensure_account(user), 1000 * MICRO, reason="test", reference="houses")
answer = api_tokens.issue(user, "houses")[1]
"""


@pytest.fixture(scope="session")
def product_source() -> list[source_rules.Source]:
    """All our Python, parsed: that takes longer than what most of the rules about it ask."""
    return source_rules.sources()


@pytest.fixture(scope="session")
def conformant_server() -> Iterator[ServerProcess]:
    """A server in conformance mode with one slot, which may call this machine's own addresses, without rate limits.

    `fixtures.json` in its data folder was written twice.
    """
    settings = {
        "DARKROOM_CONFORMANCE": "1",
        "DARKROOM_ENGINE_SLOTS": "1",
        "DARKROOM_OUTBOUND_ALLOW": "127.0.0.1/32",
        "DARKROOM_RATE_OTHER": "100000",
    }
    with ServerProcess(**settings) as running:
        for _time in range(2):
            done = running.manage("fixtures", str(running.data / "fixtures.json"))
            assert done.returncode == 0, done.stdout + done.stderr
        yield running


@pytest.fixture(scope="session")
def second_installation() -> Iterator[Installation]:
    """An installation in conformance mode, with its engine and a token: the upstream of `front_installation`.

    Its parts are programs. Each imports everything for itself; one worker does what four do.
    """
    with run_installation(DARKROOM_CONFORMANCE="1", DARKROOM_PRELOAD="0", DARKROOM_WORKERS="1") as one:
        one.token = one.python(_CALLER)
        yield one
        assert one.manage("audit", check=False).returncode == 0


@pytest.fixture(scope="session")
def front_installation(second_installation: Installation) -> Iterator[Installation]:
    """An installation without an engine; tests put an `upstream` behind it.

    Its environment has the key of a loopback service, and as `SECOND_KEY` that of the second installation.
    """
    # Not above: each run of tests reads this file, and few need such a service.
    from tests.loopback_upstream import Upstream

    keys = {LOOPBACK_KEY: Upstream.token, SECOND_KEY: second_installation.token}
    inside = {"DARKROOM_UPSTREAM_PRIVATE": "127.0.0.1", "DARKROOM_CONFORMANCE": "1", "DARKROOM_ENGINE": "0"}
    with run_installation(**inside, **keys) as one:
        one.token = one.python(_CALLER)
        yield one
        assert one.manage("audit", check=False).returncode == 0
        assert not [key for key in keys.values() if key in one.log]


@contextlib.contextmanager
def upstream(one: Installation, name: str, url: str, key: str = LOOPBACK_KEY) -> Iterator[None]:
    """An upstream that serves every model, switched off afterwards."""
    one.manage("upstream", name, "--url", url, "--key-env", key, "--idempotent")
    try:
        yield
    finally:
        one.manage("upstream", name, "--off")


@pytest.fixture(scope="session")
def _installation_to_kill() -> Iterator[Installation]:
    with run_installation(DARKROOM_OUTBOUND_ALLOW="127.0.0.0/8") as one:
        yield one


@pytest.fixture
def installation_to_kill(_installation_to_kill: Installation) -> Installation:
    """An installation whose processes tests kill: each test leaves it recovering, or stopped."""
    assert _installation_to_kill.process
    if _installation_to_kill.process.poll() is not None:
        _installation_to_kill.start()
    return _installation_to_kill
