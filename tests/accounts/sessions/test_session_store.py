"""The session engine answers as Django's own, and builds the SQL of what every page asks only once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models.sql.compiler import SQLCompiler
from django.test import Client

from accounts.models import User
from accounts.sessions.session_store import SessionStore
from core.clock import Now

pytestmark = pytest.mark.django_db
PAGE = "/account/"


def test_a_session_is_over_when_the_database_says_so(
    alice: User, client_of: Callable[[User], Client]
) -> None:
    client = client_of(alice)
    assert client.get(PAGE).status_code == 200
    Session.objects.update(expire_date=Now() + timedelta(minutes=1))
    assert client.get(PAGE).status_code == 200
    Session.objects.update(expire_date=Now())
    assert client.get(PAGE).status_code == 302


@pytest.mark.parametrize(
    "key", ["", "x", "nobodyssession", "x" * 5000, "\\000\\000\\000\\000\\000\\000\\000\\000"]
)
def test_a_key_of_no_session_is_not_kept(key: str) -> None:
    client = Client(headers={"Cookie": f'{settings.SESSION_COOKIE_NAME}="{key}"'})
    assert client.get(PAGE).status_code == 302
    store = SessionStore(key or None)
    assert store.load() == {} and store.session_key is None


def test_no_database_is_asked_for_a_key_with_a_nul() -> None:
    store = SessionStore("nobodys\0session")
    assert store.session_key is None and store.load() == {}


def test_sessions_of_djangos_own_engine_go_on(alice: User, client_of: Callable[[User], Client]) -> None:
    key = client_of(alice).cookies[settings.SESSION_COOKIE_NAME].value
    assert SessionStore(key).load() == db.SessionStore(key).load() != {}


def test_a_session_is_read_without_making_its_sql_anew(
    alice: User, client_of: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = client_of(alice).cookies[settings.SESSION_COOKIE_NAME].value
    SessionStore(key).load()
    monkeypatch.setattr(SQLCompiler, "as_sql", None)
    assert SessionStore(key).load() != {}
