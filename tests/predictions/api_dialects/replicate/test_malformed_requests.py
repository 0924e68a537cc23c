"""Requests that no client library sends: each gets a clean answer, and nothing of them becomes a header of ours."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from predictions.files import uploads
from predictions.models import Prediction, Upload, Version
from tests import factories
from tests.config.server.conftest import Served, serve, single
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api
from tests.predictions.api_dialects.replicate.official_client import whole

__all__ = ["serve", "single"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def real(single: Served, settings: Any) -> Served:
    """A real server over our own addresses."""
    settings.ROOT_URLCONF = "config.urls"
    return single


def exchange(served: Served, head: str, body: bytes = b"") -> tuple[int, str, bytes]:
    """Status, head and body of what comes back for these very bytes."""
    connection = served.connect(f"{head}\r\nConnection: close\r\n\r\n")
    connection.sendall(body)
    received = b""
    while part := connection.recv(65536):
        received += part
    connection.close()
    answered, _, rest = received.partition(b"\r\n\r\n")
    return int(answered.split()[1]), answered.decode("latin1"), rest


def create(token: str, version: Version, **headers: str) -> tuple[str, bytes]:
    body = json.dumps({"version": version.pk, "input": {"prompt": "a cat"}}).encode()
    lines = "".join(f"\r\n{name.replace('_', '-')}: {value}" for name, value in headers.items())
    head = f"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}"
    return f"{head}\r\nContent-Length: {len(body)}{lines}", body


STRANGE_HEADS = [
    "GET /v1/account HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\x00b",
    "GET /v1/account HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\xe9",
    "GET /v1/account HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + "a" * 30_000,
    "GET /v1/account HTTP/1.1\r\nHost: a b\r\nX: y",
    "GET /v1/account HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\tb\xe9",
    "GET /v1/account HTTP/1.1\r\nHost: x\r\nPrefer: wait=\x01",
    "GET /v1/account HTTP/1.1\r\nHost: x\r\nLast-Event-ID: \x7f",
    "GET /v1/files/%00 HTTP/1.1\r\nHost: x",
    "GET /v1/models/%ff%fe/%C0%80 HTTP/1.1\r\nHost: x",
    "GET /v1/account?%ff=%fe&=&&&a%00 HTTP/1.1\r\nHost: x",
    "GET /v1/" + "a/" * 4000 + " HTTP/1.1\r\nHost: x",
    "BREW /v1/account HTTP/1.1\r\nHost: x",
    "GET http://elsewhere.example/v1/account HTTP/1.1\r\nHost: x",
]


def test_a_strange_head_gets_an_error_and_no_failure(real: Served) -> None:
    for head in STRANGE_HEADS:
        status, answered, body = exchange(real, head)
        assert 400 <= status < 500, (head[:200], answered)
        assert b"<html" not in body.lower()


def test_no_header_of_a_request_becomes_one_of_an_answer(
    real: Served, alice: User, version: Version, provider: FakeProvider
) -> None:
    token = factories.make_token(alice)
    for name in ("X-Request-Id", "Idempotency-Key", "Prefer", "X-Darkroom-Answer", "Host", "Origin"):
        for end in ("%0d%0a", "\u010a\u010d", "\r "):
            head, body = create(token, version)
            head += f"\r\n{name}: " + f"a{end}Set-Cookie: evil=1".encode().decode("latin1")
            _status, answered, _body = exchange(real, head, body)
            assert "\nset-cookie" not in answered.lower(), (name, end)


WAITS = [
    "wait=-1",
    "wait=1e3",
    "wait=" + "9" * 20,
    "wait=" + "9" * 9000,
    ",,,=,;",
    "waits",
    "\xe9",
    "wait=1.5",
]


def test_a_wait_that_is_none_is_ignored(
    real: Served, alice: User, version: Version, provider: FakeProvider
) -> None:
    token = factories.make_token(alice)
    for prefer in WAITS:
        status, head, body = exchange(real, *create(token, version, Prefer=prefer))
        assert (status, json.loads(body)["status"]) == (201, "starting"), prefer[:100]
        assert "preference-applied" not in head.lower()


def test_a_read_time_out_that_is_none_is_ignored(
    real: Served, alice: User, version: Version, provider: FakeProvider
) -> None:
    token = factories.make_token(alice)
    for limit in ("-1", "nan", "inf", "1e400", "\xe9", "9" * 400):
        head, body = create(token, version, X_Stainless_Read_Timeout=limit, Prefer="respond-async")
        assert exchange(real, head, body)[0] == 202, limit


def test_a_deadline_or_key_that_is_none_is_an_error_that_names_it(
    real: Served, alice: User, version: Version, provider: FakeProvider
) -> None:
    token = factories.make_token(alice)
    bad = {
        "Cancel-After": ["5s5", "\xb2\xb25", "1h" * 999, "9" * 9000, "5 s", "0x10", ""],
        "Idempotency-Key": ["\xe9", "a\tb", "a" * 256, ""],
    }
    for name, values in bad.items():
        for value in values:
            head, body = create(token, version, **{name: value})
            status, _head, answer = exchange(real, head, body)
            assert (status, json.loads(answer)["invalid_fields"][0]["field"]) == (422, name), value[:100]
    assert not Prediction.objects.exists()


STRANGE_IDS = ["-1-0-1", "9999999999-0-1", "1-2", "1-2-3-4", "' OR 1=1", "\xb2-\xb2-\xb2", "0" * 9000, ""]


def test_an_event_id_that_was_never_given_replays_from_the_start(
    real: Served, alice: User, version: Version
) -> None:
    row = factories.make_prediction(
        alice, version, status="succeeded", logs="Using seed: 1\n", output=["/f/x/a.png"]
    )
    for last in STRANGE_IDS:
        head = f"GET /v1/streams/{row.stream_token} HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {last}"
        status, _head, body = exchange(real, head)
        assert (status, body.count(b"event: ")) == (200, 3) and b"event: done" in body, last[:100]


def test_an_event_id_beyond_the_end_gets_the_end(real: Served, alice: User, version: Version) -> None:
    row = factories.make_prediction(
        alice, version, status="succeeded", logs="Using seed: 1\n", output=["/f/x/a.png"]
    )
    head = f"GET /v1/streams/{row.stream_token} HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 999999999-999999999-1"
    assert exchange(real, head)[2].count(b"event: ") == 1


@pytest.mark.parametrize(
    "name", ['a"\r\nSet-Cookie: evil=1', "..\\..\\x", "a;b=c", "漢字.png", "\u202egnp.exe", "\ud800"]
)
def test_a_files_name_harms_no_header(api: Api, name: str) -> None:
    data = {
        "content": SimpleUploadedFile("a.txt", b"hello", "text/plain"),
        "filename": name.encode("utf-8", "replace").decode(),
    }
    made = api.client.post("/v1/files", data, headers={"Authorization": f"Bearer {api.token}"})
    assert made.status_code == 201, made.content
    upload = Upload.objects.get()
    signature = uploads.signature(upload.account, upload.public_id, 9_999_999_999)
    answer = Client().get(
        f"/v1/files/{upload.public_id}/download",
        {"owner": upload.account.name, "expiry": "9999999999", "signature": signature},
    )
    assert (answer.status_code, whole(answer)) == (200, b"hello")
    shown = answer["Content-Disposition"]
    assert shown.isascii() and not {"\r", "\n"} & set(shown) and shown.count('"') == 2


def test_a_body_in_chunks_that_are_none_is_an_error(real: Served, alice: User) -> None:
    token = factories.make_token(alice)
    head = f"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked"
    for body in (b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\nhello\r\n", b"f" * 16 + b"\r\n", b"5\r\nhel"):
        connection = real.connect(f"{head}\r\nConnection: close\r\n\r\n")
        connection.sendall(body)
        connection.shutdown(socket.SHUT_WR)
        received = connection.recv(65536)
        connection.close()
        assert not received or received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413")), body
    assert not Prediction.objects.exists()
