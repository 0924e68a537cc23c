"""Uploads: stored, described as clients demand, private, and deleted when nothing needs them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import User
from predictions import lifecycle, tasks
from predictions.files import media, removal, uploads
from predictions.models import StoredFile, Upload, Version
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)
KEYS = {
    "id",
    "name",
    "content_type",
    "size",
    "etag",
    "checksums",
    "metadata",
    "created_at",
    "expires_at",
    "urls",
}


def send(
    api: Api, content: bytes = b"hello", name: str = "note.txt", kind: str = "text/plain", **fields: Any
) -> Any:
    data = {"content": SimpleUploadedFile(name, content, kind), **fields}
    return api.client.post("/v1/files", data, headers={"Authorization": f"Bearer {api.token}"})


def delete(api: Api, public_id: str) -> Any:
    return api.client.delete(f"/v1/files/{public_id}", headers={"Authorization": f"Bearer {api.token}"})


def test_a_file_is_described_with_every_key_that_clients_demand(api: Api) -> None:
    answer = send(api)
    shown = answer.json()
    assert answer.status_code == 201 and set(shown) == KEYS
    assert (shown["name"], shown["content_type"], shown["size"], shown["metadata"]) == (
        "note.txt",
        "text/plain",
        5,
        {},
    )
    assert shown["checksums"] == {
        "sha256": hashlib.sha256(b"hello").hexdigest(),
        "md5": hashlib.md5(b"hello").hexdigest(),
    }
    assert shown["etag"] == shown["checksums"]["md5"]
    assert shown["urls"]["get"] == f"http://testserver/v1/files/{shown['id']}"
    assert api.get(shown["urls"]["get"]).json() == shown
    assert api.get("/files").json()["results"] == [shown]


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": json.dumps({"a": {"b": "1"}})},
        {"metadata": SimpleUploadedFile("blob", b'{"a": {"b": "1"}}', "application/json")},
        {"metadata[a][b]": "1"},
    ],
)
def test_metadata_is_taken_in_each_of_the_ways_that_clients_send_it(api: Api, fields: dict[str, Any]) -> None:
    assert send(api, **fields).json()["metadata"] == {"a": {"b": "1"}}


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": NaN}', '"x"', '{"a": "\\u0000"}', "[" * 5000])
def test_metadata_that_is_no_object_is_refused_and_nothing_is_kept(api: Api, text: str) -> None:
    assert send(api, metadata=text).status_code == 422
    assert not StoredFile.objects.exists()


@pytest.mark.parametrize(("more", "status"), [(0, 201), (1, 422)])
def test_metadata_has_a_length(api: Api, more: int, status: int) -> None:
    text = '{"a": 1}'.ljust(64 * 1024 + more)
    assert send(api, metadata=text).status_code == status


def test_name_and_type_may_be_given_apart_and_an_empty_file_is_one(api: Api) -> None:
    shown = send(api, b"", filename="图.png", type="image/png").json()
    assert (shown["name"], shown["content_type"], shown["size"]) == ("图.png", "image/png", 0)
    assert send(api, filename="x" * 256).status_code == 422


def test_what_is_no_form_or_holds_no_file_is_refused(api: Api) -> None:
    assert api.post("/files", {"content": "x"}).status_code == 422
    broken = api.client.post(
        "/v1/files",
        b"--x",
        content_type="multipart/form-data",
        headers={"Authorization": f"Bearer {api.token}"},
    )
    assert broken.status_code == 400


def test_a_file_of_a_hundred_megabytes_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_BYTES", 4)
    answer = send(api)
    assert (answer.status_code, answer.json()["title"]) == (413, "Content too large")
    assert not Upload.objects.exists()


def test_no_file_is_taken_while_the_disk_is_full(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "has_free_disk", lambda size=0: False)
    answer = send(api)
    assert answer.status_code == 503 and "Retry-After" in answer
    assert not Upload.objects.exists() and not StoredFile.objects.exists()


def test_it_is_seen_by_its_account_alone(api: Api, stranger: Api) -> None:
    public_id = send(api).json()["id"]
    assert stranger.get(f"/files/{public_id}").status_code == 404
    assert delete(stranger, public_id).status_code == 404
    assert stranger.get("/files").json()["results"] == []


def test_delete_answers_204_and_removes_the_bytes(api: Api) -> None:
    public_id = send(api).json()["id"]
    key = StoredFile.objects.get().key
    answer = delete(api, public_id)
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get(f"/files/{public_id}").status_code == 404 and delete(api, public_id).status_code == 404
    removal.remove_unowned()
    assert not media.storage().exists(key) and not StoredFile.objects.exists()


def test_a_download_needs_a_signature_whose_time_is_not_over(api: Api, alice: User) -> None:
    public_id = send(api).json()["id"]
    account = factories.account_of(alice)

    def get(expiry: int, signature: str) -> Any:
        query = {"owner": account.name, "expiry": expiry, "signature": signature}
        return Client().get(f"/v1/files/{public_id}/download", query)

    good = get(4102444800, uploads.signature(account, public_id, 4102444800))
    assert good.status_code == 200 and b"".join(good.streaming_content) == b"hello"
    assert good["Content-Disposition"].startswith("attachment")
    assert get(4102444800, "forged").status_code == 404
    assert get(1, uploads.signature(account, public_id, 1)).status_code == 404


def test_a_download_address_stays_good_while_the_secret_key_is_changed(
    api: Api, alice: User, change_secret_key: Callable[[], None], settings: Any
) -> None:
    send(api)
    path = uploads.signed_path(Upload.objects.get(), timezone.now() + timedelta(hours=1))
    change_secret_key()
    assert Client().get(path).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert Client().get(path).status_code == 404


@pytest.fixture
def looker(version: Version) -> Version:
    schema = {
        "type": "object",
        "required": ["image"],
        "properties": {"image": {"type": "string", "format": "uri"}},
    }
    return factories.make_version(input_schema=schema)


def test_an_own_file_in_an_input_means_its_bytes(api: Api, looker: Version, provider: FakeProvider) -> None:
    url = send(api, b"bytes", "a.png", "image/png").json()["urls"]["get"]
    created = api.create(looker.pk, {"image": url})
    assert created.status_code == 201 and created.json()["input"] == {"image": url}
    tasks.start()
    assert provider.orders[0].input["image"] == "data:image/png;base64,Ynl0ZXM="


def test_a_file_of_somebody_else_or_none_is_refused_at_create(
    api: Api, bob: User, looker: Version, provider: FakeProvider
) -> None:
    url = send(api).json()["urls"]["get"]
    other = Api(factories.make_token(bob))
    answer = other.create(looker.pk, {"image": url})
    assert (answer.status_code, answer.json()["invalid_fields"][0]["field"]) == (422, "input.image")
    delete(api, url.rsplit("/", 1)[1])
    assert api.create(looker.pk, {"image": url}).status_code == 422


def test_a_deleted_file_stays_while_a_prediction_waits_for_it(
    api: Api, looker: Version, provider: FakeProvider
) -> None:
    url = send(api, b"bytes", "a.png", "image/png").json()["urls"]["get"]
    created = api.create(looker.pk, {"image": url}).json()
    delete(api, url.rsplit("/", 1)[1])
    tasks.start()
    assert provider.orders[0].input["image"].endswith("Ynl0ZXM=")
    lifecycle.cancel(created["id"])
    assert uploads.remove_unneeded() == 1 and not Upload.objects.exists()


def test_a_file_goes_after_a_day(api: Api) -> None:
    send(api)
    assert uploads.remove_unneeded() == 0
    Upload.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert api.get("/files").json()["results"] == []
    assert uploads.remove_unneeded() == 1
