"""The twenty-nine rules that real clients break on, in their order: one test for each."""

from __future__ import annotations

import base64
import json
import logging
import re
from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from replicate.exceptions import ModelError, ReplicateError
from replicate.prediction import Prediction as Theirs
from replicate.stream import ServerSentEvent

from accounts.models import LedgerEntry, User
from predictions import tasks
from predictions.api_dialects.replicate import views
from predictions.api_dialects.replicate.absolute_urls import AbsoluteUrls
from predictions.api_dialects.replicate.serializers import prediction_json
from predictions.models import Prediction, Status, Upload, Version
from predictions.providers import base
from tests import factories, fakes
from tests.api.test_cors import APP, opened, preflight
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api
from tests.predictions.api_dialects.replicate.official_client import official, whole

pytestmark = pytest.mark.django_db(transaction=True)
HERE = AbsoluteUrls("http://testserver", "/v1")
TEXT = {"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator", "title": "Output"}


@pytest.fixture
def ended(alice: User, version: Version, provider: FakeProvider, api: Api) -> dict[str, Any]:
    """A prediction of Alice that succeeded, as the API shows it."""
    created = api.create(version.pk, {"prompt": "a cat"}).json()
    fakes.work_off()
    shown: dict[str, Any] = api.get(created["urls"]["get"]).json()
    assert shown["status"] == "succeeded"
    return shown


@pytest.fixture
def writer(db: None) -> Version:
    """A model that streams words."""
    return factories.make_version(output_schema=TEXT)


