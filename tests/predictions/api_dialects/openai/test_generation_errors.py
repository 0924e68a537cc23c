"""Refusals in OpenAI's format: status, type, code and field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import MICRO, Account, User
from accounts.tokens import api_tokens
from config.server.asgi_handler import LeanHandler
from predictions import policy
from predictions.models import HostedModel, Prediction, Version
from predictions.submit.validation import Fault
from tests import factories, fakes
from tests.config.server.conftest import call
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.openai.conftest import OpenAI
from tests.runner.sampling import one_in

pytestmark = pytest.mark.django_db
PATH = "/images/generations"


def refused(answer: Any, status: int, **expected: Any) -> dict[str, Any]:
    """The error of an answer, which must have this form; nothing was stored."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error"} and set(body["error"]) == {"message", "type", "param", "code"}
    error: dict[str, Any] = body["error"]
    assert error["message"]
    assert {name: error[name] for name in expected} == expected
    assert not Prediction.objects.exists()
    return error


@pytest.mark.parametrize(
    ("fields", "param"),
    one_in(
        3,
        [
            ({"prompt": None}, "prompt"),
            ({"prompt": ""}, "prompt"),
            ({"prompt": " \n"}, "prompt"),
            ({"prompt": 7}, "prompt"),
            ({"prompt": "a" * 32_001}, "prompt"),
            ({"prompt": "a\x00b"}, "prompt"),
            ({"prompt": "\ud800"}, "prompt"),
            ({"n": 0}, "n"),
            ({"n": 11}, "n"),
            ({"n": "2"}, "n"),
            ({"n": True}, "n"),
            ({"n": 1.5}, "n"),
            ({"size": "large"}, "size"),
            ({"size": 512}, "size"),
            ({"response_format": "png"}, "response_format"),
            ({"output_format": "gif"}, "output_format"),
            ({"output_compression": 101}, "output_compression"),
            ({"quality": ["hd"]}, "quality"),
            ({"user": "u" * 257}, "user"),
            ({"stream": "yes"}, "stream"),
            ({"stream": True, "partial_images": 4}, "partial_images"),
            ({"partial_images": 2}, "partial_images"),
            ({"stream": True, "response_format": "url"}, "response_format"),
            ({"model": {}}, "model"),
            ({"seed": 7}, "seed"),
            ({"\ud800": 1}, "?"),
        ],
    ),
)
def test_a_field_that_cannot_be_used_is_named(
    openai: OpenAI, painter: Version, provider: FakeProvider, fields: dict[str, Any], param: str
) -> None:
    answer = openai.post(PATH, {"model": painter.model.ref, "prompt": "a red car", **fields})
    refused(answer, 400, type="invalid_request_error", param=param, code=None)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"frame_count": 3}, "frame_count"),
        ({"svg": {}}, "svg"),
    ],
)
def test_what_is_not_supported_is_said_so(
    openai: OpenAI, painter: Version, provider: FakeProvider, fields: dict[str, Any], param: str
) -> None:
    refused(openai.generate(painter, **fields), 400, param=param, code="unsupported_parameter")


@pytest.mark.parametrize(
    "raw",
    one_in(3, [b"{", b"\xff\xfe{", b"[" * 100_000, b'{"prompt": NaN}', b'"prompt"', b"[]", b"", b"null"]),
)
def test_a_body_that_is_no_object_is_refused(openai: OpenAI, provider: FakeProvider, raw: bytes) -> None:
    refused(openai.post(PATH, raw=raw), 400, type="invalid_request_error", param=None)


def test_a_body_of_twenty_megabytes_is_too_large(openai: OpenAI, provider: FakeProvider) -> None:
    raw = b'{"prompt": "' + b"a" * 20 * 1024 * 1024 + b'"}'
    refused(openai.post(PATH, raw=raw), 413, type="invalid_request_error")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer dr_" + "x" * 40, "Token {token}", "{token}"])
def test_without_a_good_key_nothing_opens(openai: OpenAI, painter: Version, header: str) -> None:
    answer = Client().post(
        "/openai/v1" + PATH,
        "{}",
        content_type="application/json",
        headers={"Authorization": header.format(token=openai.token)},
    )
    refused(answer, 401, type="invalid_request_error", code="invalid_api_key")
    assert answer["WWW-Authenticate"] == "Bearer"
    assert openai.token not in answer.content.decode()


def test_a_suspended_account_is_told_so(openai: OpenAI, alice: User, painter: Version) -> None:
    Account.objects.filter(pk=alice.account_id).update(status=Account.Status.SUSPENDED)
    refused(openai.generate(painter), 403, type="invalid_request_error", code="account_suspended")


def test_without_credit_the_client_is_told_not_to_ask_again(
    charlie: User, painter: Version, provider: FakeProvider
) -> None:
    answer = OpenAI(factories.make_token(charlie)).generate(painter)
    refused(answer, 429, type="insufficient_quota", code="insufficient_quota")
    assert answer["x-should-retry"] == "false"


