"""Sessions and sign-ins by the API: by a session, and by a token that may."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from accounts.models import User
from accounts.organizations import management
from accounts.tokens import api_tokens
from tests.accounts.sessions.test_login_sessions import browser, signed_in

pytestmark = pytest.mark.django_db


def by_token(user: User, **more: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_tokens.issue(user, 'a', scopes=['account'], **more)[1]}"}


def test_sessions_are_listed_without_addresses_and_one_is_ended(alice: User, bob: User) -> None:
    here, there = browser(), browser(agent="curl/8.5.0", address="198.51.100.9")
    browser("bob")
    shown = here.get("/api/sessions").json()["results"]
    assert [(one["here"], one["network"]) for one in shown] == [
        (False, "198.51.100.0/24"),
        (True, "203.0.113.0/24"),
    ]
    first = here.get("/api/sessions?limit=1").json()
    assert first["results"] == shown[:1]
    assert here.get(first["next"]).json() == {"results": shown[1:], "next": None}
    assert here.delete(f"/api/sessions/{shown[0]['id']}").status_code == 204
    assert (signed_in(here), signed_in(there)) == (True, False)
    assert here.delete(f"/api/sessions/{shown[0]['id']}").status_code == 404


def test_nobody_ends_the_session_of_another_by_the_api(alice: User, bob: User) -> None:
    here = browser()
    number = UserSession.objects.get().pk
    assert browser("bob").delete(f"/api/sessions/{number}").status_code == 404
    assert Client().delete(f"/api/sessions/{number}", headers=by_token(bob)).status_code == 404
    assert signed_in(here)


def test_a_session_ends_all_others_and_a_token_all(alice: User) -> None:
    here, there = browser(), browser()
    assert here.delete("/api/sessions").status_code == 204
    assert (signed_in(here), signed_in(there)) == (True, False)
    headers = by_token(alice)
    assert Client().delete("/api/sessions", headers=headers).status_code == 204
    assert not signed_in(here)
    assert Client().get("/api/sessions", headers=headers).json() == {"results": [], "next": None}


def test_sign_ins_are_listed_in_pages_newest_first(alice: User, bob: User) -> None:
    browser("bob")
    Client(REMOTE_ADDR="198.51.100.9").post("/accounts/login/", {"login": "alice", "password": "wrong"})
    here = browser()
    first = here.get("/api/sign-ins", {"limit": 1}).json()
    assert [one["succeeded"] for one in first["results"]] == [True]
    rest = here.get(first["next"]).json()
    assert [(one["succeeded"], one["network"]) for one in rest["results"]] == [(False, "198.51.100.0/24")]
    assert rest["next"] is None


def test_a_token_of_an_organisation_sees_nothing_of_its_member(alice: User) -> None:
    management.act_for(alice, management.create(alice, "club").pk)
    alice.refresh_from_db()
    headers = by_token(alice)
    for address in ("/api/sessions", "/api/sign-ins"):
        assert Client().get(address, headers=headers).status_code == 403