def events(text: bytes) -> list[dict[str, str]]:
    found = []
    for block in text.decode().split("\n\n"):
        lines = [line.partition(": ") for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            data = "\n".join(value for name, _, value in lines if name == "data")
            found.append({**{name: value for name, _, value in lines}, "data": data})
    return found


def stream_of(prediction: Prediction, **headers: str) -> Any:
    return Client().get(
        HERE.prediction(prediction)["stream"].removeprefix("http://testserver"), headers=headers
    )


def written(user: User, version: Version, output: list[str], **fields: Any) -> Prediction:
    return factories.make_prediction(user, version, status=Status.SUCCEEDED, output=output, **fields)


def test_rule_01_a_hold_that_runs_out_says_starting_even_while_it_runs(
    api: Api, version: Version, provider: FakeProvider
) -> None:
    created = api.create(version.pk, {"prompt": "a cat"}, Prefer="wait=1").json()
    tasks.start()
    running = Prediction.objects.get(public_id=created["id"])
    assert running.status == Status.PROCESSING
    late = prediction_json(running, HERE, as_starting=True)
    assert (late["status"], late["output"], late["started_at"]) == ("starting", None, None)
    assert api.get(created["urls"]["get"]).json()["status"] == "processing"


def test_rule_02_aborted_is_never_said(api: Api, alice: User, version: Version) -> None:
    row = factories.make_prediction(alice, version, status=Status.ABORTED)
    (listed,) = official(api).predictions.list()
    assert listed.status == "canceled"
    assert api.get(f"/predictions/{row.public_id}").json()["status"] == "canceled"


@pytest.mark.parametrize("header", ["", "Bearer {token}", "Bearer dr_" + "x" * 40])
def test_rule_03_outputs_open_without_a_token_and_with_any(
    api: Api, ended: dict[str, Any], header: str
) -> None:
    headers = {"Authorization": header.format(token=api.token)} if header else {}
    answer = Client().get(ended["output"][0].removeprefix("http://testserver"), headers=headers)
    assert (answer.status_code, whole(answer)) == (200, factories.picture())


def test_rule_04_outputs_answer_200_at_once(ended: dict[str, Any]) -> None:
    assert Client().get(ended["output"][0].removeprefix("http://testserver")).status_code == 200


def test_rule_05_behind_tls_outputs_are_https(api: Api, ended: dict[str, Any], settings: Any) -> None:
    assert ended["output"][0].startswith("http://testserver/")
    settings.PUBLIC_URL = "https://pictures.example"
    shown = api.get(f"/predictions/{ended['id']}").json()
    addresses = [*shown["output"], *shown["urls"].values()]
    assert all(one.startswith("https://pictures.example/") for one in addresses)


def test_rule_06_words_stay_words(api: Api, alice: User, writer: Version) -> None:
    row = written(alice, writer, ["a", "/f/token/out-0.png"])
    assert api.get(f"/predictions/{row.public_id}").json()["output"] == ["a", "/f/token/out-0.png"]


def test_rule_07_every_url_is_a_string(api: Api, alice: User, writer: Version, version: Version) -> None:
    for model in (writer, version):
        shown = api.get(f"/predictions/{factories.make_prediction(alice, model).public_id}").json()
        assert all(isinstance(url, str) for url in shown["urls"].values())


@pytest.mark.parametrize("status", list(Status))
def test_rule_08_every_object_has_what_the_official_models_demand(
    api: Api, alice: User, version: Version, status: Status
) -> None:
    factories.make_prediction(alice, version, status=status)
    theirs = official(api)
    (listed,) = theirs.predictions.list()
    assert (
        isinstance(listed.version, str) and isinstance(listed.model, str) and isinstance(listed.input, dict)
    )
    (model,) = theirs.models.list()
    assert isinstance(model.run_count, int) and model.latest_version is not None
    assert model.latest_version.cog_version >= "0.3.9" and "components" in model.latest_version.openapi_schema


@pytest.mark.parametrize("mount", ["/v1", "/replicate/v1"])
def test_rule_09_addresses_of_pages_are_absolute_and_keep_the_mount(
    alice: User, version: Version, mount: str
) -> None:
    api = Api(factories.make_token(alice), mount)
    for _ in range(3):
        factories.make_prediction(alice, version)
    second = api.get(api.get("/predictions?limit=1").json()["next"]).json()
    for way in ("next", "previous"):
        assert second[way].startswith(f"http://testserver{mount}/predictions?")


def test_rule_10_what_is_permanent_is_neither_409_nor_5xx_and_stops_repeats(
    stranger: Api, version: Version, provider: FakeProvider
) -> None:
    answer = stranger.create(version.pk, {"prompt": "a cat"})
    assert (answer.status_code, answer["x-should-retry"]) == (402, "false")


def test_rule_11_prediction_and_hold_are_committed_before_the_queue_and_the_answer(
    api: Api, alice: User, version: Version, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []
    told = views._created

    def answering(prediction: Prediction, *args: Any, **kwargs: Any) -> Any:
        held = LedgerEntry.objects.filter(reference=prediction.public_id, kind="hold").exists()
        seen.append((held, transaction.get_connection().in_atomic_block))
        return told(prediction, *args, **kwargs)

    monkeypatch.setattr(views, "_created", answering)
    created = api.create(version.pk, {"prompt": "a cat"}).json()
    assert seen == [(True, False)]
    assert [row["id"] for row in api.get("/predictions").json()["results"]] == [created["id"]]


def test_rule_12_retry_after_is_ten_seconds_at_most(
    api: Api, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.RATE_LIMITS = {"create": 1, "poll": 1, "other": 1}
    for _ in range(2):
        answers = [api.create(version.pk, {"prompt": "a cat"}), api.get("/account")]
    assert [answer.status_code for answer in answers] == [429, 429]
    assert all(1 <= int(answer["Retry-After"]) <= 10 for answer in answers)


def test_rule_13_a_failed_run_is_no_error_of_http(api: Api, version: Version, provider: FakeProvider) -> None:
    provider.updates = [base.Update("failed", error="no luck")]
    created = api.create(version.pk, {"prompt": "a cat"})
    fakes.work_off()
    answer = api.get(created.json()["urls"]["get"])
    assert (created.status_code, answer.status_code) == (201, 200)
    assert (answer.json()["status"], answer.json()["error"]) == ("failed", "no luck")
    with pytest.raises(ModelError, match="no luck"):
        raise ModelError(Theirs(**answer.json()))


def test_rule_14_query_is_a_method(api: Api, ten_models: object) -> None:
    answer = Client(enforce_csrf_checks=True).generic(
        "QUERY", "/v1/models", b'"flux"', "text/plain", headers={"Authorization": f"Bearer {api.token}"}
    )
    assert answer.status_code == 200 and len(answer.json()["results"]) == 2
    assert len(official(api).models.search("flux").results) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": SimpleUploadedFile("blob", b'{"a": "1"}', "application/json")},
        {"metadata": '{"a": "1"}'},
        {"metadata[a]": "1"},
    ],
)
def test_rule_15_metadata_comes_as_a_part_a_field_or_in_brackets(api: Api, fields: dict[str, Any]) -> None:
    data = {"content": SimpleUploadedFile("a.txt", b"hello", "text/plain"), **fields}
    answer = api.client.post("/v1/files", data, headers={"Authorization": f"Bearer {api.token}"})
    assert answer.json()["metadata"] == {"a": "1"}


def test_rule_16_the_official_client_reads_our_files(api: Api) -> None:
    made = official(api).files.create(SimpleUploadedFile("a.txt", b"hello").file, filename="a.txt")
    assert (made.name, made.size, made.metadata, len(made.etag)) == ("a.txt", 5, {}, 32)
    assert set(made.checksums) == {"sha256", "md5"}


def test_rule_17_a_files_address_in_an_input_means_its_bytes(
    api: Api, alice: User, provider: FakeProvider
) -> None:
    schema = {"type": "object", "properties": {"image": {"type": "string", "format": "uri", "x-order": 0}}}
    reader = factories.make_version(input_schema=schema)
    upload = factories.make_upload(alice, b"the very bytes")
    address = api.get(f"/files/{upload.public_id}").json()["urls"]["get"]
    assert api.create(reader.pk, {"image": address}).status_code == 201
    tasks.start()
    (order,) = provider.orders
    assert base64.b64decode(order.input["image"].split(",")[1]) == b"the very bytes"


def test_rule_18_delete_answers_204_and_nothing_else(api: Api, alice: User) -> None:
    upload = factories.make_upload(alice)
    answer = api.client.delete(
        f"/v1/files/{upload.public_id}", headers={"Authorization": f"Bearer {api.token}"}
    )
    assert (answer.status_code, answer.content) == (204, b"")
    another = factories.make_upload(alice)
    assert official(api).files.delete(another.public_id) is True
    assert not Upload.objects.visible().exists()


def test_rule_19_every_event_has_an_id_a_known_name_and_data(alice: User, writer: Version) -> None:
    answer = stream_of(written(alice, writer, ["Once", " upon"], logs="Using seed: 1\n"))
    assert answer["Content-Type"] == "text/event-stream"
    told = events(whole(answer))
    assert [one["event"] for one in told] == ["logs", "output", "output", "done"]
    assert all(one["id"] and one["data"] for one in told) and told[-1]["data"] == "{}"
    assert all(ServerSentEvent(**one) for one in told)
    assert [one["data"] for one in told if one["event"] == "output"] == ["Once", " upon"]


@pytest.mark.parametrize(
    "break_", ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "\x1d", "\x1e", "\r\n", "\r", "\n"]
)
def test_rule_20_whatever_a_client_splits_lines_at_is_sent_as_a_line(
    alice: User, writer: Version, break_: str
) -> None:
    text = whole(stream_of(written(alice, writer, [f"one{break_}two"]))).decode()
    assert "data: one\ndata: two\n" in text
    # Their decoder splits at all of these: each line it gets must be one of ours.
    assert all(re.match(r"(event|id|data): |$", line) for line in text.splitlines())


