"""Bad input: each gets its status and body, and nothing is held, stored or queued."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator

import pytest
from django_q.models import OrmQ

from accounts.models import Account, ApiToken, LedgerEntry, User
from accounts.tokens import api_tokens
from predictions.models import Prediction, StoredFile, Version
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api

pytestmark = pytest.mark.django_db

FLUX = "lucataco/flux-dev-lora"
SD = "stability-ai/stable-diffusion:ac732df83cea7fff18b8472768c88ad041fa750ff7682a21affe81863cbe77e4"


@pytest.fixture(autouse=True)
def nothing_changes(ten_models: object, provider: FakeProvider, alice: User, charlie: User) -> Iterator[None]:
    before = _everything()
    yield
    assert _everything() == before


def _everything() -> tuple[object, ...]:
    return (
        list(Account.objects.order_by("pk").values_list("pk", "balance", "held")),
        LedgerEntry.objects.count(),
        Prediction.objects.count(),
        StoredFile.objects.count(),
        OrmQ.objects.count(),
    )


def problem(answer: object, status: int, title: str) -> dict[str, object]:
    assert answer.status_code == status, answer.content  # type: ignore[attr-defined]
    assert answer["Content-Type"] == "application/problem+json"  # type: ignore[index]
    body: dict[str, object] = answer.json()  # type: ignore[attr-defined]
    assert (body["status"], body["title"]) == (status, title)
    return body


@pytest.mark.parametrize(
    "version", ["x/y", "0" * 64, "stability-ai/sdxl:" + "0" * 64, "", "a" * 10_000, "../x"]
)
def test_an_unknown_version(api: Api, version: str) -> None:
    problem(api.create(version, {"prompt": "a"}), 422, "Invalid version or not permitted")


def test_a_version_of_another_model(api: Api) -> None:
    other = SD.replace("stable-diffusion", "sdxl")
    problem(api.create(other, {"prompt": "a"}), 422, "Invalid version or not permitted")


def test_a_missing_prompt(api: Api) -> None:
    body = problem(api.create(FLUX, {}), 422, "Input validation failed")
    assert body["detail"] == "- input: prompt is required\n"
    assert body["invalid_fields"] == [
        {"type": "required", "field": "input", "description": "prompt is required"}
    ]


def test_several_faults_come_together_in_the_schemas_order(api: Api) -> None:
    given = {
        "width": 500,
        "num_outputs": 5,
        "guidance_scale": 0.5,
        "scheduler": "MAGIC",
        "seed": "7",
        "prompt": 3,
    }
    body = problem(api.create(SD, given), 422, "Input validation failed")
    faults = body["invalid_fields"]
    assert [(fault["type"], fault["field"]) for fault in faults] == [  # type: ignore[union-attr]
        ("invalid_type", "input.prompt"),
        ("enum", "input.width"),
        ("number_lte", "input.num_outputs"),
        ("number_gte", "input.guidance_scale"),
        ("enum", "input.scheduler"),
        ("invalid_type", "input.seed"),
    ]
    assert "- input.num_outputs: Must be less than or equal to 4\n" in str(body["detail"])
    assert "- input.seed: Invalid type. Expected: integer, given: string\n" in str(body["detail"])


@pytest.mark.parametrize("value", [True, 1.5, "1", [1], {"a": 1}])
def test_a_wrong_type_for_an_integer(api: Api, value: object) -> None:
    body = problem(api.create(SD, {"seed": value}), 422, "Input validation failed")
    assert [fault["type"] for fault in body["invalid_fields"]] == ["invalid_type"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text", ["", "ftp://a/b", "file:///etc/passwd", "not a uri", "http://", "data:nonsense"]
)
def test_an_address_that_is_none(api: Api, text: str) -> None:
    body = problem(api.create("cjwbw/rembg", {"image": text}), 422, "Input validation failed")
    assert body["detail"] == "- input.image: Does not match format 'uri'\n"


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_characters_that_no_database_keeps(api: Api, text: str) -> None:
    for given in ({"prompt": text}, {"prompt": "a", "deep": {"x": [text]}}):
        body = problem(api.create(SD, given), 422, "Input validation failed")
        assert body["invalid_fields"][0]["type"] == "format"  # type: ignore[index]
    problem(api.create("a" + text, {}), 422, "Input validation failed")


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[1, 2", b"\xff\xfe", b'{"version": NaN}', b'{"a": 1e999}', b"[" * 100_000 + b"]" * 100_000,
        b'{"version": "x", "input": {"a": ' + b"[" * 80 + b"]" * 80 + b"}}", b'{"a": ' + b"9" * 5000 + b"}",
        b'{"version": "x", "input": {"a": [' + b"1, " * 100_000 + b"1]}}", b'\xef\xbb\xbf{"version": "x", "input": {}}',
        '{"version": "x", "input": {}}'.encode("utf-16"), gzip.compress(b'{"version": "x", "input": {}}', mtime=0),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read(api: Api, raw: bytes) -> None:
    problem(api.post("/predictions", raw=raw), 400, "Bad request")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ([], "Invalid type. Expected: object, given: array"),
        ({}, "version is required"),
        ({"version": SD}, "input is required"),
        ({"version": 7, "input": []}, "Invalid type. Expected: object, given: array"),
        ({"version": SD, "input": {}, "extra": 1}, "Additional property extra is not allowed"),
        ({"version": SD, "input": {}, "webhook_events_filter": ["never"]}, "must be one of the following"),
        ({"version": SD, "input": {}, "webhook": "http://127.0.0.1/hook"}, "webhook: Does not match format"),
        ({"version": SD, "input": {}, "stream": "yes"}, "Expected: boolean"),
    ],
)
def test_a_body_of_another_shape(api: Api, body: object, text: str) -> None:
    answer = api.post("/predictions", raw=json.dumps(body).encode())
    assert text in str(problem(answer, 422, "Input validation failed")["detail"])


def test_a_body_of_twenty_mebibytes(api: Api) -> None:
    problem(api.post("/predictions", raw=b"a" * (20 * 1024 * 1024)), 413, "Content too large")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer dr_" + "x" * 40, "dr_abc"])
def test_no_token_or_a_forged_one(api: Api, header: str) -> None:
    answer = api.client.post(
        "/v1/predictions", b"{", content_type="application/json", headers={"Authorization": header}
    )
    problem(answer, 401, "Unauthenticated")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_revoked_token(api: Api) -> None:
    api_tokens.revoke(ApiToken.objects.get(digest=api_tokens.digest(api.token)))
    problem(api.get("/predictions"), 401, "Unauthenticated")


def test_a_suspended_account(api: Api, alice: User) -> None:
    Account.objects.filter(pk=alice.account_id).update(status="suspended")
    problem(api.create(SD, {"prompt": "a"}), 403, "Forbidden")


def test_an_empty_account(stranger: Api) -> None:
    answer = stranger.create(SD, {"prompt": "a"})
    body = problem(answer, 402, "Insufficient credit")
    assert str(body["detail"]).startswith("You have insufficient credit to run this model.")
    assert answer["x-should-retry"] == "false"


def test_bad_input_is_told_before_missing_credit(stranger: Api) -> None:
    problem(stranger.create(SD, {"width": 1}), 422, "Input validation failed")


def test_a_model_that_nobody_serves(api: Api, provider: FakeProvider) -> None:
    provider.models = set()
    problem(api.create(SD, {"prompt": "a"}), 422, "Model not available")


def test_a_model_without_a_price(api: Api, provider: FakeProvider) -> None:
    version = factories.make_version()
    version.model.prices.all().delete()
    problem(api.create(version.pk, {"prompt": "a"}), 422, "Model not available")


def test_a_full_disk_is_told_before_anything_is_held(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("predictions.files.media.has_free_disk", lambda size=0: False)
    answer = api.create(SD, {"prompt": "a"})
    problem(answer, 503, "Service unavailable")
    assert int(answer["Retry-After"]) <= 10


@pytest.mark.parametrize("path", ["/nowhere", "/predictions/", "/predictions/x/y/z", "", "/models/a"])
def test_an_unknown_path_is_a_problem_and_never_a_page(api: Api, path: str) -> None:
    problem(api.get(path), 404, "Not found")


def test_another_method_names_those_that_work(api: Api) -> None:
    answer = api.client.delete("/v1/predictions", headers={"Authorization": f"Bearer {api.token}"})
    problem(answer, 405, "Method not allowed")
    assert answer["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    "query",
    [
        "cursor=zzz",
        "cursor=%00",
        "cursor=",
        "created_after=yesterday",
        "created_before=",
        "source=api",
        "limit=0",
        "limit=1000",
        "limit=x",
    ],
)
def test_a_bad_filter(api: Api, query: str) -> None:
    problem(api.get(f"/predictions?{query}"), 400, "Bad request")


def test_something_broken_inside_says_nothing_of_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("predictions.submit.acceptance.accept", broken)
    body = problem(api.create(SD, {"prompt": "a"}), 500, "Internal server error")
    assert "secret detail" not in str(body) and "Nothing was charged" in str(body["detail"])


def test_the_door_is_not_opened_by_a_session(api: Api, alice: User, client_of: object) -> None:
    answer = client_of(alice).get("/v1/predictions")  # type: ignore[operator]
    problem(answer, 401, "Unauthenticated")


def test_versions_stay_usable(api: Api, version: Version) -> None:
    assert api.get(f"/models/{version.model.ref}/versions/{version.pk}").status_code == 200


@pytest.mark.parametrize(
    "cursor",
    [
        {"t": "2026-01-01T00:00:00+00:00", "k": "abc", "d": "n"},
        {"t": "0001-01-01T00:00:00+14:00", "k": 1, "d": "n"},
        {"t": "9999-12-31T23:59:59-14:00", "k": 1, "d": "p"},
        {"t": "2026-01-01T00:00:00", "k": 1, "d": "n"},
        {"t": "2026-01-01T00:00:00+00:00", "k": 2**63, "d": "n"},
        {"t": "2026-01-01T00:00:00+00:00", "k": True, "d": "n"},
        {"t": "2026-01-01T00:00:00+00:00", "k": 1, "d": ["n"]},
        {"t": "2026-01-01T00:00:00+00:00", "k": None, "d": "n"},
        [],
        7,
    ],
)
def test_a_cursor_made_by_hand(api: Api, version: Version, cursor: object) -> None:
    text = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
    for path in ("/predictions", "/models", "/files", f"/models/{version.model.ref}/examples", "/trainings"):
        problem(api.get(f"{path}?cursor={text}"), 400, "Bad request")


@pytest.mark.parametrize("key", ["\ud800", "a\x00", 7])
def test_a_cursor_made_by_hand_for_rows_whose_keys_are_text(api: Api, version: Version, key: object) -> None:
    cursor = {"t": "2026-01-01T00:00:00+00:00", "k": key, "d": "n"}
    text = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
    problem(api.get(f"/models/{version.model.ref}/versions?cursor={text}"), 400, "Bad request")


@pytest.mark.parametrize("query", ["query=", "query=" + "a" * 501, "query=a&limit=", "query=a&limit=-1"])
def test_a_search_for_nothing_or_for_too_much(api: Api, query: str) -> None:
    problem(api.get(f"/search?{query}"), 400, "Bad request")


def test_of_ten_thousand_unknown_names_fifty_are_told(api: Api, version: Version) -> None:
    body = {"version": version.pk, "input": {"prompt": "a"}, **{f"x{number}": 1 for number in range(10_000)}}
    answer = api.post("/predictions", body)
    assert answer.status_code == 422
    assert len(answer.json()["invalid_fields"]) == 50
