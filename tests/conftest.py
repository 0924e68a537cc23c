"""What every test may use: Alice (owner), Bob (another), Charlie (stranger), a version, clean storage."""

from __future__ import annotations

import gc
import os
import shutil
import weakref
from collections.abc import Callable, Iterator
from functools import cache as kept
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils import translation
from httpx._transports import default as httpx_transports

from accounts.models import User
from accounts.site import announcement_cache, site_rules
from config.health import probes
from core.cache import counters
from core.db import due_rows
from gallery.live import poller
from gallery.models import Item
from predictions.api_dialects.common import rate_limits
from predictions.image_safety import blocklist, classifiers
from predictions.models import Version
from predictions.policy import prompt_rules
from predictions.upstreams import configuration
from tests import factories
from tests.fakes import provider
from tests.runner import sqlite_only
from tests.servers import database_template, django_fork_server
from tests.settings import move
from tests.support import database_flush
from tests.support.module_data import reset_site_caches
from tests.support.picture_items import picture_item

__all__ = ["provider"]

pytest_plugins = ["tests.runner.parallel", "tests.servers.session_servers"]

FIXTURES_S = 480.0
"""What the fixtures of a test may take on top of its own time: on a busy machine the first one of a worker waits
minutes for the database that all of them share, and a server for its start (`installations.START_S`)."""

# As in the engine's own children, before anything imports NumPy: on a busy machine the threads of small products
# wait for one another a hundred times as long as they work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Seven thousand tests are many objects: reading them in, the collector would go through all of them again and again.
gc.set_threshold(50_000, 20, 20)

# One TLS context for all clients that ask for the same: each would read the certificates of the world for itself.
httpx_transports.create_ssl_context = kept(httpx_transports.create_ssl_context)

# Rows that a test saves are seen at once; that time passes must add no query to those that a test counts.
configuration.STALE_S = 3600.0
announcement_cache.CACHE_S = 3600.0
site_rules.CACHE_S = 3600.0
prompt_rules.CACHE_S = 3600.0
blocklist.CACHE_S = 3600.0
classifiers.CACHE_S = 3600.0
# One part deals with all that is due, however busy the machine is; a test of parts says how long they are.
due_rows.PART_S = 60.0
probes.KEPT_S = probes.STORAGE_KEPT_S = 0.0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for the database bears the mark `database`: the rest need not be run on each kind of it.

    Neither need those that `tests/runner/sqlite_only.py` names. And every test has a time in which all of it ends.
    """
    for item in items:
        _bound(item)
        asked = {"db", "transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
        if (asked or item.get_closest_marker("django_db")) and not sqlite_only.is_sqlite_only(item.nodeid):
            item.add_marker("database")


def _bound(item: pytest.Item) -> None:
    """Its fixtures too: one that never ended once kept a whole run from ending, and nobody knew which it was."""
    own = item.get_closest_marker("timeout")
    seconds = float(own.args[0] if own else item.config.getini("timeout"))
    if seconds:  # 0: one that is asked to take as long as it takes
        item.add_marker(pytest.mark.timeout(seconds + FIXTURES_S, func_only=False), append=False)


def pytest_forked(name: str) -> None:
    """A folder of its own for each of the processes that are forked to run tests."""
    move(name)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported and collected stays to the end: the collector of garbage need not look through it again.

    And processes that are forked to run tests of servers share what imports everything for them.
    """
    option = session.config.option
    if option.processes > 1 and not option.collectonly and option.markexpr == "server":
        django_fork_server.start()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """The database is there soon; and tests with transactions of their own leave an empty one behind, and soon."""
    with pytest.MonkeyPatch.context() as patch:
        database_template.install(patch)
        database_flush.install(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def _streams() -> Iterator[weakref.WeakSet[StreamingHttpResponse]]:
    """Every answer in parts that is still there. Django's test client leaves it to the test to close them."""
    streams: weakref.WeakSet[StreamingHttpResponse] = weakref.WeakSet()
    made = StreamingHttpResponse.__init__

    def noted(self: StreamingHttpResponse, *given: Any, **named: Any) -> None:
        made(self, *given, **named)
        streams.add(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StreamingHttpResponse, "__init__", noted)
        yield streams


@pytest.fixture(autouse=True)
def _clean_state(_streams: weakref.WeakSet[StreamingHttpResponse]) -> Iterator[None]:
    """No file and no cached value of one test is seen by the next. The site rules are those of a new installation."""
    reset_site_caches()
    yield
    # A copy: a server's thread may let go of its last one meanwhile.
    for stream in list(_streams):
        for close in stream._resource_closers:  # type: ignore[attr-defined]
            close()
    _streams.clear()
    cache.clear()
    counters.cache.clear()
    rate_limits.reset()
    configuration.reset()
    poller.reset()
    # Most tests write no file; to remove a folder and make it anew takes longer than many of them.
    if os.path.lexists(settings.MEDIA_ROOT):
        shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)
    if not _is_empty(settings.TEMPORARY):
        shutil.rmtree(settings.TEMPORARY, ignore_errors=True)
        # Django checks that it is there.
        Path(settings.TEMPORARY).mkdir(parents=True, exist_ok=True)


def _is_empty(folder: str | Path) -> bool:
    """Whether it is a folder, and nothing is in it."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return False


@pytest.fixture
def alice(db: None) -> User:
    """The owner, with 100 credits."""
    return factories.make_user("alice", credit=100)


@pytest.fixture
def bob(db: None) -> User:
    """Another member, with 100 credits."""
    return factories.make_user("bob", credit=100)


@pytest.fixture
def charlie(db: None) -> User:
    """The stranger, without credits."""
    return factories.make_user("charlie")


@pytest.fixture
def staff(db: None) -> User:
    """An administrator with every permission."""
    return factories.make_staff()


@pytest.fixture
def version(db: None) -> Version:
    """A version that takes a prompt and gives a list of pictures at one credit each."""
    return factories.make_version()


@pytest.fixture
def grant() -> Callable[[User, float], Any]:
    """A function that adds credits (not micro-credits) to a user's account."""
    return factories.give


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """A function that answers a browser signed in as that user."""

    def make(user: User) -> Client:
        client = Client()
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
        return client

    return make


@pytest.fixture
def bearer() -> Callable[[User], dict[str, str]]:
    """A function that answers the headers of a request with a fresh API token of that user."""

    def make(user: User) -> dict[str, str]:
        return {"Authorization": f"Bearer {factories.make_token(user)}"}

    return make


@pytest.fixture
def change_secret_key(settings: Any) -> Callable[[], None]:
    """Set a new secret key; the previous one stays valid beside it."""

    def change() -> None:
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        settings.SECRET_KEY = f"secret key number {len(settings.SECRET_KEY_FALLBACKS)} of a test"

    return change


@pytest.fixture(autouse=True)
def _default_language() -> Iterator[None]:
    """A request in Chinese leaves no language behind for the next test."""
    yield
    translation.deactivate()


@pytest.fixture
def item(alice: User) -> Item:
    """A private picture of Alice's."""
    return picture_item(alice, "a red lighthouse")


@pytest.fixture
def public(alice: User) -> Item:
    """A published picture of Alice's."""
    return picture_item(alice, "a green valley", visibility="public")


@pytest.fixture
def as_alice(client_of: Callable[[User], Client], alice: User) -> Client:
    """Alice's browser."""
    return client_of(alice)


@pytest.fixture
def as_charlie(client_of: Callable[[User], Client], charlie: User) -> Client:
    """A stranger's browser."""
    return client_of(charlie)
