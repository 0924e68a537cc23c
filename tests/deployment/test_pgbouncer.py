"""A whole round through pgbouncer in transaction mode, without any setting that names it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from config.postgresql import database_url
from tests.deployment.conftest import Asked
from tests.postgres import NoPostgres, Postgres
from tests.runner.sampling import is_whole, one_in
from tests.servers import django_fork_server, installation_template, pgbouncer, redis_server
from tests.servers.installations import Installation, eventually

pytestmark = pytest.mark.server
PICTURE = {
    "version": "stability-ai/stable-diffusion:ac732df83cea7fff18b8472768c88ad041fa750ff7682a21affe81863cbe77e4",
    "input": {"prompt": "a lighthouse", "width": 64, "height": 64, "num_inference_steps": 1},
}


@pytest.fixture(scope="module")
def pooled() -> Iterator[str]:
    """The address of a database behind a pgbouncer with few connections; skipped where either is missing.

    It is empty in a run that tries everything: elsewhere `migrate` goes through the pooler too, with nothing to change.
    """
    try:
        with (
            Postgres(None if is_whole() else installation_template.postgres()) as server,
            pgbouncer.running(server.url, size=8) as url,
        ):
            yield url
    except (NoPostgres, pgbouncer.NoPgbouncer) as missing:
        pytest.skip(str(missing))


class Browser:
    """Somebody at the pages."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=60, follow_redirects=True)

    def send(self, path: str, **fields: str) -> httpx.Response:
        page = self.client.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, page.text[:500]
        form = {"csrfmiddlewaretoken": token.group(1), **fields}
        return self.client.post(path, data=form, headers={"Referer": str(page.url)})


