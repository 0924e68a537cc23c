"""Where a default of the framework or of the server would break the contract, row by row: one test for each."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django_q.models import OrmQ

from accounts.models import User
from config.server import http_protocol
from predictions.models import Prediction, Version
from predictions.waiting import waiters
from tests import factories
from tests.config.server.conftest import Served, serve, single
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api
from tests.predictions.api_dialects.replicate.official_client import whole

__all__ = ["serve", "single"]
pytestmark = pytest.mark.django_db(transaction=True)
MOUNTS = ["/v1", "/replicate/v1", "/openai/v1"]


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("path", ["", "/", "/predictions/", "/models/", "//models", "/files/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_slash_is_ever_added_by_a_redirect(api: Api, mount: str, path: str, method: str) -> None:
    answer = api.client.generic(method, f"{mount}{path}", headers={"Authorization": f"Bearer {api.token}"})
    assert answer.status_code in {400, 401, 404, 405} and "Location" not in answer


def test_tls_is_left_to_the_proxy(api: Api) -> None:
    assert not settings.SECURE_SSL_REDIRECT and not settings.APPEND_SLASH
    assert api.client.get("/v1/account", headers={"Authorization": f"Bearer {api.token}"}).status_code == 200


def test_a_body_of_megabytes_is_taken(api: Api, provider: FakeProvider) -> None:
    schema = {"type": "object", "properties": {"image": {"type": "string", "format": "uri", "x-order": 0}}}
    version = factories.make_version(input_schema=schema)
    data = "data:application/octet-stream;base64," + base64.b64encode(b"x" * 8_000_000).decode()
    assert api.create(version.pk, {"image": data}).status_code == 201


@pytest.mark.parametrize("method", ["POST", "QUERY"])
def test_no_forgery_token_is_asked_for(
    api: Api, method: str, version: Version, provider: FakeProvider
) -> None:
    strict = Client(enforce_csrf_checks=True)
    path, body = {
        "POST": ("/v1/predictions", json.dumps({"version": version.pk, "input": {"prompt": "a cat"}})),
        "QUERY": ("/v1/models", "flux"),
    }[method]
    answer = strict.generic(method, path, body, headers={"Authorization": f"Bearer {api.token}"})
    assert answer.status_code in {200, 201}


@pytest.mark.parametrize("mount", MOUNTS)
def test_no_session_opens_the_door(alice: User, client_of: Any, mount: str) -> None:
    assert client_of(alice).get(f"{mount}/models").status_code == 401


def test_query_is_answered_and_named_among_the_methods(api: Api) -> None:
    allowed = api.client.options("/v1/models")["Allow"].split(", ")
    assert {"GET", "HEAD", "OPTIONS", "QUERY"} <= set(allowed)
    refused = api.client.put("/v1/models", headers={"Authorization": f"Bearer {api.token}"})
    assert refused.status_code == 405 and "QUERY" in refused["Allow"]


@pytest.mark.parametrize("as_file", [True, False])
def test_metadata_is_found_among_files_and_among_fields(api: Api, as_file: bool) -> None:
    text = '{"a": 1}'
    metadata = SimpleUploadedFile("blob", text.encode(), "application/json") if as_file else text
    data = {"content": SimpleUploadedFile("a.txt", b"hello"), "metadata": metadata}
    answer = api.client.post("/v1/files", data, headers={"Authorization": f"Bearer {api.token}"})
    assert (answer.status_code, answer.json()["metadata"]) == (201, {"a": 1})


@pytest.mark.parametrize("path", ["/v1/account", "/replicate/v1/account", "/openai/v1/models", "/api/me"])
@pytest.mark.parametrize("header", ["", "Bearer dr_" + "x" * 40, "Basic eDp5"])
def test_an_unknown_caller_gets_401_with_a_challenge(db: None, path: str, header: str) -> None:
    answer = Client().get(path, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401 and answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "label", ["", "text/plain", "application/x-www-form-urlencoded", "image/png", "nonsense"]
)
def test_no_label_of_a_body_is_a_reason_to_refuse_it(
    api: Api, version: Version, provider: FakeProvider, label: str
) -> None:
    body = json.dumps({"version": version.pk, "input": {"prompt": "a cat"}})
    headers = {"Authorization": f"Bearer {api.token}"}
    assert api.client.generic("POST", "/v1/predictions", body, label, headers=headers).status_code == 201
    assert api.client.generic("QUERY", "/v1/models", b"", label, headers=headers).status_code == 200


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("debug", [True, False])
def test_no_error_is_a_page(api: Api, mount: str, debug: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a detail from inside")

    monkeypatch.setattr(settings, "DEBUG", debug)
    token = {"Authorization": f"Bearer {api.token}"}
    monkeypatch.setattr("predictions.api_dialects.common.endpoint.authenticate", broken)
    broke = Client(raise_request_exception=False).get(f"{mount}/models", headers=token)
    monkeypatch.undo()
    answers = {
        404: api.client.get(f"{mount}/nowhere/%0Aat/all", headers=token),
        405: api.client.put(f"{mount}/models", headers=token),
        401: api.client.get(f"{mount}/models"),
        500: broke,
    }
    for status, answer in answers.items():
        assert answer.status_code == status and "json" in answer["Content-Type"]
        assert isinstance(answer.json(), dict) and b"from inside" not in answer.content


@pytest.mark.parametrize("mount", MOUNTS)
def test_a_host_that_is_none_is_refused_without_a_page(api: Api, mount: str) -> None:
    answer = api.client.get(
        f"{mount}/models", headers={"Authorization": f"Bearer {api.token}", "Host": "a b<c>"}
    )
    assert answer.status_code == 400 and b"<html" not in answer.content.lower()


def test_callers_that_wait_keep_no_thread_from_others(
    single: Served, alice: User, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.ROOT_URLCONF = "config.urls"
    token = {"Authorization": f"Bearer {factories.make_token(alice)}"}
    body = {"version": version.pk, "input": {"prompt": "a cat"}}
    answers: list[Any] = []

    def wait() -> None:
        answers.append(
            single.client.post("/v1/predictions", json=body, headers={**token, "Prefer": "wait=20"})
        )

    held = [threading.Thread(target=wait) for _ in range(5)]
    for one in held:
        one.start()
    while waiters.reader().waiting < 5:
        assert all(one.is_alive() for one in held), answers
    for row in Prediction.objects.all():
        path = f"/v1/predictions/{row.public_id}"
        assert single.client.get(path, headers=token).json()["status"] == "starting"
        assert single.client.post(f"{path}/cancel", headers=token).status_code == 200
    for one in held:
        one.join(20)
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(201, "canceled")] * 5


def test_a_stream_is_neither_compressed_nor_kept_back(alice: User, version: Version) -> None:
    row = factories.make_prediction(alice, version, status="succeeded", output=["/f/x/out-0.png"])
    answer = Client().get(f"/v1/streams/{row.stream_token}", headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in answer and b"event: done" in whole(answer)
    assert (answer["Cache-Control"], answer["X-Accel-Buffering"]) == ("no-store", "no")


def test_the_server_keeps_connections_longer_than_any_hold() -> None:
    assert http_protocol.IDLE_S >= 75


def test_the_wake_up_is_committed_with_its_row_or_not_at_all(
    api: Api, stranger: Api, version: Version, provider: FakeProvider
) -> None:
    before = OrmQ.objects.count()
    assert stranger.create(version.pk, {"prompt": "a cat"}).status_code == 402
    assert (OrmQ.objects.count(), Prediction.objects.count()) == (before, 0)
    assert api.create(version.pk, {"prompt": "a cat"}).status_code == 201
    assert (OrmQ.objects.count(), Prediction.objects.count()) == (before + 1, 1)
