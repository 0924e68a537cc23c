from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from predictions.catalogue import loader
from tests import factories


class Api:
    """A caller of the API with a token: what a client library does, without its conveniences."""

    def __init__(self, token: str, mount: str = "/v1") -> None:
        self.client = Client()
        self.token = token
        self.mount = mount

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(self._url(path), headers=self._headers(headers))

    def post(self, path: str, body: Any = None, raw: bytes | None = None, **headers: str) -> Any:
        data = raw if raw is not None else json.dumps(body or {}).encode()
        return self.client.post(
            self._url(path), data, content_type="application/json", headers=self._headers(headers)
        )

    def create(self, version: str, given: dict[str, Any], **headers: str) -> Any:
        return self.post("/predictions", {"version": version, "input": given}, **headers)

    def _url(self, path: str) -> str:
        return path.removeprefix("http://testserver") if path.startswith("http") else f"{self.mount}{path}"

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", **{k.replace("_", "-"): v for k, v in more.items()}}


@pytest.fixture
def api(alice: User) -> Api:
    """Alice's client at /v1."""
    return Api(factories.make_token(alice))


@pytest.fixture
def stranger(charlie: User) -> Api:
    """Charlie's client: another account, without credits."""
    return Api(factories.make_token(charlie))


@pytest.fixture
def ten_models(db: None) -> Callable[[], None]:
    """The shipped catalogue."""
    loader.load()
    return loader.load
