"""One id for a request, from the edge to the last line that is written about what it asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from accounts.models import User
from config.middleware import access_log
from config.server import web_process
from core.http import request_ids
from core.redaction import scrub, scrub_path
from predictions.execution.provider_calls import Calls
from predictions.models import Delivery, Prediction, Version
from predictions.webhooks import delivery_loop
from tests import factories
from tests.fakes import FakeProvider
from tests.loopback_upstream import Upstream
from tests.security.route_inventory import routes
from tests.servers.installations import Installation, eventually
from tests.servers.session_servers import upstream
from tests.servers.webhook_receiver import WebhookReceiver

ID = "edge-0123456789.abc"
SECRET_PLACES = {"token", "secret", "key"}
TOKEN = "k3yThatOpensADoor0123456789abcdef"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The lines of the access log."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(access_log.log, "info", lambda event, **fields: found.append(fields))
    yield found


def asked(
    path: str, lines: list[dict[str, Any]], *, status: int = 200, body: bytes = b"hello", **headers: str
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """What is logged of one request to a small application, and what the application's caller got."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope[access_log.WHO] = {"user": 7}
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": "GET", "path": path, "query_string": b"password=secret", "headers": named,
        "client": ("192.0.2.7", 1),
    }  # fmt: skip
    asyncio.run(access_log.AccessLog(app)(scope, receive, send))
    return (lines[-1] if lines else None), sent


def test_every_request_has_a_line_with_its_end_and_without_its_query(lines: list[dict[str, Any]]) -> None:
    line, sent = asked("/gallery/", lines, x_request_id=ID)
    assert line is not None
    assert line.pop("ms") >= 0
    assert line == {
        "request_id": ID, "method": "GET", "path": "/gallery/", "status": 200, "bytes": 5,
        "address": "192.0.2.7", "user": 7,
    }  # fmt: skip
    assert (b"X-Request-Id", ID.encode()) in sent[0]["headers"]


@pytest.mark.parametrize("given", ["", "short", "x" * 65, 'a" level=error', "with blank here"])
def test_an_id_that_could_break_a_line_is_replaced(lines: list[dict[str, Any]], given: str) -> None:
    line, _sent = asked("/gallery/", lines, x_request_id=given)
    assert line is not None and len(line["request_id"]) == 16 and line["request_id"] != given


def test_a_long_path_is_cut_short_once_its_secrets_are(lines: list[dict[str, Any]]) -> None:
    line, _sent = asked(f"/join/{TOKEN}{'/a' * 30_000}", lines)

    assert line is not None and len(line["path"]) <= 301
    assert TOKEN[4:] not in line["path"] and line["path"].endswith("…")


@override_settings(TRUST_PROXY=True)
def test_the_address_of_a_line_is_the_one_that_the_proxy_has_seen(lines: list[dict[str, Any]]) -> None:
    line, _sent = asked("/hello", lines, x_forwarded_for="6.6.6.6, 203.0.113.7")

    assert line is not None and line["address"] == "203.0.113.7"
    assert not web_process.configuration().proxy_headers


def test_probes_that_find_all_well_have_no_line(lines: list[dict[str, Any]]) -> None:
    assert asked("/readyz", lines)[0] is None
    assert asked("/livez", lines)[0] is None
    line, _sent = asked("/health", lines, status=503)
    assert line is not None and line["status"] == 503


def test_the_web_process_lives_without_asking_anybody(lines: list[dict[str, Any]]) -> None:
    _line, sent = asked("/livez", lines, status=500)
    assert [message.get("status") for message in sent] == [200, None]
    assert json.loads(sent[1]["body"]) == {"status": "ok"}


def test_what_opens_a_door_stands_whole_in_no_line() -> None:
    paths = [
        next(route.filled({one: [TOKEN if one in SECRET_PLACES else "x"] for one in route.places}))[0]
        for route in routes()
        if SECRET_PLACES & set(route.places) and not route.path.startswith(("/api/", "/account/tokens"))
    ]
    paths += [f"/accounts/confirm-email/{TOKEN}/", f"/accounts/password/reset/key/1-{TOKEN}/"]
    paths += [f"/accounts/invitation/{TOKEN}/", f"/hooks/upstream/{TOKEN}/{TOKEN}"]
    assert len(paths) > 10
    assert [path for path in paths if TOKEN in scrub_path(path) or TOKEN in scrub(f"at {path}: broke")] == []
    assert scrub_path(f"/f/{TOKEN}/out-0.png") == "/f/k3yT…/out-0.png"
    assert (
        scrub_path("/v1/predictions/abcdefghijklmnopqrstuvwxyz")
        == "/v1/predictions/abcdefghijklmnopqrstuvwxyz"
    )