def test_rule_21_the_stream_is_there_from_the_beginning(
    api: Api, version: Version, provider: FakeProvider
) -> None:
    created = api.create(version.pk, {"prompt": "a cat"}).json()
    path = created["urls"]["stream"].removeprefix("http://testserver")
    assert path.startswith("/v1/files/stream-") and Client().get(path).status_code == 200


def test_rule_22_the_webhook_secret_is_plain_base64(api: Api) -> None:
    key = api.get("/webhooks/default/secret").json()["key"]
    assert len(key.split("_")) == 2 and "-" not in key
    assert 24 <= len(base64.b64decode(key.removeprefix("whsec_"), validate=True)) <= 64
    assert official(api).webhooks.default.secret().key == key


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("PUT", "/predictions", 405), ("POST", "/predictions", 400), ("GET", "", 404)],
)
def test_rule_23_errors_are_objects_of_json(api: Api, method: str, path: str, status: int) -> None:
    answer = api.client.generic(
        method,
        f"/v1{path}",
        b"{",
        headers={"Authorization": f"Bearer {api.token}"},
        content_type="application/json",
    )
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert isinstance(answer.json(), dict) and {"title", "detail", "status"} <= set(answer.json())
    with pytest.raises(ReplicateError) as raised:
        official(api).predictions.get("nothing")
    assert (raised.value.status, raised.value.title) == (404, "Not found")


