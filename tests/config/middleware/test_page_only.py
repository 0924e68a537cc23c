"""What belongs to pages is not paid for, and does not count, where a token speaks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from tests import factories

pytestmark = pytest.mark.django_db


def test_an_api_answer_costs_no_session_and_chooses_no_language(
    alice: User, django_assert_num_queries: Callable[..., object]
) -> None:
    client, token = Client(), factories.make_token(alice)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": "zh-CN"}
    client.get("/v1/account", headers=headers)
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        answer = client.get("/v1/account", headers=headers)
    assert answer.status_code == 200
    assert "Content-Language" not in answer and "Cookie" not in answer.get("Vary", "")


@pytest.mark.parametrize("path", ["/v1/predictions", "/replicate/v1/predictions", "/openai/v1/models"])
def test_a_session_opens_no_token_mount(alice: User, path: str) -> None:
    client = Client()
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(path).status_code == 401


def test_pages_keep_sessions_language_and_protection(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get("/library/", headers={"Accept-Language": "zh-CN"})
    assert (
        page.status_code == 200
        and page["Content-Language"] == "zh-hans"
        and page["X-Frame-Options"] == "DENY"
    )
    assert client.post("/studio/make/", {}).status_code == 403
