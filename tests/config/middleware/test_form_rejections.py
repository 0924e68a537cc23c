"""A form whose body was not taken: the page says why, with its status, and blames no form that was open too long."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from config.server import request_bodies
from config.server.asgi_handler import LeanHandler
from config.server.request_bodies import Refused, Unread
from tests.runner.sampling import one_of

pytestmark = pytest.mark.django_db(transaction=True)
REFUSALS = {
    408: Refused(408, request_bodies._TOO_SLOW),
    413: request_bodies._too_large("/studio/make/", 1024**2),
    429: Refused(429, request_bodies._SHARE_FULL, 5),
    503: Refused(503, request_bodies._FULL, 5),
}
SAYS = {
    408: "took too long to arrive",
    413: "The request body is too large. The limit is 1 MiB.",
    429: "Too many of your uploads are in progress.",
    503: "The server is receiving too much right now.",
}
TOO_OLD = "open too long"


def post(client: Client, path: str, status: int, **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of the answer to a form of which nothing was taken."""
    cookies = {**{name: one.value for name, one in client.cookies.items()}, "csrftoken": "c" * 32}
    head = {
        "host": "testserver",
        "cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "content-type": "multipart/form-data; boundary=x",
        "content-length": "200000",
        **headers,
    }
    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": path, "query_string": b"", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "scheme": "http", "http_version": "1.1", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in head.items()],
    }  # fmt: skip
    answer = LeanHandler(1)._respond(scope, Unread(REFUSALS[status]))
    found = {name.decode().lower(): value.decode() for name, value in answer.headers}
    return answer.status, found, bytes(answer.body).decode()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (path, status)
        for path in ["/studio/make/", "/studio/form/", "/accounts/login/", "/account/tokens/"]
        for status in one_of(REFUSALS, of=path)
    ],
)
def test_a_page_says_why_a_form_was_not_taken(as_alice: Client, path: str, status: int) -> None:
    answered, headers, text = post(as_alice, path, status)
    assert answered == status
    assert headers["content-type"].startswith("text/html") and headers["connection"] == "close"
    assert SAYS[status] in text and TOO_OLD not in text
    assert headers.get("retry-after") == ("5" if status in (429, 503) else None)


@pytest.mark.parametrize("status", REFUSALS)
def test_a_request_of_a_page_that_has_its_token_in_the_head_is_told_the_same(
    as_alice: Client, status: int
) -> None:
    answered, _headers, text = post(
        as_alice, "/studio/make/", status, **{"x-csrftoken": "c" * 32, "hx-request": "true"}
    )
    assert answered == status and SAYS[status] in text


def test_another_sites_form_is_still_told_that_it_came_from_there(as_alice: Client) -> None:
    answered, _headers, text = post(as_alice, "/studio/make/", 408, origin="https://elsewhere.example")
    assert answered == 403 and "came from another site" in text


@pytest.mark.parametrize("token", [{"x-csrftoken": "c" * 32}, {}])
@pytest.mark.parametrize("status", [408, 429, 503])
def test_the_studio_reads_why_a_picture_was_not_taken(
    as_alice: Client, status: int, token: dict[str, str]
) -> None:
    answered, headers, text = post(as_alice, "/studio/upload/", status, **token)
    assert answered == status and "json" in headers["content-type"]
    assert json.loads(text)["detail"] == str(REFUSALS[status].says)
    assert headers.get("retry-after") == ("5" if status in (429, 503) else None)


def test_a_picture_that_is_too_large_is_told_in_the_studios_own_words(as_alice: Client) -> None:
    answered, _headers, text = post(as_alice, "/studio/upload/", 413, **{"x-csrftoken": "c" * 32})
    assert answered == 413 and json.loads(text)["detail"].startswith("The picture is larger than 25 MB.")


def test_the_studio_reads_in_the_readers_language_what_broke(as_alice: Client, monkeypatch: Any) -> None:
    def broken(*_given: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("studio.views.picture_picker._received", broken)
    as_alice.raise_request_exception = False
    answer = as_alice.post("/studio/upload/", headers={"Accept-Language": "zh-CN"})
    assert answer.status_code == 500 and "json" in answer["Content-Type"]
    assert not answer.json()["detail"].isascii()
