"""Image generations: the model's inputs, the charge, and the response."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import MICRO, User
from predictions import image_safety, lifecycle
from predictions.api_dialects.common import image_results
from predictions.files import phash
from predictions.models import Prediction, Version
from predictions.providers.base import Job, Update
from predictions.waiting import waiters
from tests import factories, fakes
from tests.fakes import FakeProvider, done
from tests.predictions.api_dialects.openai.conftest import OpenAI, waited
from tests.predictions.image_safety.classifier_service import as_bytes, scene

pytestmark = pytest.mark.django_db(transaction=True)


def json_body(answer: Any) -> Any:
    return json.loads(answer.content)


def inputs() -> list[dict[str, Any]]:
    return [row.input for row in Prediction.objects.order_by("pk")]


def test_it_answers_with_addresses_that_work(
    openai: OpenAI, alice: User, painter: Version, provider: FakeProvider
) -> None:
    answer = waited(openai.generate(painter))
    assert answer.status_code == 200
    row = Prediction.objects.get()
    shown = json_body(answer)
    assert shown == {"created": int(row.created_at.timestamp()), "data": [{"url": shown["data"][0]["url"]}]}
    url = shown["data"][0]["url"]
    assert url.startswith("http://testserver/f/")
    assert openai.client.get(url).getvalue() == provider.files["0"]
    assert (row.source, row.user, factories.account_of(alice).balance) == ("api", alice, 99 * MICRO)
    assert answer["X-Darkroom-Predictions"] == row.public_id


def test_it_answers_with_the_pictures_themselves(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    shown = json_body(waited(openai.generate(painter, response_format="b64_json")))
    assert [base64.b64decode(one["b64_json"]) for one in shown["data"]] == [provider.files["0"]]


def test_pictures_too_large_for_one_answer_come_as_addresses(
    openai: OpenAI, painter: Version, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.updates = [done(2)]
    monkeypatch.setattr(image_results, "MOST_BYTES", len(provider.files["0"]) + 1)
    shown = json_body(waited(openai.generate(painter, n=2, response_format="b64_json")))
    assert [list(one) for one in shown["data"]] == [["b64_json"], ["url"]]


def test_its_words_become_the_models_inputs(openai: OpenAI, painter: Version, provider: FakeProvider) -> None:
    openai.generate(
        painter,
        n=3,
        size="1025x700",
        output_format="jpeg",
        output_compression=55,
        quality="hd",
        style="vivid",
        user="somebody",
        background=None,
        stream=False,
        partial_images=0,
    )
    assert inputs() == [
        {
            "prompt": "a red car",
            "width": 1024,
            "height": 704,
            "num_outputs": 3,
            "output_format": "jpg",
            "output_quality": 55,
            "quality": "hd",
        }
    ]


def test_a_hint_that_the_model_takes_otherwise_is_left_out(openai: OpenAI, provider: FakeProvider) -> None:
    rules = {
        "quality": {"type": "integer"},
        "style": {"type": "string", "enum": ["oil"]},
        "user": {"type": "string"},
    }
    properties = {"prompt": {"type": "string"}, **rules}
    odd = factories.make_version(input_schema={"type": "object", "properties": properties})
    openai.generate(odd, quality="hd", style="vivid", user="somebody")
    openai.generate(odd, style="oil")
    assert inputs() == [{"prompt": "a red car", "user": "somebody"}, {"prompt": "a red car", "style": "oil"}]


def test_more_than_a_job_can_make_is_shared_among_several(
    openai: OpenAI, alice: User, painter: Version, provider: FakeProvider
) -> None:
    async def check(job: Job) -> Update:
        return done(next(order for order in provider.orders if order.key == job.id).input["num_outputs"])

    provider.check = check  # type: ignore[method-assign]
    answer = openai.generate(painter, n=10)
    assert [given["num_outputs"] for given in inputs()] == [4, 4, 2]
    assert factories.account_of(alice).held == 10 * MICRO
    assert len(json_body(waited(answer))["data"]) == 10
    assert factories.account_of(alice).balance == 90 * MICRO


def test_a_model_that_calls_the_number_otherwise_is_asked_for_no_more_than_was_wanted(
    openai: OpenAI, alice: User, provider: FakeProvider
) -> None:
    properties = {
        "prompt": {"type": "string"},
        "num_images": {"type": "integer", "minimum": 1, "maximum": 4, "default": 4},
    }
    several = factories.make_version(
        model=factories.make_model("several"), input_schema={"type": "object", "properties": properties}
    )
    openai.generate(several, n=1)
    openai.generate(several, n=6)
    assert [given["num_images"] for given in inputs()] == [1, 4, 2]
    assert factories.account_of(alice).held == 7 * MICRO


def test_a_model_that_makes_one_gets_a_job_for_each(
    openai: OpenAI, version: Version, provider: FakeProvider
) -> None:
    answer = openai.generate(version, n=3)
    assert inputs() == [{"prompt": "a red car"}] * 3
    assert len(json_body(waited(answer))["data"]) == 3


def test_several_jobs_are_accepted_together_or_not_at_all(version: Version, provider: FakeProvider) -> None:
    user = factories.make_user("short", credit=2)
    answer = OpenAI(factories.make_token(user)).generate(version, n=3)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "insufficient_quota")
    account = factories.account_of(user)
    assert (account.balance, account.held, Prediction.objects.count()) == (2 * MICRO, 0, 0)


def test_a_failed_job_is_the_callers_error_with_its_words(
    openai: OpenAI, alice: User, painter: Version, provider: FakeProvider
) -> None:
    provider.updates = [Update("failed", error="The prompt is empty of meaning.")]
    answer = waited(openai.generate(painter))
    error = json_body(answer)["error"]
    assert answer.status_code == 400
    assert (error["type"], error["code"]) == ("image_generation_user_error", "generation_failed")
    assert error["message"] == "The prompt is empty of meaning. Nothing was charged."
    assert factories.account_of(alice).balance == 100 * MICRO


def test_a_result_that_the_house_holds_back_is_told_as_moderated(
    openai: OpenAI, alice: User, painter: Version, provider: FakeProvider
) -> None:
    image_safety.block(phash.compute(scene(1)))
    provider.files = {"0": as_bytes(scene(1))}
    error = json_body(waited(openai.generate(painter)))["error"]
    assert (error["type"], error["code"]) == ("image_generation_user_error", "moderation_blocked")
    assert error["message"].endswith("Nothing was charged.")
    assert factories.account_of(alice).balance == 100 * MICRO


def test_of_several_jobs_those_that_succeeded_are_shown(
    openai: OpenAI, alice: User, version: Version, provider: FakeProvider
) -> None:
    provider.updates = [done(1), Update("failed", error="no"), done(1)]
    answer = waited(openai.generate(version, n=3))
    assert (answer.status_code, len(json_body(answer)["data"])) == (200, 2)
    assert factories.account_of(alice).balance == 98 * MICRO


def test_a_job_that_somebody_cancels_is_told_of(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    held = openai.generate(painter)
    answer = waited(held, lambda: lifecycle.cancel(Prediction.objects.get().public_id))
    assert answer.status_code == 400
    assert json_body(answer)["error"]["message"] == "The job was canceled. Nothing was charged."


def test_what_is_not_ready_in_time_is_canceled_and_costs_nothing(
    openai: OpenAI, alice: User, painter: Version, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_results, "LIMIT_S", 0.05)
    answer = waited(openai.generate(painter), lambda: None)
    error = json_body(answer)["error"]
    assert (answer.status_code, answer["x-should-retry"]) == (504, "false")
    assert (error["type"], error["code"]) == ("timeout_error", "generation_timeout")
    assert Prediction.objects.get().shown_status == "canceled"
    assert factories.account_of(alice).balance == 100 * MICRO


def test_a_client_that_waits_less_is_answered_before_it_gives_up(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    held = openai.generate(painter, headers={"X-Stainless-Read-Timeout": "3"})
    assert waited(held, lambda: None).status_code == 504


def test_a_server_that_stops_cancels_and_lets_the_client_come_again(
    openai: OpenAI, alice: User, painter: Version, provider: FakeProvider
) -> None:
    answer = waited(openai.generate(painter), waiters.close)
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert "x-should-retry" not in answer
    assert Prediction.objects.get().shown_status == "canceled"
    assert factories.account_of(alice).balance == 100 * MICRO


def test_without_room_to_wait_nothing_is_accepted(
    openai: OpenAI, painter: Version, provider: FakeProvider, settings: LazySettings
) -> None:
    settings.HOLD_LIMIT = 0
    waiters.reset()
    answer = openai.generate(painter)
    assert (answer.status_code, answer["Retry-After"]) == (429, "5")
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert not Prediction.objects.exists()


def test_a_client_that_leaves_loses_nothing(openai: OpenAI, painter: Version, provider: FakeProvider) -> None:
    openai.generate(painter)
    fakes.work_off()
    assert Prediction.objects.get().status == "succeeded"


def test_the_same_key_gives_the_same_pictures(
    openai: OpenAI, alice: User, version: Version, provider: FakeProvider
) -> None:
    key = {"Idempotency-Key": "one"}
    first = waited(openai.generate(version, key, n=3))
    again = waited(openai.generate(version, key, n=3), lambda: None)
    assert json_body(first) == json_body(again) and len(json_body(first)["data"]) == 3
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
    assert factories.account_of(alice).balance == 97 * MICRO
    assert openai.generate(version, key, n=2).json()["error"]["code"] == "idempotency_key_reused"