@pytest.fixture(scope="module")
def installation(pooled: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """With Redis, where there is one."""
    with contextlib.ExitStack() as stack:
        settings = {}
        with contextlib.suppress(redis_server.NoRedis):
            redis_server.binary()
            settings["DARKROOM_REDIS_URL"] = stack.enter_context(redis_server.running())
        made = Installation(tmp_path_factory.mktemp("house") / "data", pooled, **settings)
        stack.callback(made.end)
        yield made.start()


@pytest.mark.timeout(600)
def test_people_sign_up_sign_in_and_look_round(installation: Installation) -> None:
    visitor = Browser(installation.url)
    words = "correct horse battery staple"
    made = visitor.send(
        "/accounts/signup/", username="mia", email="mia@example.net", password1=words, password2=words
    )
    assert made.status_code == 200 and "mia" in made.text
    again = Browser(installation.url)
    assert again.send("/accounts/login/", login="mia", password=words).status_code == 200
    paths = (
        "/studio/",
        "/library/",
        "/account/",
        "/account/usage/",
        "/account/usage.csv",
        "/accounts/sessions/",
    )
    assert {path: again.client.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)


@pytest.mark.timeout(600)
def test_pictures_are_made_while_processes_are_killed_and_the_money_adds_up(
    installation: Installation,
) -> None:
    installation.token = str(installation.python(TOKEN))
    made = [create(installation) for _number in range(3)]
    for kind in one_in(2, ("worker", "sweep", "watcher", "web"), of="pgbouncer"):
        for process in installation.kinds().get(kind, []):
            psutil.Process(process.pid).kill()
        eventually(lambda: answers(installation), 60)
        made.append(create(installation))
    eventually(
        lambda: all(state(installation, one) == "succeeded" for one in made),
        240,
        lambda: installation.log[-3000:],
    )
    audited = installation.manage("audit", check=False)
    assert audited.returncode == 0, audited.stdout + audited.stderr
    for trouble in ("prepared statement", "InvalidCursorName", "DuplicatePreparedStatement", "step_broke"):
        assert trouble not in installation.log


@pytest.mark.timeout(300)
def test_first_requests_of_every_kind_are_answered_with_redis(installation: Installation) -> None:
    if "DARKROOM_REDIS_URL" not in installation.env:
        pytest.skip("There is no Redis.")
    token, member, staff = installation.python(PEOPLE)
    web, begin = Asked(installation.url), len(installation.log)
    # The next one takes the calls of those who are connected before it is there.
    for process in installation.kinds()["web"]:
        process.kill()
    requests = [*_pages(web, member, staff), *_calls(web, token), *_mistakes(web)]
    assert len(requests) == 40
    wanted = [(f"{request.method} {request.url.path}", status) for request, status in requests]
    got = web.at_once([request for request, _status in requests])
    assert [(name, status) for (name, _wanted), status in zip(wanted, got, strict=True)] == wanted
    log = installation.log[begin:].splitlines()
    assert [line for line in log if "Traceback" in line or "warmup_incomplete" in line] == []


def test_a_second_preparation_waits_for_the_first_and_leaves_no_lock(
    installation: Installation, pooled: str
) -> None:
    # The first was that of the start.
    again = django_fork_server.manage(("prepare",), installation.env)
    assert again.returncode == 0, again.stderr
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as connection:
        # A running installation has one for a moment now and then.
        eventually(lambda: connection.execute(held).fetchone() == (0,), pause_s=0.05)


def test_where_statements_are_not_prepared_no_cursor_stays_at_the_server() -> None:
    made: Any = database_url.database("postgres://a@h/d?prepare_threshold=off", Path("unused"))
    assert made["DISABLE_SERVER_SIDE_CURSORS"] is True
    usual: Any = database_url.database("postgres://a@h/d", Path("unused"))
    assert usual["DISABLE_SERVER_SIDE_CURSORS"] is False


STRANGERS_PAGES = ("/", "/gallery/", "/collections/", "/docs/", "/docs/search?q=webhook", "/api/docs")
STRANGERS_PAGES += ("/accounts/signup/", "/accounts/password/reset/", "/livez", "/readyz")
MEMBERS_PAGES = (
    "/studio/",
    "/library/",
    "/account/",
    "/account/usage/",
    "/account/tokens/",
    "/account/notices/",
)
MEMBERS_PAGES += ("/account/statement.csv", "/account/credits/", "/accounts/sessions/", "/accounts/2fa/")
STAFFS_PAGES = ("/admin/", "/admin/operations/", "/admin/moderation/", "/admin/accounts/account/")
CALLS = ("/v1/predictions", "/v1/models", "/v1/account", "/replicate/v1/collections", "/openai/v1/models")
CALLS += ("/api/me", "/api/ledger", "/api/items", "/api/schema")
Expected = tuple[httpx.Request, int]


def _pages(web: Asked, member: str, staff: str) -> list[Expected]:
    """Pages for strangers, a member and an administrator."""
    found = [(web.request(path), 200) for path in STRANGERS_PAGES]
    for session, paths in ((member, MEMBERS_PAGES), (staff, STAFFS_PAGES)):
        found += [(web.request(path, cookies={"sessionid": session}), 200) for path in paths]
    return found


def _calls(web: Asked, token: str) -> list[Expected]:
    """Calls of programs in each dialect; two of them write."""
    create = web.request("/v1/predictions", token, method="POST", json=PICTURE)
    send = web.request(
        "/v1/files", token, method="POST", files={"content": ("a.txt", b"hello", "text/plain")}
    )
    return [(create, 201), (send, 201), *((web.request(path, token), 200) for path in CALLS)]


def _mistakes(web: Asked) -> list[Expected]:
    """What nobody finds, may see or gets in by."""
    guess = {"login": "lea", "password": "wrong", "csrfmiddlewaretoken": "a" * 32}
    return [
        (web.request("/accounts/login/", method="POST", data=guess, cookies={"csrftoken": "a" * 32}), 200),
        (web.request("/v1/account"), 401),
        (web.request("/openai/v1/images/generations", method="POST", json={}), 401),
        (web.request("/f/nothing/here.png"), 404),
        (web.request("/nowhere/"), 404),
    ]


PEOPLE = """
from django.conf import settings
from django.test import Client
from accounts import credits
from accounts.tokens import api_tokens
from accounts.models import MICRO, User
from accounts.personal_accounts import ensure_account
lea = User.objects.create(username="lea", email="lea@localhost.localdomain")
credits.grant(ensure_account(lea), 100 * MICRO, reason="test")
def session(user):
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[-1])
    return client.cookies["sessionid"].value
answer = [api_tokens.issue(lea, "test")[1], session(lea), session(User.objects.get(username="admin"))]
"""
TOKEN = """
from accounts import credits
from accounts.tokens import api_tokens
from accounts.models import MICRO, User
from accounts.personal_accounts import ensure_account
user = User.objects.get(username="admin")
credits.grant(ensure_account(user), 1000 * MICRO, reason="test")
answer = api_tokens.issue(user, "test")[1]
"""


def create(installation: Installation) -> str:
    status, body = installation.request("/v1/predictions", PICTURE)
    assert status == 201, body
    return str(body["id"])


def state(installation: Installation, public_id: str) -> str:
    return str(installation.request(f"/v1/predictions/{public_id}")[1]["status"])


def answers(installation: Installation) -> bool:
    try:
        return installation.request("/v1/account")[0] == 200
    except OSError:
        return False


def test_prepared_statements_that_are_asked_for_stop_a_start_where_the_pooler_does_not_keep_them(
    installation: Installation, pooled: str, tmp_path: Path
) -> None:
    asking = Installation(tmp_path / "asking", f"{pooled}?prepare_threshold=5")
    checked = django_fork_server.manage(("check",), asking.env)
    assert checked.returncode == 1
    assert "DARKROOM_DATABASE_URL asks for prepared statements (prepare_threshold)" in checked.stderr
