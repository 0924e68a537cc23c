"""Pages of other origins: those that the operator names may call the APIs with a token, and nothing else."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings as present
from django.test import Client

from accounts.models import User
from config.env import SettingError
from tests import factories

pytestmark = pytest.mark.django_db

APP = "https://app.example"
API_PATHS = ["/v1/predictions", "/replicate/v1/predictions", "/openai/v1/images/generations", "/api/quotes"]
OTHER_PATHS = ["/", "/gallery/", "/studio/", "/account/tokens/", "/admin/", "/health", "/v1x"]


def fresh_settings(monkeypatch: pytest.MonkeyPatch, origins: str) -> ModuleType:
    """The settings as a start with these origins would have them."""
    monkeypatch.setenv("DARKROOM_CORS_ORIGINS", origins)
    path = Path(present.BASE_DIR) / "config" / "settings.py"
    spec = importlib.util.spec_from_file_location("fresh_settings", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def opened(settings: Any, monkeypatch: pytest.MonkeyPatch, origins: str) -> Client:
    """A client of a server that was started with these origins."""
    fresh = fresh_settings(monkeypatch, origins)
    for name in vars(fresh):
        if name.startswith("CORS_") or name == "MIDDLEWARE":
            setattr(settings, name, getattr(fresh, name))
    return Client()


@pytest.fixture
def client_for_app(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A server that lets one other origin in."""
    return opened(settings, monkeypatch, APP)


def preflight(client: Client, path: str, origin: str = APP, method: str = "POST") -> Any:
    asked = "authorization,content-type,prefer,idempotency-key,x-stainless-retry-count"
    return client.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": asked,
        },
    )


@pytest.mark.parametrize("path", API_PATHS)
def test_a_preflight_is_answered_without_a_token(client_for_app: Client, path: str) -> None:
    answer = preflight(client_for_app, path)
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, APP)
    allowed = {name.strip() for name in answer["Access-Control-Allow-Headers"].lower().split(",")}
    assert {
        "authorization",
        "prefer",
        "cancel-after",
        "idempotency-key",
        "x-stainless-retry-count",
    } <= allowed
    assert {"GET", "POST", "PATCH", "DELETE", "QUERY"} <= set(
        answer["Access-Control-Allow-Methods"].replace(" ", "").split(",")
    )
    assert answer["X-Request-Id"]


def test_an_answer_shows_the_headers_that_clients_read(client_for_app: Client, alice: User) -> None:
    headers = {"Origin": APP, "Authorization": f"Bearer {factories.make_token(alice)}"}
    for path in ("/api/me", "/v1/account", "/replicate/v1/predictions", "/openai/v1/models"):
        answer = client_for_app.get(path, headers=headers)
        assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, APP), path
        shown = {name.strip().lower() for name in answer["Access-Control-Expose-Headers"].split(",")}
        assert {
            "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after", "location", "x-request-id",
            "idempotent-replayed", "preference-applied",
        } <= shown  # fmt: skip
        assert "origin" in answer["Vary"].lower()
        assert "Access-Control-Allow-Credentials" not in answer


def test_an_error_can_be_read_too(client_for_app: Client) -> None:
    answer = client_for_app.get("/v1/account", headers={"Origin": APP})
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (401, APP)


@pytest.mark.parametrize("path", OTHER_PATHS)
def test_pages_stay_closed(client_for_app: Client, path: str) -> None:
    for answer in (client_for_app.get(path, headers={"Origin": APP}), preflight(client_for_app, path)):
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_an_origin_that_is_not_named_stays_outside(client_for_app: Client) -> None:
    answer = preflight(client_for_app, "/v1/predictions", "https://evil.example")
    assert "Access-Control-Allow-Origin" not in answer


def test_a_star_lets_everybody_in_and_never_with_cookies(
    settings: Any, monkeypatch: pytest.MonkeyPatch, alice: User
) -> None:
    client = opened(settings, monkeypatch, "*")
    answer = preflight(client, "/api/me", "https://anybody.example", "GET")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer


def test_nothing_is_loaded_where_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = fresh_settings(monkeypatch, "")
    assert not any("cors" in name.lower() for name in fresh.MIDDLEWARE)
    assert "corsheaders.middleware.CorsMiddleware" in fresh_settings(monkeypatch, APP).MIDDLEWARE


@pytest.mark.parametrize(
    "origins",
    [
        "app.example",
        "https://app.example/",
        "https://app.example/path",
        "ftp://app.example",
        "*,https://a.example",
    ],
)
def test_what_is_no_origin_stops_the_start(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    with pytest.raises(SettingError, match="DARKROOM_CORS_ORIGINS"):
        fresh_settings(monkeypatch, origins)
