"""Maintenance mode and switched-off features: every endpoint refuses new predictions; everything else goes on."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import LedgerEntry, Site, User
from accounts.site import maintenance_mode, site_rules
from operations import maintenance
from predictions import lifecycle
from predictions.models import Deployment, Prediction, Version
from tests import factories, fakes
from tests.fakes import FakeProvider

ClientOf = Callable[[User], Client]
Bearer = Callable[[User], dict[str, str]]
INPUT = {"prompt": "a lighthouse"}
ENDPOINTS = ["/v1", "/replicate/v1", "model", "deployment", "openai", "quote", "batch"]


@pytest.mark.parametrize(("text", "sentence"), [("Back soon", "Back soon."), ("Back soon!", "Back soon!")])
def test_what_the_operator_says_is_a_sentence_of_its_own(db: None, text: str, sentence: str) -> None:
    site_rules.fill_cache(Site(pk=1, maintenance=True, maintenance_en=text, maintenance_zh="马上回来"))
    assert maintenance_mode.message("en") == sentence
    assert maintenance_mode.message("zh-hans") == "马上回来。"


def post_create(endpoint: str, version: Version, headers: dict[str, str], **more: Any) -> Any:
    """Send a create request to an endpoint, as its clients send it."""
    ref = version.model.ref
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "/v1": ("/v1/predictions", {"version": version.pk, "input": INPUT}),
        "/replicate/v1": ("/replicate/v1/predictions", {"version": version.pk, "input": INPUT}),
        "model": (f"/v1/models/{ref}/predictions", {"input": INPUT}),
        "deployment": ("/v1/deployments/house/alias/predictions", {"input": INPUT}),
        "openai": ("/openai/v1/images/generations", {"model": ref, **INPUT}),
        "quote": ("/api/quotes", {"version": version.pk, "input": INPUT}),
        "batch": ("/api/quotes/batch", {"wishes": [{"version": version.pk, "input": INPUT}]}),
    }
    path, body = bodies[endpoint]
    if endpoint == "deployment":
        Deployment.objects.get_or_create(owner="house", name="alias", defaults={"version": version})
    return Client().post(path, body | more, content_type="application/json", headers=headers)


def refusal_message(endpoint: str, answer: Any) -> str:
    """The message of a refusal; asserts the error format of the endpoint."""
    body = answer.json()
    if endpoint == "batch":
        assert answer.status_code == 200
        return str(body["results"][0]["problem"]["detail"])
    assert answer.status_code == 503, body
    if endpoint == "openai":
        assert body["error"]["type"] == "server_error"
        assert body["error"]["code"] == "service_unavailable"
        return str(body["error"]["message"])
    assert (body["title"], body["status"]) == ("Service unavailable", 503)
    return str(body["detail"])


def nothing_created() -> bool:
    return not Prediction.objects.exists() and not LedgerEntry.objects.filter(kind="hold").exists()


@pytest.fixture
def closed(provider: FakeProvider, version: Version) -> None:
    site_rules.change(
        maintenance=True,
        maintenance_en="We move to a larger house.",
        maintenance_zh="我们正在搬家。",
        maintenance_until=timezone.now() + timedelta(minutes=30),
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_nothing_new_is_taken_in_maintenance_and_the_operators_words_say_why(
    endpoint: str, alice: User, bearer: Bearer, version: Version, closed: None
) -> None:
    answer = post_create(endpoint, version, bearer(alice))
    message = refusal_message(endpoint, answer)
    assert message.startswith("We move to a larger house. Until about ")
    assert message.endswith("Nothing was charged.")
    if endpoint in ENDPOINTS[:5]:
        assert 1700 < int(answer["Retry-After"]) <= 1800
    assert nothing_created()


@pytest.mark.parametrize("endpoint", ENDPOINTS[:5])
def test_the_message_is_in_the_readers_language(
    endpoint: str, alice: User, bearer: Bearer, version: Version, closed: None
) -> None:
    message = refusal_message(
        endpoint, post_create(endpoint, version, bearer(alice) | {"Accept-Language": "zh-CN,zh;q=0.9"})
    )
    assert message.startswith("我们正在搬家。")


def test_without_a_time_it_is_worth_trying_in_two_minutes(
    alice: User, bearer: Bearer, version: Version, closed: None
) -> None:
    site_rules.change(maintenance_until=timezone.now() - timedelta(hours=1), maintenance_en="")
    answer = post_create("/v1", version, bearer(alice))
    assert answer["Retry-After"] == "120"
    assert "is being looked after" in refusal_message("/v1", answer)


def test_staff_may_still_try(staff: User, bearer: Bearer, version: Version, closed: None, grant: Any) -> None:
    grant(staff, 5)
    assert post_create("/v1", version, bearer(staff)).status_code == 201


def test_a_create_that_was_taken_before_is_answered_again(
    alice: User, bearer: Bearer, version: Version, provider: FakeProvider
) -> None:
    headers = bearer(alice) | {"Idempotency-Key": "once"}
    first = post_create("/v1", version, headers)
    site_rules.change(maintenance=True)
    again = post_create("/v1", version, headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]


@pytest.mark.django_db(transaction=True)
def test_what_is_under_way_ends_and_is_read_and_then_the_queue_is_drained(
    alice: User, bearer: Bearer, version: Version, provider: FakeProvider
) -> None:
    headers = bearer(alice)
    made = post_create("/v1", version, headers).json()["id"]
    site_rules.change(maintenance=True)
    assert (maintenance.queue_state().waiting, maintenance.queue_state().drained) == (1, False)
    fakes.work_off()
    assert maintenance.queue_state().drained
    read = Client().get(f"/v1/predictions/{made}", headers=headers)
    assert (read.status_code, read.json()["status"]) == (200, "succeeded")
    assert Client().get("/v1/predictions", headers=headers).status_code == 200


def test_the_studio_shows_the_message_on_its_button_and_creates_nothing(
    alice: User, client_of: ClientOf, version: Version, closed: None
) -> None:
    browser = client_of(alice)
    form = {"model": version.model.ref, "switches": "1", **INPUT}
    assert "We move to a larger house." in browser.post("/studio/quote/", form).content.decode()
    browser.post("/studio/make/", form)
    assert nothing_created()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_nothing_new_is_taken_while_it_is_switched_off(
    endpoint: str, alice: User, bearer: Bearer, version: Version, provider: FakeProvider
) -> None:
    site_rules.change(switches_off=["predictions"])
    assert "New predictions are switched off" in refusal_message(
        endpoint, post_create(endpoint, version, bearer(alice))
    )
    assert nothing_created()


def test_where_predictions_are_switched_off_staff_take_none_either(
    staff: User, bearer: Bearer, version: Version, provider: FakeProvider
) -> None:
    site_rules.change(switches_off=["predictions"])
    assert post_create("/v1", version, bearer(staff)).status_code == 503


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_tokens_open_nothing_while_the_apis_are_switched_off(
    endpoint: str, alice: User, bearer: Bearer, version: Version, provider: FakeProvider
) -> None:
    site_rules.change(switches_off=["api"])
    answer = post_create(endpoint, version, bearer(alice))
    assert answer.status_code == 503
    assert "The APIs for tokens are switched off" in json.dumps(answer.json())
    # A bad token learns no more than ever.
    assert post_create(endpoint, version, {"Authorization": "Bearer nonsense"}).status_code == 401


def test_a_session_goes_on_while_the_apis_are_switched_off(
    alice: User, client_of: ClientOf, version: Version
) -> None:
    site_rules.change(switches_off=["api"])
    assert client_of(alice).get("/library/").status_code == 200


def test_an_input_that_carries_a_file_is_sent_as_much_as_a_file(
    alice: User, bearer: Bearer, version: Version, provider: FakeProvider
) -> None:
    site_rules.change(switches_off=["uploads"])
    headers = bearer(alice)
    file = {"type": "string", "format": "uri"}
    version.input_schema["properties"] |= {"image": file, "images": {"type": "array", "items": file}}
    version.save()
    data = "data:image/png;base64,AAAA"
    for more in ({"image": data}, {"images": ["https://example.org/a.png", data]}):
        body = {"input": {**INPUT, **more}}
        assert "Sending files is switched off" in refusal_message(
            "/v1", post_create("/v1", version, headers, **body)
        )
    sent = Client().post("/v1/files", {"content": io.BytesIO(b"hello")}, headers=headers)
    assert sent.status_code == 503
    assert "Sending files is switched off" in sent.json()["detail"]
    # Words are no file, however they begin.
    body = {"input": {"prompt": "data: a chart of them, in ink"}}
    assert post_create("/v1", version, headers, **body).status_code == 201


def test_a_webhook_is_refused_and_what_is_owed_waits_while_they_are_switched_off(
    alice: User, bearer: Bearer, version: Version, provider: FakeProvider
) -> None:
    from predictions.models import Delivery
    from predictions.webhooks import delivery_claims, outbox

    headers = bearer(alice)
    running = factories.make_prediction(
        alice, version, webhook="https://example.org/hook", webhook_events=["completed"]
    )
    site_rules.change(switches_off=["webhooks"])
    message = refusal_message("/v1", post_create("/v1", version, headers, webhook="https://example.org/hook"))
    assert "Webhooks are switched off" in message
    lifecycle.cancel(running.public_id)
    assert Delivery.objects.filter(state=Delivery.State.OWED).count() == 1
    assert (delivery_claims.is_due(), delivery_claims.claim_due()) == (False, [])
    site_rules.change(switches_off=[])
    assert delivery_claims.is_due()
    assert outbox.target_url(Delivery.objects.get()) == "https://example.org/hook"