@pytest.mark.django_db
def test_a_prediction_keeps_the_id_of_the_request_that_asked_for_it(
    alice: User, version: Version, provider: FakeProvider, bearer: Any
) -> None:
    answer = Client().post(
        "/v1/predictions",
        {"version": version.pk, "input": {"prompt": "a"}},
        content_type="application/json",
        headers={**bearer(alice), "X-Request-Id": ID},
    )
    assert (answer.status_code, answer["X-Request-Id"]) == (201, ID)
    assert Prediction.objects.get().request_id == ID


def test_a_call_and_what_is_made_of_its_answer_belong_to_one_request() -> None:
    seen: list[str] = []

    async def call() -> str:
        seen.append(await calls.run_in_thread(request_ids.current))
        return request_ids.current()

    calls = Calls()
    for one in ("first-request", "second-request"):
        with request_ids.bound(one):
            calls.add(call(), lambda said: seen.append(f"{said} {request_ids.current()}"))
    calls.until_done(lambda: None, 1.0)
    calls.close()
    assert sorted(seen) == [
        "first-request", "first-request first-request", "second-request", "second-request second-request",
    ]  # fmt: skip
    assert request_ids.current() == "" and request_ids.header() == {}


@pytest.mark.django_db(transaction=True)
def test_a_webhook_bears_the_id(alice: User, version: Version, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    with WebhookReceiver() as receiver:
        row = factories.make_prediction(
            alice, version, ceiling=0, webhook=receiver.url, webhook_events=["start"], request_id=ID
        )
        Delivery.objects.create(account=row.account, prediction=row, event="start")
        delivery_loop.run_until_idle()
        assert [headers["x-request-id"] for headers, _body in receiver.requests] == [ID]


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["prediction", "delivery", "deliveryattempt", "upstreamrun"])
def test_the_desk_finds_by_it(alice: User, staff: User, version: Version, page: str) -> None:
    client = Client()
    client.force_login(staff, backend=settings.AUTHENTICATION_BACKENDS[0])
    row = factories.make_prediction(alice, version, ceiling=0, request_id=ID)
    factories.make_prediction(alice, version, ceiling=0, request_id="another-one")
    delivery = Delivery.objects.create(account=row.account, prediction=row, event="start")
    delivery.tries.create(number=1)
    found = client.get(f"/admin/predictions/{page}/", {"q": ID}).context["cl"].queryset
    if page != "upstreamrun":
        assert found.count() == 1
    if page == "prediction":
        assert found.get().pk == row.pk
        assert ID in client.get(f"/admin/predictions/prediction/{row.pk}/change/").content.decode()


@pytest.mark.server
@pytest.mark.timeout(600)
def test_one_request_is_followed_through_every_process(front_installation: Installation) -> None:
    one = front_installation
    with (
        Upstream(seconds=0.2, note_calls=True) as there,
        upstream(one, "there", there.url),
        WebhookReceiver() as receiver,
    ):
        made = create(one, receiver.url)
        eventually(lambda: len(receiver.requests) == 1, 120, lambda: one.log[-3000:])
        assert receiver.requests[0][0]["x-request-id"] == ID
        calls = [row for row in there.rows("call") if row["request"] == ID]
        assert {"POST", "GET"} <= {row["method"] for row in calls}, list(there.rows("call"))
        wanted = {"request", "start_answered", "result_stored", "webhook_delivered"}
        eventually(lambda: {event(line) for line in about(one)} >= wanted, 30, lambda: "\n".join(about(one)))
        print("\n".join(about(one)), calls, receiver.requests[0][0], made, sep="\n")


def create(one: Installation, webhook: str) -> str:
    import httpx

    answer = httpx.post(
        f"{one.url}/v1/models/stability-ai/stable-diffusion/predictions",
        json={
            "input": {"prompt": "a lighthouse"},
            "webhook": webhook,
            "webhook_events_filter": ["completed"],
        },
        headers={"Authorization": f"Bearer {one.token}", "X-Request-Id": ID},
        timeout=60,
    )
    assert answer.status_code == 201 and answer.headers["X-Request-Id"] == ID, answer.text
    return str(answer.json()["id"])


def about(one: Installation) -> list[str]:
    """The lines of the log that bear the id."""
    return [line for line in one.log.splitlines() if f"request_id={ID}" in line]


def event(line: str) -> str:
    return line.split("event=")[1].split()[0] if "event=" in line else ""