@pytest.mark.parametrize("name", ["nobody/nothing", "gpt-5", "a" * 64, "acme/painter:" + "0" * 64, "../etc"])
def test_an_unknown_model_is_not_found(
    openai: OpenAI, painter: Version, provider: FakeProvider, name: str
) -> None:
    answer = openai.post(PATH, {"prompt": "a cat", "model": name})
    refused(answer, 404, type="invalid_request_error", param="model", code="model_not_found")


def test_a_model_that_nobody_serves_is_not_found_either(
    openai: OpenAI, alice: User, painter: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.use(monkeypatch, FakeProvider(models=set()))
    refused(openai.generate(painter), 404, param="model", code="model_not_found")
    assert factories.account_of(alice).balance == 100 * MICRO


def test_words_that_a_rule_refuses_are_blocked(
    openai: OpenAI, painter: Version, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault("not_allowed", "input.prompt", "These words are not allowed here")
    monkeypatch.setattr(policy, "limit_faults", lambda *_all, **_more: [fault])
    error = refused(openai.generate(painter), 400, type="image_generation_user_error", param="prompt")
    assert error["code"] == "moderation_blocked" and "These words are not allowed here" in error["message"]


def test_a_fault_of_the_models_own_input_is_named_after_openais_field(
    openai: OpenAI, provider: FakeProvider
) -> None:
    schema = {"type": "object", "properties": {"prompt": {"type": "string", "maxLength": 5}}}
    short = factories.make_version(input_schema=schema)
    error = refused(openai.generate(short), 400, type="invalid_request_error", param="prompt")
    assert "less than or equal to 5" in error["message"]
    odd = {
        "type": "object",
        "properties": {"prompt": {"type": "string"}, "width": {"enum": ["s"]}, "height": {}},
    }
    version = factories.make_version(input_schema={**odd, "required": ["prompt", "image"]})
    refused(openai.generate(version), 400, param="image")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"output_format": "webp"}, "output_format"),
        ({"output_compression": 50}, "output_compression"),
        ({"size": "512x512"}, "size"),
    ],
)
def test_what_the_model_cannot_do_is_refused_and_what_it_does_anyway_is_not(
    openai: OpenAI, provider: FakeProvider, fields: dict[str, Any], param: str
) -> None:
    plain = factories.make_version(
        input_schema={"type": "object", "properties": {"prompt": {"type": "string"}}}
    )
    refused(openai.generate(plain, **fields), 400, type="invalid_request_error", param=param)
    openai.generate(plain, output_format="png", output_compression=100, size="auto")
    assert Prediction.objects.count() == 1


def test_a_model_that_makes_no_pictures_from_words_is_refused(openai: OpenAI, provider: FakeProvider) -> None:
    text = factories.make_version(output_schema={"type": "string"})
    video = factories.make_version(factories.make_model(kind=HostedModel.Kind.VIDEO))
    mute = factories.make_version(input_schema={"type": "object", "properties": {"image": {}}})
    for version in (text, video, mute):
        refused(openai.generate(version), 400, type="invalid_request_error", param="model")


@pytest.mark.parametrize(
    "path", ["", "/", "/nothing", "/images", "/images/generations/", "/chat/completions"]
)
def test_an_unknown_address_is_an_error_and_never_a_page(openai: OpenAI, path: str) -> None:
    refused(openai.get(path), 404, type="invalid_request_error", code="unknown_url")


@pytest.mark.django_db(transaction=True)
def test_what_no_view_could_read_is_refused_in_this_form_too(openai: OpenAI) -> None:
    app = LeanHandler(threads=1)
    headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {openai.token}".encode())]
    body = [{"type": "http.request", "body": b"x" * (16 * 1024 * 1024 + 1), "more_body": False}]
    sent = call(app, "/openai/v1/images/generations", method="POST", headers=headers, messages=body)
    app.threads.close()
    assert sent[0]["status"] == 413
    error = json.loads(sent[1]["body"])["error"]
    assert (error["type"], "too large" in error["message"]) == ("invalid_request_error", True)


def test_another_method_is_refused_with_those_that_work(openai: OpenAI) -> None:
    answer = openai.get(PATH)
    refused(answer, 405, type="invalid_request_error")
    assert answer["Allow"] == "OPTIONS, POST"


def test_a_fault_of_ours_says_nothing_of_the_inside(
    openai: OpenAI, painter: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("predictions.api_dialects.openai.model_choice.choose", broken)
    answer = openai.generate(painter)
    assert "secret" not in refused(answer, 500, type="server_error")["message"]


def test_a_revoked_key_opens_nothing(openai: OpenAI, alice: User) -> None:
    row, plain = api_tokens.issue(alice, "lost")
    api_tokens.revoke(row)
    refused(OpenAI(plain).get("/models"), 401, code="invalid_api_key")
