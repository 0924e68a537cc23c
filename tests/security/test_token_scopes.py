"""Which scope of an API token opens which address by which method: every route of the dialects and of `/api`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import ApiToken, User
from accounts.tokens import api_tokens
from tests.runner.sampling import one_of

READ, PREDICT, GALLERY, ADMIN, ACCOUNT = ApiToken.Scope.values
LOOKING = {"GET", "HEAD", "QUERY"}
RULES: list[tuple[str, str, str]] = [
    # (beginning of the address, the scope to look, the scope to change); the first that fits counts.
    ("/v1/webhooks/", ADMIN, ADMIN),
    ("/replicate/v1/webhooks/", ADMIN, ADMIN),
    ("/v1/", READ, PREDICT),
    ("/replicate/v1/", READ, PREDICT),
    ("/openai/v1/", READ, PREDICT),
    ("/api/tokens", ADMIN, ADMIN),
    ("/api/webhooks/", ADMIN, ADMIN),
    ("/api/exports", ACCOUNT, ACCOUNT),
    ("/api/closure", ACCOUNT, ACCOUNT),
    ("/api/sessions", ACCOUNT, ACCOUNT),
    ("/api/sign-ins", ACCOUNT, ACCOUNT),
    ("/api/organizations", ADMIN, ADMIN),
    ("/api/quote", READ, READ),
    ("/api/predictions", READ, PREDICT),
    ("/api/items", READ, GALLERY),
    *(
        (f"/api/{name}", READ, GALLERY)
        for name in (
            "shares",
            "trash",
            "storage",
            "collections",
            "likes",
            "follows",
            "comments",
            "reports",
            "decisions",
            "appeals",
            "gallery",
        )
    ),
    ("/api/", READ, ADMIN),
]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "QUERY")
FILLED = {"int": "1", "path": "acme/x", "uuid": "0" * 32}


def routes(patterns: Any = None, before: str = "/") -> Iterator[str]:
    """Every address with a made-up value in each place; not those that catch the rest."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        text = str(pattern.pattern)
        if text.startswith("^"):
            continue
        address = before + re.sub(r"<(?:(\w+):)?\w+>", lambda place: FILLED.get(place[1] or "str", "x"), text)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, address)
        elif isinstance(pattern, URLPattern):
            yield address


ROUTES = [one for one in routes() if one.startswith(("/v1/", "/replicate/v1/", "/openai/v1/", "/api/"))]


def needed(address: str, method: str) -> str:
    looking, changing = next((one[1], one[2]) for one in RULES if address.startswith(one[0]))
    return looking if method in LOOKING else changing


def ask(address: str, method: str, token: str) -> Any:
    return Client(raise_request_exception=False).generic(
        method, address, "{}", content_type="application/json", headers={"Authorization": f"Bearer {token}"}
    )


def refused(answer: Any) -> str:
    """The scope that an answer says is missing; empty where it says nothing of the kind."""
    if answer.status_code != 403 or answer.streaming:
        return ""
    found = re.search(r"lacks the scope `(\w+)`", answer.content.decode())
    return found[1] if found else ""


def by_one_mount(addresses: list[str]) -> list[str]:
    """Of addresses that lie at two mounts alike one of both."""
    alike = itertools.groupby(sorted(addresses, key=_inner), _inner)
    return [one for inner, both in alike for one in one_of(both, of=inner)]


def _inner(address: str) -> str:
    return address.removeprefix("/replicate")


@pytest.mark.parametrize("address", by_one_mount(ROUTES))
def test_each_method_asks_for_its_scope_and_for_no_other(alice: User, address: str) -> None:
    if Client().get(address).status_code != 401:
        # Capability addresses and descriptions: for everybody.
        assert re.search(
            r"stream|openapi|/schema|/docs|/download|/gallery|/reports|/announcements", address
        ), address
        return
    allowed = {
        name.strip()
        for name in ask(address, "OPTIONS", api_tokens.issue(alice, "asks")[1])["Allow"].split(",")
    }
    every = [method for method in METHODS if method in allowed]
    for method in one_of(every, str, of=address):
        scope = needed(address, method)
        others = [one for one in ApiToken.Scope.values if one != scope]
        assert refused(ask(address, method, api_tokens.issue(alice, "others", scopes=others)[1])) == scope, (
            method
        )
        answer = ask(address, method, api_tokens.issue(alice, "only", scopes=[scope])[1])
        assert refused(answer) == "" and answer.status_code != 401, method


def test_there_are_routes_of_every_mount() -> None:
    assert len(ROUTES) > 80
    mounts = ("/v1/", "/replicate/v1/", "/openai/v1/", "/api/")
    assert all(any(address.startswith(mount) for address in ROUTES) for mount in mounts)


@pytest.mark.parametrize("address", ["/v1/account", "/replicate/v1/account", "/openai/v1/models", "/api/me"])
@pytest.mark.parametrize("networks", [["192.0.2.0/24"], ["2001:db8::/32"], ["0.0.0.0/0", "::/0"]])
def test_every_endpoint_checks_the_network_of_a_token(alice: User, address: str, networks: list[str]) -> None:
    answer = ask(address, "GET", api_tokens.issue(alice, "elsewhere", networks=networks)[1])
    if "::/0" in networks:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 403
        assert "may not be used from this address (127.0.0.1)" in answer.content.decode()


def test_a_session_needs_no_scope(alice: User, client: Client) -> None:
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/api/tokens").status_code == 200
