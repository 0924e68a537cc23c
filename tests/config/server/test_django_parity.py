"""Our handler does what Django's own ASGI handler does."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from django.core.asgi import get_asgi_application

from config.server.asgi_handler import LeanHandler
from tests.config.server.conftest import Served, call

MULTIPART = {"files": {"photo": ("a.txt", b"bytes of a file")}, "data": {"name": "Ada"}}
REQUESTS: dict[str, dict[str, Any]] = {
    "a page": {"url": "/hello"},
    "HEAD": {"method": "HEAD", "url": "/hello"},
    "OPTIONS": {"method": "OPTIONS", "url": "/echo"},
    "an unusual method": {"method": "QUERY", "url": "/echo", "content": b"flux"},
    "a query": {"url": "/echo?a=1&a=2&b=%C3%BC&c=%zz"},
    "an escaped path": {"url": "/echo%2Fnot?x=%2F"},
    "a form": {"method": "POST", "url": "/echo", "data": {"name": "Ada & Bob", "n": "2"}},
    "an upload": {"method": "POST", "url": "/echo", **MULTIPART},
    "JSON": {"method": "POST", "url": "/echo", "json": {"prompt": "一只猫"}},
    "a large body": {"method": "POST", "url": "/echo", "content": b"x" * 5_000_000},
    "a chunked body": {"method": "POST", "url": "/echo", "content": iter([b"one", b"two", b"", b"three"])},
    "cookies sent": {"url": "/echo", "headers": {"Cookie": "a=1; b=two; a=3; bad"}},
    "cookies set": {"url": "/cookies"},
    "headers given twice": {
        "url": "/echo",
        "headers": [("X-Many", "1"), ("X-Many", "2"), ("Accept", "text/html")],
    },
    "a header with an underscore": {"url": "/echo", "headers": {"X_Forwarded_For": "1.2.3.4"}},
    "an unknown page": {"url": "/unknown"},
    "a broken view": {"url": "/broken"},
    "a refusal": {"url": "/denied"},
    "a rendered template": {"url": "/template"},
    "an asynchronous view": {"url": "/asynchronous"},
    "no content": {"url": "/nothing"},
    "a bad host": {"url": "/hello", "headers": {"Host": "a b"}},
}
VARYING = {"date", "x-request-id", "server-timing"}


def _comparable(answer: httpx.Response) -> dict[str, Any]:
    headers = [(name.lower(), value) for name, value in answer.headers.multi_items()]
    return {
        "status": answer.status_code,
        "headers": sorted((name, value) for name, value in headers if name not in VARYING),
        "body": _without_boundary(answer.text),
    }


def _without_boundary(text: str) -> Any:
    """httpx makes up a boundary for every form; all else must be the same."""
    try:
        seen = json.loads(text)
    except ValueError:
        return text
    for name in ("CONTENT_TYPE",):
        if "boundary" in seen.get("meta", {}).get(name, ""):
            del seen["meta"][name]
    return seen


@pytest.mark.parametrize("name", REQUESTS)
def test_it_answers_as_django_does(name: str, lean: Served, shipped: Served, db: None, known: None) -> None:
    request = {"method": "GET", **REQUESTS[name]}
    if name == "a chunked body":
        request["content"] = list(request["content"])
        answers = [
            s.client.request(**{**request, "content": iter(request["content"])}) for s in (lean, shipped)
        ]
    else:
        answers = [served.client.request(**request) for served in (lean, shipped)]

    ours, theirs = map(_comparable, answers)
    if name == "a chunked body":
        # Django does not know how long it is, and so takes a form of this kind for an empty one.
        assert ours["body"]["meta"].pop("CONTENT_LENGTH") == "11"
        for one in (ours, theirs):
            one["headers"] = [pair for pair in one["headers"] if pair[0] != "content-length"]
    assert ours == theirs


@pytest.mark.parametrize(
    "scope",
    [
        {"root_path": "/studio", "path": "/studio/echo"},
        {"path": "/echo", "scheme": "https"},
        {"path": "/echo", "client": None, "server": None},
        {"path": "/echo", "query_string": "text=not%20bytes"},
        {"path": "/cookies"},
    ],
    ids=str,
)
def test_it_reads_the_scope_as_django_does(scope: dict[str, Any], db: None) -> None:
    ours, theirs = call(LeanHandler(1), **scope), call(get_asgi_application(), **scope)

    for sent in (ours, theirs):
        sent[0]["headers"] = sorted((n.lower(), v) for n, v in sent[0]["headers"] if n != b"X-Request-Id")
    assert ours[0] == theirs[0]
    assert [m.get("body", b"") for m in ours[1:]] == [m.get("body", b"") for m in theirs[1:]]


def test_the_prefix_of_one_request_is_not_seen_by_the_next(db: None) -> None:
    handler = LeanHandler(1)
    call(handler, "/studio/echo", root_path="/studio")

    seen = json.loads(call(handler, "/echo")[1]["body"])

    assert (seen["prefix"], seen["reversed"]) == ("/", "/hello")


def test_it_serves_nothing_but_http() -> None:
    with pytest.raises(ValueError, match="websocket"):
        call(LeanHandler(1), type="websocket")


def test_the_language_of_one_request_is_not_seen_by_the_next(single: Served, settings: Any) -> None:
    assert single.client.get("/language?activate=zh-hans").text == "en"

    assert single.client.get("/language").text == "en"


def test_a_failing_page_for_errors_still_gives_an_answer(
    single: Served, settings: Any, monkeypatch: Any
) -> None:
    def fail(request: Any) -> Any:
        raise RuntimeError("the page for errors is broken too")

    monkeypatch.setattr("tests.config.server.urls.handler500", fail, raising=False)

    answer = single.client.get("/broken")

    assert answer.status_code == 500
    assert "Traceback" not in answer.text
