"""Rate limits per account and minute, with headers on every response, in memory and in a real Redis."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from limits.errors import ConfigurationError

from accounts.models import Account, ApiToken, Plan, User
from accounts.tokens import api_tokens
from core.cache import outages
from predictions.api_dialects.common import rate_limits
from predictions.models import Prediction, Version
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api
from tests.servers import redis_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def few(settings: Any) -> None:
    settings.RATE_LIMITS = {"create": 2, "poll": 2, "other": 2}
    rate_limits.reset()


def test_every_answer_tells_what_is_left(api: Api, stranger: Api) -> None:
    answer = api.get("/account")
    assert (answer["ratelimit-limit"], answer["ratelimit-remaining"]) == ("3000", "2999")
    assert 1 <= int(answer["ratelimit-reset"]) <= 60
    assert api.get("/nowhere-of/x")["Content-Type"] == "application/problem+json"
    assert stranger.get("/account")["ratelimit-remaining"] == "2999"


def test_a_create_too_many_is_refused_and_nothing_is_held(
    api: Api, version: Version, provider: FakeProvider, few: None
) -> None:
    codes = [api.create(version.pk, {"prompt": "a"}).status_code for _ in range(2)]
    answer = api.create(version.pk, {"prompt": "a"})
    assert codes == [201, 201] and answer.status_code == 429
    body = answer.json()
    assert body["title"] == "Too many requests" and body["detail"].startswith(
        "Request was throttled. Your rate limit"
    )
    assert answer["ratelimit-remaining"] == "0" and 1 <= int(answer["Retry-After"]) <= 10
    assert Prediction.objects.count() == 2


def test_each_prediction_may_be_polled_on_its_own(api: Api, alice: User, version: Version, few: None) -> None:
    rows = [factories.make_prediction(alice, version, ceiling=0) for _ in range(2)]
    codes = [api.get(f"/predictions/{row.public_id}").status_code for row in rows for _ in range(3)]
    assert codes == [200, 200, 429] * 2


def test_accounts_and_kinds_have_limits_of_their_own(api: Api, stranger: Api, few: None) -> None:
    assert [api.get("/account").status_code for _ in range(3)] == [200, 200, 429]
    assert stranger.get("/account").status_code == 200
    assert api.post("/predictions", {}).status_code == 422


def test_a_bad_token_is_told_before_any_limit(few: None) -> None:
    codes = {Client().get("/v1/account", headers={"Authorization": "Bearer x"}).status_code for _ in range(4)}
    assert codes == {401}


def test_the_images_dialect_says_it_in_its_own_words(api: Api, few: None) -> None:
    headers = {"Authorization": f"Bearer {api.token}"}
    answers = [api.client.get("/openai/v1/models", headers=headers) for _ in range(3)]
    error = answers[-1].json()["error"]
    assert answers[-1].status_code == 429 and error["code"] == "rate_limit_exceeded"
    assert int(answers[-1]["Retry-After"]) <= 10


def test_no_limit_is_told_where_there_is_none(api: Api, settings: Any) -> None:
    settings.RATE_LIMITS = {"create": 0, "poll": 0, "other": 0}
    assert "ratelimit-limit" not in api.get("/account")


@pytest.fixture
def server(settings: Any) -> Iterator[str]:
    try:
        redis_server.binary()
    except redis_server.NoRedis as missing:
        pytest.skip(str(missing))
    with redis_server.running() as url:
        settings.REDIS_URL = url
        settings.CACHES = {
            "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
        }
        rate_limits.reset()
        yield url
        rate_limits.reset()


@pytest.mark.redis
def test_processes_share_the_count_in_a_real_redis(api: Api, server: str, settings: Any) -> None:
    settings.RATE_LIMITS = {"create": 2, "poll": 2, "other": 2}
    first = [api.get("/account").status_code for _ in range(2)]
    rate_limits.reset()
    assert [*first, api.get("/account").status_code] == [200, 200, 429]
    caches["default"].set("a", 1)
    assert caches["default"].get("a") == 1


def test_an_unreachable_redis_refuses_nobody(api: Api, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    rate_limits.reset()
    assert api.get("/account").status_code == 200


@pytest.mark.parametrize("error", [ConfigurationError("half a library"), RuntimeError("anything"), OSError()])
def test_a_counter_that_breaks_refuses_nobody_and_is_logged_once(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken() -> Any:
        raise error

    monkeypatch.setattr(rate_limits, "limiter", broken)
    monkeypatch.setattr(outages, "REST_S", 0.0)
    lines: list[str] = []
    monkeypatch.setattr(outages.log, "error", lambda event, **_fields: lines.append(event))
    assert {api.get("/account").status_code for _time in range(5)} == {200}
    assert lines == ["requests_uncounted"]


def test_a_counter_is_made_once_however_many_threads_ask_first(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    together = threading.Barrier(8)
    build = rate_limits._storage

    def slowly() -> Any:
        made.append(object())
        time.sleep(0.05)
        return build()

    def ask(_number: int) -> object:
        together.wait(10)
        return rate_limits.limiter()

    rate_limits.reset()
    monkeypatch.setattr(rate_limits, "_storage", slowly)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(ask, range(8))))) == 1
    assert len(made) == 1


def of_plan(user: User, **limits: int) -> None:
    plan = Plan.objects.create(name="studio", **limits)
    Account.objects.filter(pk=user.account_id).update(plan=plan)


def test_a_plan_has_limits_of_its_own(api: Api, stranger: Api, alice: User) -> None:
    of_plan(alice, creates_per_minute=7, requests_per_minute=1)
    assert api.post("/predictions", {})["ratelimit-limit"] == "7"
    assert [api.get("/account").status_code for _ in range(2)] == [200, 429]
    assert stranger.get("/account")["ratelimit-limit"] == "3000"


def test_an_empty_limit_of_a_plan_leaves_the_servers(api: Api, alice: User) -> None:
    of_plan(alice)
    assert api.get("/account")["ratelimit-limit"] == "3000"


def limit_token(api: Api, most: int) -> None:
    ApiToken.objects.filter(digest=api_tokens.digest(api.token)).update(creates_per_minute=most)


def test_a_tokens_own_limit_refuses_without_using_up_its_accounts(
    api: Api, alice: User, version: Version, provider: FakeProvider, settings: Any
) -> None:
    settings.RATE_LIMITS = {"create": 4, "poll": 9, "other": 9}
    limit_token(api, 2)
    other = Api(factories.make_token(alice, "other"))
    answers = [api.create(version.pk, {"prompt": "a"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201, 201, 429, 429, 429, 429]
    assert answers[0]["ratelimit-limit"] == "2" and answers[0]["ratelimit-remaining"] == "1"
    assert "this API token's own: 2 new predictions a minute" in answers[-1].json()["detail"]
    codes = [other.create(version.pk, {"prompt": "a"}).status_code for _ in range(3)]
    assert codes == [201, 201, 429]


def test_the_tighter_of_two_limits_is_told(api: Api, settings: Any) -> None:
    settings.RATE_LIMITS = {"create": 3, "poll": 9, "other": 9}
    limit_token(api, 100)
    assert api.post("/predictions", {})["ratelimit-limit"] == "3"


def test_a_tokens_limit_is_for_new_predictions_alone(api: Api) -> None:
    limit_token(api, 1)
    assert {api.get("/account").status_code for _ in range(3)} == {200}