@pytest.mark.parametrize(
    "header", ["Token {}", "token {}", "bearer {}", "BEARER {}", "  Bearer   {}  ", "Bearer\t{}"]
)
def test_rule_24_the_scheme_may_be_token_and_in_any_case(api: Api, header: str) -> None:
    answer = Client().get("/v1/account", headers={"Authorization": header.format(api.token)})
    assert answer.status_code == 200


def test_rule_25_whatever_create_takes_is_readable_as_a_version(
    api: Api, ten_models: object, provider: FakeProvider
) -> None:
    for model in api.get("/models").json()["results"]:
        ref = f"{model['owner']}/{model['name']}"
        version = model["latest_version"]["id"]
        assert api.get(f"/models/{ref}/versions/{version}").json()["id"] == version
        assert official(api).models.get(ref).versions.get(version).id == version


def test_rule_26_a_poll_right_after_create_finds_it(
    api: Api, version: Version, provider: FakeProvider
) -> None:
    created = api.create(version.pk, {"prompt": "a cat"}).json()
    assert api.get(created["urls"]["get"]).json() == {
        **created,
        "darkroom": api.get(created["urls"]["get"]).json()["darkroom"],
    }


def test_rule_27_rejected_input_is_neither_logged_nor_stored_nor_echoed(
    api: Api,
    version: Version,
    provider: FakeProvider,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    secret = "sk-a-secret-of-the-caller"
    bodies = [
        {"version": version.pk, "input": {"auth": secret, "prompt": 7}},
        {"version": version.pk, "input": {"prompt": [secret], secret: 1, "width": secret}},
        {"version": version.pk, "input": secret, "webhook": secret, "webhook_events_filter": [secret]},
        {"version": secret, "input": {"auth": api.token}},
        {"version": version.pk, "input": {"prompt": "a cat", api.token: "\x00"}},
        {"version": version.pk, "input": {"auth": api.token}, api.token: 1},
        [secret],
    ]
    with caplog.at_level(logging.DEBUG):
        answers = [api.post("/predictions", body) for body in bodies]
        answers.append(api.post("/predictions", raw=f'{{"input": "{secret}", "version": NaN}}'.encode()))
        bodies = [
            {"prompt": [secret]},
            {"prompt": secret, api.token: 1},
            {"prompt": secret, "model": api.token},
        ]
        for body in bodies:
            answers.append(Api(api.token, "/openai/v1").post("/images/generations", body))
    assert {answer.status_code for answer in answers} <= {400, 404, 422}
    told = "".join(answer.content.decode() for answer in answers) + caplog.text + "".join(capfd.readouterr())
    assert secret not in told and api.token not in told
    assert not Prediction.objects.exists()


def test_rule_27_the_callers_token_is_blotted_out_of_an_input_that_is_accepted(
    api: Api, version: Version, provider: FakeProvider
) -> None:
    given = {"prompt": "a cat", "auth": api.token, "deep": [{"x": api.token}, api.token, {api.token: 1}]}
    shown = api.create(version.pk, given).json()
    assert shown["input"] == {
        "prompt": "a cat",
        "auth": "[redacted]",
        "deep": [{"x": "[redacted]"}, "[redacted]", {"[redacted]": 1}],
    }
    assert api.token not in json.dumps(Prediction.objects.get().input)


def test_rule_28_numbers_are_numbers_and_times_have_a_zone(ended: dict[str, Any]) -> None:
    assert all(isinstance(ended["metrics"][name], int | float) for name in ("predict_time", "total_time"))
    for name in ("created_at", "started_at", "completed_at"):
        assert ended[name].endswith("Z") and datetime.fromisoformat(ended[name]).tzinfo is not None


def test_rule_29_frontends_may_call_where_the_operator_lists_their_origin(
    api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = opened(settings, monkeypatch, APP)
    for mount in ("/v1", "/replicate/v1", "/openai/v1"):
        asked = preflight(client, f"{mount}/models")
        assert asked.status_code in {200, 204} and asked["Access-Control-Allow-Origin"] == APP
        token = {"Authorization": f"Bearer {api.token}", "Origin": APP}
        answer = client.get(f"{mount}/models", headers=token)
        shown = {name.strip().lower() for name in answer["Access-Control-Expose-Headers"].split(",")}
        assert {"ratelimit-remaining", "ratelimit-reset", "retry-after", "location"} <= shown
        assert "Access-Control-Allow-Origin" not in client.get(
            f"{mount}/models", headers={**token, "Origin": "https://other.example"}
        )
