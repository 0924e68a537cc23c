"""`/api/tokens`: terms are checked, shown and changed; a token gives no more than it has."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from operator import itemgetter
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts import credits
from accounts.models import MICRO, ApiToken, TokenSpending, User
from accounts.organizations import management
from accounts.tokens import api_tokens
from predictions.models import Version
from tests import factories
from tests.runner.sampling import one_in_each

ClientOf = Callable[[User], Client]


class Tokens:
    """Calls `/api/tokens` with a token of these terms."""

    def __init__(self, user: User, **terms: Any) -> None:
        self.row, self.plain = api_tokens.issue(user, "caller", **terms)
        self.client = Client()

    def call(self, method: str, path: str = "", body: Any = None) -> Any:
        return self.client.generic(
            method,
            f"/api/tokens{path}",
            json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.plain}"},
        )

    def make(self, **body: Any) -> Any:
        return self.call("POST", body={"name": "made", **body})


@pytest.fixture
def api(alice: User) -> Tokens:
    return Tokens(alice)


def later(days: int = 1) -> str:
    return (timezone.now() + timedelta(days=days)).isoformat()


def test_a_token_has_all_the_terms_that_were_asked_for(api: Tokens, version: Version) -> None:
    asked = {
        "scopes": ["predict", "read"],
        "allowed_models": [version.model.ref],
        "networks": ["192.0.2.7/24", "2001:db8::1", "::ffff:10.0.0.0/104"],
        "day_limit": 5 * MICRO,
        "month_limit": 0,
        "total_limit": 10**9 * MICRO,
        "creates_per_minute": 3,
        "in_flight_limit": 2,
        "expires_at": later(),
        "answer": "openai",
    }
    made = api.make(**asked)
    assert made.status_code == 201, made.content
    shown = made.json()
    row = ApiToken.objects.get(pk=shown["id"])
    assert row.scopes == shown["scopes"] == ["read", "predict"]
    assert row.networks == ["192.0.2.0/24", "2001:db8::1/128", "10.0.0.0/8"]
    assert row.allowed_models == [version.model.ref]
    assert (row.day_limit, row.month_limit, row.total_limit) == (5 * MICRO, 0, 10**9 * MICRO)
    assert (row.creates_per_minute, row.in_flight_limit, row.answer) == (3, 2, "openai")
    assert [meter["limit"] for meter in shown["spending"]] == ["day", "month", "total"]


def test_a_token_of_which_nothing_is_said_may_do_everything(api: Tokens) -> None:
    shown = api.make().json()
    assert shown["scopes"] == ["read", "predict", "gallery", "admin"]
    assert shown["allowed_models"] == shown["networks"] == shown["spending"] == []
    assert shown["day_limit"] is shown["expires_at"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    one_in_each(4, [
        ("scopes", []), ("scopes", ["fly"]), ("scopes", "read"), ("scopes", [1]), ("scopes", None),
        ("allowed_models", ["no/such"]), ("allowed_models", [""] * 51), ("allowed_models", [{}]),
        ("networks", ["300.0.0.0/8"]), ("networks", ["10.0.0.0/33"]), ("networks", ["example.org"]),
        ("networks", [f"10.0.{n}.0/24" for n in range(51)]), ("networks", ["fe80::1%eth0/x"]),
        ("day_limit", -1), ("month_limit", 10**15 + 1), ("total_limit", 10**40), ("day_limit", "5"),
        ("day_limit", 1.5), ("day_limit", True), ("creates_per_minute", 0), ("in_flight_limit", 10**7),
        ("expires_at", "tomorrow"), ("expires_at", "2001-13-01T00:00:00Z"), ("name", " "), ("name", "a" * 81),
        ("name", "a\x00"), ("answer", "html"),
    ], itemgetter(0)),
)  # fmt: skip
def test_a_bad_term_is_named_and_makes_no_token(api: Tokens, field: str, value: Any) -> None:
    answer = api.make(**{field: value})
    assert (answer.status_code, list(answer.json()["faults"])) == (400, [field])
    answer = api.call("PATCH", f"/{api.row.pk}", {field: value})
    assert (answer.status_code, list(answer.json()["faults"])) == (400, [field])
    assert ApiToken.objects.count() == 1


def test_an_end_in_the_past_is_refused(api: Tokens) -> None:
    refused = api.make(expires_at="2001-01-01T00:00:00Z")
    assert refused.status_code == 422 and list(refused.json()["faults"]) == ["expires_at"]
    assert api.call("PATCH", f"/{api.row.pk}", {"expires_at": "2001-01-01T00:00:00Z"}).status_code == 422


def test_a_change_leaves_what_it_does_not_name(api: Tokens) -> None:
    made = api.make(scopes=["read"], day_limit=MICRO, networks=["10.0.0.0/8"]).json()
    changed = api.call("PATCH", f"/{made['id']}", {"month_limit": 2 * MICRO, "name": "renamed"}).json()
    assert changed["name"] == "renamed" and changed["scopes"] == ["read"]
    assert (changed["day_limit"], changed["month_limit"], changed["networks"]) == (
        MICRO, 2 * MICRO, ["10.0.0.0/8"],
    )  # fmt: skip
    lifted = api.call("PATCH", f"/{made['id']}", {"day_limit": None}).json()
    assert [meter["limit"] for meter in lifted["spending"]] == ["month"]
    assert set(TokenSpending.objects.values_list("token_id", flat=True)) == {made["id"]}


def test_a_model_that_is_gone_may_stay_but_not_come(api: Tokens, version: Version) -> None:
    ref = version.model.ref
    made = api.make(allowed_models=[ref]).json()
    type(version.model).objects.filter(pk=version.model_id).update(enabled=False)
    assert api.call("PATCH", f"/{made['id']}", {"allowed_models": [ref]}).status_code == 200
    assert api.make(allowed_models=[ref]).status_code == 400


def test_it_shows_what_each_limit_leaves(api: Tokens) -> None:
    made = api.make(day_limit=5 * MICRO, total_limit=MICRO).json()
    row = ApiToken.objects.get(pk=made["id"])
    with transaction.atomic():
        credits.hold(row.account_id, MICRO, "a", token=row)
    credits.limit(row, day=5 * MICRO, month=None, total=MICRO // 2)
    (listed,) = [one for one in api.call("GET").json()["results"] if one["id"] == row.pk]
    left = {meter["limit"]: (meter["spent"], meter["left"]) for meter in listed["spending"]}
    assert left == {"day": (MICRO, 4 * MICRO), "total": (MICRO, 0)}
    resets = {meter["limit"]: meter["resets_at"] for meter in listed["spending"]}
    assert resets["total"] is None and resets["day"].endswith("T00:00:00Z")
    assert api.call("GET", f"/{row.pk}").json() == listed


def test_the_list_asks_no_more_for_many_tokens(
    api: Tokens, alice: User, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for number in range(20):
        api_tokens.issue(alice, f"t{number}", day_limit=MICRO, total_limit=MICRO)
    with django_assert_max_num_queries(4):
        assert len(api.call("GET").json()["results"]) == 21


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_strangers_token_is_not_found(charlie: User, alice: User, method: str) -> None:
    row, _plain = api_tokens.issue(alice, "mine")
    answer = Tokens(charlie).call(method, f"/{row.pk}", {"name": "theirs"})
    assert answer.status_code == 404
    row.refresh_from_db()
    assert row.name == "mine" and row.revoked_at is None


def test_a_revoked_token_does_not_come_back_by_a_change(api: Tokens, alice: User) -> None:
    row, plain = api_tokens.issue(alice, "lost")
    api_tokens.revoke(row)
    assert api.call("PATCH", f"/{row.pk}", {"expires_at": later()}).status_code == 422
    assert api_tokens.look_up(plain) is None


LIMITED: dict[str, Any] = {
    "scopes": ["read", "admin"],
    "networks": ["127.0.0.0/8"],
    "creates_per_minute": 10,
    "in_flight_limit": 2,
}
TOO_MUCH: list[tuple[str, Any]] = [
    ("scopes", ["read", "admin", "predict"]), ("networks", []), ("networks", ["0.0.0.0/0"]),
    ("networks", ["127.0.0.0/8", "10.0.0.1"]), ("networks", ["::/0"]), ("creates_per_minute", 11),
    ("creates_per_minute", None), ("in_flight_limit", 3), ("expires_at", None), ("expires_at", "2099-01-01T00:00:00Z"),
    ("allowed_models", []),
]  # fmt: skip


def limited(user: User, version: Version) -> Tokens:
    soon = timezone.now() + timedelta(days=2)
    return Tokens(user, **LIMITED, allowed_models=[version.model.ref], expires_at=soon)


@pytest.mark.parametrize(("field", "value"), one_in_each(4, TOO_MUCH, itemgetter(0)))
def test_a_token_gives_no_more_than_it_has(alice: User, version: Version, field: str, value: Any) -> None:
    api = limited(alice, version)
    before = ApiToken.objects.values().get(pk=api.row.pk)
    made = api.make(**{field: value})
    changed = api.call("PATCH", f"/{api.row.pk}", {field: value})
    assert (made.status_code, changed.status_code) == (403, 403)
    assert field in made.json()["detail"] and list(made.json()["faults"]) == [field]
    assert ApiToken.objects.count() == 1
    after = ApiToken.objects.values().get(pk=api.row.pk)
    assert {**after, "last_used_at": None} == {**before, "last_used_at": None}


def test_a_token_gives_its_own_terms_where_nothing_is_said(alice: User, version: Version) -> None:
    api = limited(alice, version)
    made = ApiToken.objects.get(pk=api.make(networks=["127.0.0.1"], scopes=["read"]).json()["id"])
    assert (made.scopes, made.networks) == (["read"], ["127.0.0.1/32"])
    assert (made.creates_per_minute, made.in_flight_limit) == (10, 2)
    assert (made.allowed_models, made.expires_at) == (api.row.allowed_models, api.row.expires_at)


@pytest.mark.parametrize("field", ["day_limit", "month_limit", "total_limit"])
def test_a_token_with_a_spending_limit_makes_none_and_does_not_raise_its_own(alice: User, field: str) -> None:
    api = Tokens(alice, **{field: MICRO})
    assert api.make(**{field: 1}).status_code == 403
    for more in (MICRO + 1, None):
        assert api.call("PATCH", f"/{api.row.pk}", {field: more}).status_code == 403
    assert api.call("PATCH", f"/{api.row.pk}", {field: 1}).json()[field] == 1


def test_a_session_gives_what_its_user_likes(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    body = {"name": "web", "scopes": ["read"], "day_limit": MICRO}
    made = client.post("/api/tokens", body, content_type="application/json")
    assert made.status_code == 201
    path = f"/api/tokens/{made.json()['id']}"
    changed = client.patch(path, {"scopes": ["admin"]}, content_type="application/json")
    assert changed.json()["scopes"] == ["admin"]


def test_a_token_makes_sees_and_changes_those_of_its_own_account_alone(alice: User) -> None:
    own, club = management.personal_account_of(alice), management.create(alice, "club")
    mine, _plain = api_tokens.issue(alice, "mine")
    management.act_for(alice, club.pk)
    api = Tokens(alice)
    management.act_for(alice, own.pk)
    made = ApiToken.objects.get(pk=api.make().json()["id"])
    assert made.account == club, "whomever the member acts for at the moment"
    assert [one["name"] for one in api.call("GET").json()["results"]] == ["made", "caller"]
    for method in ("GET", "PATCH", "DELETE"):
        assert api.call(method, f"/{mine.pk}", {}).status_code == 404, method
    mine.refresh_from_db()
    assert mine.is_usable


def test_a_form_of_another_site_changes_nothing(alice: User) -> None:
    row, _plain = api_tokens.issue(alice, "mine")
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend=settings.AUTHENTICATION_BACKENDS[0])
    answer = client.patch(f"/api/tokens/{row.pk}", {"day_limit": 0}, content_type="application/json")
    assert answer.status_code == 403
    row.refresh_from_db()
    assert row.day_limit is None


def test_a_made_token_begins_to_count_at_once(api: Tokens) -> None:
    row = ApiToken.objects.get(pk=api.make(total_limit=MICRO).json()["id"])
    account = factories.account_of(row.user)
    with transaction.atomic():
        credits.hold(account.pk, MICRO, "a", token=row)
    with pytest.raises(credits.TokenLimitReached), transaction.atomic():
        credits.hold(account.pk, 1, "b", token=row)
