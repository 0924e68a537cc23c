"""Darkroom's own API: who I am, what moved, my tokens; its schema; its errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts import credits
from accounts.models import MICRO, Account, ApiToken, Plan, User
from accounts.tokens import api_tokens
from tests import factories

Bearer = Callable[[User], dict[str, str]]
ClientOf = Callable[[User], Client]


def test_it_says_who_i_am(client: Client, alice: User, bearer: Bearer) -> None:
    factories.make_prediction(alice, ceiling=2 * MICRO)
    answer = client.get("/api/me", headers=bearer(alice))
    assert answer.status_code == 200
    shown = answer.json()
    token = shown.pop("token")
    assert (token["name"], token["scopes"], token["spending"]) == (
        "test",
        ["read", "predict", "gallery", "admin"],
        [],
    )
    assert shown == {
        "username": "alice",
        "name": "alice",
        "email": "alice@example.org",
        "balance": 98 * MICRO,
        "held": 2 * MICRO,
        "owed": 0,
        "month_left": None,
        "spending": [],
        "room": [
            {"limit": "predictions", "most": 5000, "used": 1, "left": 4999},
            {"limit": "input_bytes", "most": 268_435_456, "used": 0, "left": 268_435_456},
            {"limit": "upload_bytes", "most": 5_368_709_120, "used": 0, "left": 5_368_709_120},
            {"limit": "stored_bytes", "most": None, "used": 0, "left": None},
        ],
        "account": {"id": alice.account_id, "name": "alice", "kind": "user", "status": "active"},
        "plan": None,
        "limits": {"creates_per_minute": 600, "requests_per_minute": 3000, "in_flight": 4},
        "features": {"registration": True, "credit_name": "", "languages": ["en", "zh-hans"]},
    }


def test_a_plan_sets_the_limits_and_an_accounts_own_limit_goes_before(
    client: Client, alice: User, bearer: Bearer
) -> None:
    plan = Plan.objects.create(name="Studio", creates_per_minute=7, in_flight_limit=9)
    Account.objects.filter(pk=alice.account_id).update(plan=plan, in_flight_limit=3)
    shown = client.get("/api/me", headers=bearer(alice)).json()
    assert shown["plan"] == "Studio"
    assert shown["limits"] == {"creates_per_minute": 7, "requests_per_minute": 3000, "in_flight": 3}


def test_a_session_is_as_good_as_a_token(alice: User, client_of: ClientOf) -> None:
    shown = client_of(alice).get("/api/me").json()
    assert (shown["username"], shown["token"]) == ("alice", None)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/me", "/api/ledger", "/api/tokens"])
def test_a_visitor_is_unauthenticated(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["title"] == "Unauthorized" and answer.json()["status"] == 401


def test_the_ledger_is_paged_to_its_end(client: Client, alice: User, bearer: Bearer) -> None:
    for _number in range(4):
        credits.grant(factories.account_of(alice), MICRO)
    headers, url, seen = bearer(alice), "/api/ledger?limit=2&kind=grant", []
    while url:
        page: dict[str, Any] = client.get(url, headers=headers).json()
        assert len(page["results"]) <= 2
        seen += page["results"]
        url = page["next"]
    assert len({row["id"] for row in seen}) == 5
    assert sum(row["balance_delta"] for row in seen) == 104 * MICRO == seen[0]["balance_after"]


def test_the_ledger_holds_only_my_rows(client: Client, alice: User, charlie: User, bearer: Bearer) -> None:
    assert client.get("/api/ledger", headers=bearer(charlie)).json() == {"results": [], "next": None}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "cursor=forged", "cursor=", "kind=theft"]
)
def test_a_bad_query_is_named(client: Client, alice: User, bearer: Bearer, query: str) -> None:
    answer = client.get(f"/api/ledger?{query}", headers=bearer(alice))
    assert answer.status_code == 400
    assert list(answer.json()["faults"]) == [query.split("=")[0]]


LISTS = ("ledger", "tokens", "predictions", "deliveries", "models", "items", "shares", "gallery")


@pytest.mark.parametrize("cursor", ["", "forged", "x" * 201])
def test_no_list_takes_a_cursor_that_was_not_given_out(
    client: Client, alice: User, bearer: Bearer, cursor: str
) -> None:
    headers = bearer(alice)
    for name in LISTS:
        answer = client.get(f"/api/{name}", {"cursor": cursor}, headers=headers)
        assert answer.status_code == 400, (name, answer.content)
        assert answer.json()["faults"] == {"cursor": ["This is no cursor that was given out."]}


def test_a_token_is_made_listed_and_revoked(client: Client, alice: User, bearer: Bearer) -> None:
    headers = bearer(alice)
    made = client.post("/api/tokens", {"name": "phone"}, content_type="application/json", headers=headers)
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    plain = made.json()["token"]
    found = api_tokens.look_up(plain)
    assert found is not None and found.name == "phone"
    listed = client.get("/api/tokens", headers=headers)
    assert [row["name"] for row in listed.json()["results"]] == ["phone", "test"]
    assert plain not in listed.content.decode() and found.digest not in listed.content.decode()
    assert client.delete(f"/api/tokens/{found.pk}", headers=headers).status_code == 204
    assert api_tokens.look_up(plain) is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{}", 400), ('{"name": ""}', 400), ('{"name": "a\\u0000b"}', 400), ("[1]", 400), ("not json", 400),
        ('{"name": "late", "expires_at": "2001-01-01T00:00:00Z"}', 422), ('{"name": ["x"]}', 400),
    ],
)  # fmt: skip
def test_a_bad_body_makes_no_token(
    client: Client, alice: User, bearer: Bearer, body: str, status: int
) -> None:
    headers = bearer(alice)
    answer = client.post("/api/tokens", body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.json()["title"] and answer.json()["detail"]
    assert ApiToken.objects.filter(user=alice).count() == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"\xff\xfe{", 400), (b"[" * 100_000, 400), (b'{"name":' * 100_000, 400), (b'{"name": NaN}', 400)],
    ids=["not UTF-8", "deep lists", "deep objects", "not a number"],
)
def test_a_hostile_body_is_the_callers_fault(
    client: Client, alice: User, bearer: Bearer, body: bytes, status: int
) -> None:
    answer = client.post("/api/tokens", body, content_type="application/json", headers=bearer(alice))
    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_a_body_of_twenty_megabytes_is_too_large(client: Client, alice: User, bearer: Bearer) -> None:
    body = b'{"name": "' + b"a" * 20 * 1024 * 1024 + b'"}'
    answer = client.post("/api/tokens", body, content_type="application/json", headers=bearer(alice))
    assert (answer.status_code, answer.json()["detail"]) == (413, "The body is too large.")


def test_a_stranger_cannot_revoke_my_token(
    client: Client, alice: User, charlie: User, bearer: Bearer
) -> None:
    row, plain = api_tokens.issue(alice, "mine")
    answer = client.delete(f"/api/tokens/{row.pk}", headers=bearer(charlie))
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")
    assert api_tokens.look_up(plain) is not None


def test_a_session_needs_the_csrf_token_to_change_things(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend=settings.AUTHENTICATION_BACKENDS[0])
    answer = client.post("/api/tokens", {"name": "stolen"}, content_type="application/json")
    assert (answer.status_code, answer.json()["title"]) == (403, "Forbidden")
    assert not ApiToken.objects.filter(user=alice).exists()


def test_a_token_needs_no_csrf_token(alice: User, bearer: Bearer) -> None:
    client = Client(enforce_csrf_checks=True)
    made = client.post("/api/tokens", {"name": "ok"}, content_type="application/json", headers=bearer(alice))
    assert made.status_code == 201


def test_an_unknown_method_is_a_problem_too(client: Client, alice: User, bearer: Bearer) -> None:
    answer = client.put("/api/me", headers=bearer(alice))
    assert (answer.status_code, answer.json()["title"]) == (405, "Method Not Allowed")


@pytest.mark.parametrize("path", ["/api/nothing", "/api/", "/api/me/"])
def test_an_unknown_address_is_a_problem_too(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")


@pytest.mark.django_db
def test_the_schema_describes_the_own_api_and_nothing_else(client: Client) -> None:
    schema = client.get("/api/schema", headers={"Accept": "application/json"}).json()
    assert schema["openapi"].startswith("3.1")
    assert {"/api/me", "/api/ledger", "/api/tokens", "/api/tokens/{token_id}"} <= set(schema["paths"])
    assert all(path.startswith("/api/") for path in schema["paths"])
    assert {"token": []} in schema["paths"]["/api/me"]["get"]["security"]
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


@pytest.mark.django_db
def test_the_docs_load_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    script = client.get("/api/docs?script=").content.decode()
    assert "/api/docs?script=" in page and "/api/schema" in script
    for text in (page, script):
        assert "cdn." not in text and "https://" not in text.replace("https://www.w3.org", "")


def test_a_failure_of_ours_is_a_problem_without_its_words(
    alice: User, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("accounts.api.me.AccountSerializer", broken)
    answer = Client(raise_request_exception=False).get("/api/me", headers=bearer(alice))
    assert (answer.status_code, answer.json()["title"]) == (500, "Internal Server Error")
    assert "secret" not in answer.content.decode()


def test_an_unknown_address_is_not_found_whatever_the_method(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend=settings.AUTHENTICATION_BACKENDS[0])
    answer = client.delete("/api/shares/none")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
