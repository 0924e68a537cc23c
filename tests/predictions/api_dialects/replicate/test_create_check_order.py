"""In which order a create is refused, how long it is held, and the forms of its headers."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client, RequestFactory

from accounts.models import Account, ApiToken, User
from accounts.tokens import api_tokens
from predictions import policy
from predictions.api_dialects.common import rate_limits
from predictions.api_dialects.replicate import create_body, wait_headers
from predictions.api_dialects.replicate.error_responses import Problem
from predictions.models import Prediction, Version
from predictions.submit.validation import Fault
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api

pytestmark = pytest.mark.django_db


def test_the_first_of_many_faults_is_told_in_the_contracts_order(
    version: Version, provider: FakeProvider, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = factories.make_user("poor")
    api = Api(factories.make_token(user))
    settings.RATE_LIMITS = {"create": 1000, "poll": 0, "other": 0}
    api.create(version.pk, {"prompt": "a"}, Idempotency_Key="known")
    body: dict[str, Any] = {"version": "x/y", "input": {"prompt": 7}}
    raw = b"{" + json.dumps(body).encode()
    headers = {"Authorization": "Bearer dr_" + "x" * 40, "Idempotency-Key": "known"}

    def ask() -> tuple[int, str]:
        answer = Client().post("/v1/predictions", raw, content_type="application/json", headers=headers)
        return answer.status_code, answer.json()["title"]

    factories.give(user, 10)
    first = api.create(version.pk, {"prompt": "a"}, Idempotency_Key="known")
    assert first.status_code == 201
    Account.objects.filter(pk=user.account_id).update(status="suspended", balance=0)
    assert ask() == (401, "Unauthenticated")
    headers["Authorization"] = f"Bearer {api.token}"
    assert ask() == (403, "Forbidden")
    Account.objects.filter(pk=user.account_id).update(status="active")
    settings.RATE_LIMITS = {"create": 1, "poll": 0, "other": 0}
    rate_limits.reset()
    api.create("x/y", {})
    assert ask() == (429, "Too many requests")
    settings.RATE_LIMITS = {"create": 0, "poll": 0, "other": 0}
    assert ask() == (400, "Bad request")
    raw = raw[1:]
    assert ask() == (422, "Idempotency key reused")
    headers["Idempotency-Key"] = "new"
    assert ask() == (422, "Invalid version or not permitted")
    raw = json.dumps({**body, "version": version.pk}).encode()
    monkeypatch.setattr(
        policy, "limit_faults", lambda *_all, **_more: [Fault("not_allowed", "input.prompt", "Not here.")]
    )
    provider.models = set()
    assert ask() == (422, "Input validation failed")
    raw = json.dumps({"version": version.pk, "input": {"prompt": "a cat"}}).encode()
    assert ask() == (422, "Prompt not allowed")
    monkeypatch.setattr(policy, "limit_faults", lambda *_all, **_more: [])
    assert ask() == (422, "Model not available")
    provider.models = None
    assert ask() == (402, "Insufficient credit")
    assert Prediction.objects.count() == 1


def test_a_model_that_nobody_serves_is_told_before_missing_credit(
    stranger: Api, version: Version, provider: FakeProvider
) -> None:
    provider.models = set()
    assert stranger.create(version.pk, {"prompt": "a cat"}).json()["title"] == "Model not available"
    provider.models = None
    assert stranger.create(version.pk, {"prompt": "a cat"}).json()["title"] == "Insufficient credit"


def hold(prefer: str, **headers: str) -> float | None:
    request = RequestFactory().post("/v1/predictions", headers=headers)
    preference = wait_headers.Preference(prefer)
    return None if preference.wait is None else preference.hold(request)


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait", 57.5), ("wait=60", 57.5), ("wait=600", 57.5), ("wait=59", 57.5), ("wait=10", 9.0), ("wait=1", 0.9),
        ("wait=0", 0.9), ('wait="5"', 4.5), ("WAIT = 10", 9.0), ("respond-async, wait=10", 9.0),
        ("a=b; c, wait=10;x", 9.0),
        ("wait=10, wait=20", 9.0), ("", None), ("respond-async", None), ("wait=", None), ("wait=-1", None),
        ("waiting", None), ("wait=1.5", None),
    ],
)  # fmt: skip
def test_an_answer_is_complete_before_the_client_gives_up(prefer: str, seconds: float | None) -> None:
    assert hold(prefer) == (None if seconds is None else pytest.approx(seconds))


def test_a_client_that_tells_its_read_time_out_is_answered_within_it() -> None:
    assert hold("wait", **{"X-Stainless-Read-Timeout": "20"}) == pytest.approx(17)
    assert hold("wait=10", **{"X-Stainless-Read-Timeout": "600"}) == pytest.approx(9)
    assert hold("wait", **{"X-Stainless-Read-Timeout": "soon"}) == pytest.approx(57.5)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("5", 5),
        ("30s", 30),
        ("5m", 300),
        ("1h30m45s", 5445),
        ("2h", 7200),
        (" 90 ", 90),
        ("1m1s", 61),
    ],
)
def test_every_form_of_a_deadline_is_understood(text: str, seconds: float) -> None:
    assert create_body.cancel_after(RequestFactory().post("/", headers={"Cancel-After": text})) == seconds


@pytest.mark.parametrize("text", ["4", "4s", "0", "", "s", "1.5m", "-5", "1s1m", "five", "9999999h", "１０"])
def test_a_deadline_that_is_short_or_none_is_refused(text: str) -> None:
    request = SimpleNamespace(headers={"Cancel-After": text})
    with pytest.raises(Problem) as refused:
        create_body.cancel_after(request)  # type: ignore[arg-type]
    assert refused.value.status == 422


def test_without_the_header_there_is_no_deadline() -> None:
    assert create_body.cancel_after(RequestFactory().post("/")) is None


@pytest.mark.parametrize("kind", ["missing", "malformed", "unknown", "revoked"])
def test_every_bad_token_gets_the_very_same_answer(alice: User, kind: str) -> None:
    plain = factories.make_token(alice)
    api_tokens.revoke(ApiToken.objects.get(digest=api_tokens.digest(plain)))
    headers = {
        "missing": {},
        "malformed": {"Authorization": "Bearer x y z"},
        "unknown": {"Authorization": "Bearer dr_" + "x" * 40},
        "revoked": {"Authorization": f"Bearer {plain}"},
    }
    answer = Client().get("/v1/account", headers=headers[kind])
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json() == {
        "title": "Unauthenticated",
        "detail": "You did not pass a valid authentication token",
        "status": 401,
    }
