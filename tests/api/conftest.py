from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests import factories


class Frontend:
    """A frontend with somebody's API token."""

    def __init__(self, user: User) -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {factories.make_token(user)}"}

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(path, query, headers=self.headers)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        return self.client.generic(
            method,
            path,
            b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers=self.headers,
        )

    def post(self, path: str, body: Any = None) -> Any:
        return self.send("POST", path, body)

    def rows(self, path: str, **query: Any) -> list[Any]:
        """All rows of a list, page after page."""
        found: list[Any] = []
        page = self.get(path, **query).json()
        while True:
            found += page["results"]
            if page["next"] is None:
                return found
            page = self.client.get(
                page["next"].removeprefix("http://testserver"), headers=self.headers
            ).json()


@pytest.fixture
def mine(alice: User) -> Frontend:
    """Alice's frontend."""
    return Frontend(alice)


@pytest.fixture
def theirs(charlie: User) -> Frontend:
    """The stranger's frontend."""
    return Frontend(charlie)
