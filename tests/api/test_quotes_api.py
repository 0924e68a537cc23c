"""`/api/quotes` names the price of a create, and leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts import credits
from accounts.credits import allowances
from accounts.models import MICRO, LedgerEntry, Plan, User
from accounts.site import maintenance_mode, site_rules
from accounts.tokens import api_tokens
from gallery.privacy import closure
from predictions import availability
from predictions.models import Prediction, Version
from tests import factories

Bearer = Callable[[User], dict[str, str]]


@pytest.fixture
def several(db: None, monkeypatch: pytest.MonkeyPatch) -> Version:
    """A version at 0.3 credits a file that takes a number of outputs, and that something can serve."""
    count = {"type": "integer", "minimum": 1, "maximum": 4, "default": 2}
    schema = {
        **factories.INPUT_SCHEMA,
        "properties": {**factories.INPUT_SCHEMA["properties"], "num_outputs": count},
    }
    monkeypatch.setattr(availability, "objection", lambda model, providers: "")
    return factories.make_version(input_schema=schema, price=300_000)


def ask(client: Client, headers: dict[str, str], version: str, **given: Any) -> Any:
    body = {"version": version, "input": given}
    return client.post("/api/quotes", body, content_type="application/json", headers=headers)


def test_it_names_the_most_that_it_can_cost(
    client: Client, alice: User, bearer: Bearer, several: Version
) -> None:
    answer = ask(client, bearer(alice), several.pk, prompt="a lighthouse", num_outputs=3)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "model": several.model.ref,
            "version": several.pk,
            "ceiling": 900_000,
            "unit": "output",
            "amount": 300_000,
            "percent": 100,
            "outputs": 3,
            "balance": 100 * MICRO,
            "enough": True,
            "objection": None,
        },
    )


def test_it_knows_the_models_own_count(
    client: Client, charlie: User, bearer: Bearer, several: Version
) -> None:
    body = ask(client, bearer(charlie), several.model.ref, prompt="a lighthouse").json()
    assert (body["ceiling"], body["enough"]) == (600_000, False)


def test_it_holds_and_stores_nothing(client: Client, alice: User, bearer: Bearer, several: Version) -> None:
    rows = LedgerEntry.objects.count()
    ask(client, bearer(alice), several.pk, prompt="a lighthouse")
    assert (LedgerEntry.objects.count(), Prediction.objects.count()) == (rows, 0)


def test_it_refuses_what_a_create_would_refuse(
    client: Client, alice: User, bearer: Bearer, several: Version
) -> None:
    answer = ask(client, bearer(alice), several.pk, num_outputs=9)
    assert (answer.status_code, answer.json()["title"]) == (422, "Input validation failed")
    assert "prompt" in answer.json()["detail"] and "num_outputs" in answer.json()["detail"]


def test_it_prices_no_model_that_nobody_serves(
    client: Client, alice: User, bearer: Bearer, several: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "objection", lambda model, providers: availability.NOT_SERVED)
    answer = ask(client, bearer(alice), several.pk, prompt="a lighthouse")
    assert (answer.status_code, answer.json()["title"]) == (422, "Model not available")


@pytest.mark.parametrize("version", ["acme/none", "f" * 64, "../..", "é"])
def test_an_unknown_version_is_not_found(client: Client, alice: User, bearer: Bearer, version: str) -> None:
    assert ask(client, bearer(alice), version, prompt="p").status_code == 404


@pytest.mark.django_db
def test_a_visitor_gets_no_quote(client: Client) -> None:
    assert ask(client, {}, "acme/none").status_code == 401


def test_it_tells_what_the_tokens_own_limit_would_say(client: Client, alice: User, several: Version) -> None:
    _token, plain = api_tokens.issue(alice, "shop", day_limit=500_000)
    body = ask(client, {"Authorization": f"Bearer {plain}"}, several.pk, prompt="a lighthouse").json()
    assert (body["ceiling"], body["enough"], body["balance"]) == (600_000, False, 100 * MICRO)
    assert "0.50 credits a day" in body["objection"]


def test_it_refuses_a_model_that_the_token_may_not_use(client: Client, alice: User, several: Version) -> None:
    _token, plain = api_tokens.issue(alice, "shop", allowed_models=[factories.make_model().ref])
    answer = ask(client, {"Authorization": f"Bearer {plain}"}, several.pk, prompt="a lighthouse")
    assert answer.status_code == 422 and several.model.ref in answer.json()["detail"]


def batch(client: Client, headers: dict[str, str], *wishes: Any) -> Any:
    body = {"wishes": list(wishes)}
    return client.post("/api/quotes/batch", body, content_type="application/json", headers=headers)


def test_a_batch_names_each_price_or_problem_and_the_sum(
    client: Client, alice: User, bearer: Bearer, several: Version
) -> None:
    good = {"version": several.pk, "input": {"prompt": "a lighthouse"}}
    answer = batch(client, bearer(alice), good, {"version": "acme/none"}, {**good, "input": {}}, good).json()
    lines = [
        line["quote"]["ceiling"] if line["quote"] else line["problem"]["status"] for line in answer["results"]
    ]
    assert lines == [600_000, 404, 422, 600_000]
    assert answer["results"][2]["problem"]["faults"].keys() == {"input"}
    assert (answer["ceiling"], answer["enough"], answer["objection"]) == (1_200_000, True, None)


def test_a_batch_may_cost_too_much_though_each_of_it_does_not(
    client: Client, charlie: User, bearer: Bearer, several: Version
) -> None:
    factories.give(charlie, 1)
    good = {"version": several.pk, "input": {"prompt": "a lighthouse"}}
    answer = batch(client, bearer(charlie), good, good).json()
    assert [line["quote"]["enough"] for line in answer["results"]] == [True, True]
    assert (answer["enough"], "insufficient credit" in answer["objection"]) == (False, True)


@pytest.mark.parametrize("count", [0, 51])
def test_a_batch_has_one_to_fifty_wishes(
    client: Client, alice: User, bearer: Bearer, several: Version, count: int
) -> None:
    answer = batch(client, bearer(alice), *[{"version": several.pk, "input": {}}] * count)
    assert (answer.status_code, list(answer.json()["faults"])) == (400, ["wishes"])


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "version"), ({"version": 5}, "version"), ({"version": "a/b", "input": [1]}, "input"),
     ({"version": "a/b", "input": "x"}, "input"), ({"version": "x" * 301}, "version")],
)  # fmt: skip
def test_a_bad_wish_is_named(
    client: Client, alice: User, bearer: Bearer, body: dict[str, Any], field: str
) -> None:
    answer = client.post("/api/quotes", body, content_type="application/json", headers=bearer(alice))
    assert (answer.status_code, list(answer.json()["faults"])) == (400, [field])


def test_it_says_that_a_limit_of_the_account_would_refuse(
    client: Client, alice: User, bearer: Bearer, several: Version
) -> None:
    credits.limit_account(factories.account_of(alice), day=None, month=700_000)
    fits = ask(client, bearer(alice), several.pk, prompt="a lighthouse").json()
    too_much = ask(client, bearer(alice), several.pk, prompt="a lighthouse", num_outputs=3).json()
    assert (fits["enough"], fits["objection"]) == (True, None)
    assert too_much["enough"] is False
    assert "limit of this account" in too_much["objection"] and "0.70 are left" in too_much["objection"]


def test_an_account_that_is_to_be_deleted_is_told_no_price(
    client: Client, alice: User, bearer: Bearer, several: Version
) -> None:
    headers = bearer(alice)
    closure.request_closure(alice)
    quoted = ask(client, headers, several.pk, prompt="a lighthouse")
    created = client.post(
        "/v1/predictions",
        {"version": several.pk, "input": {"prompt": "a lighthouse"}},
        content_type="application/json",
        headers=headers,
    )
    assert (quoted.status_code, created.status_code) == (403, 403)
    assert quoted.json()["detail"] == created.json()["detail"]


def test_a_house_in_maintenance_says_when_to_ask_for_a_price_again(
    client: Client, alice: User, bearer: Bearer, several: Version
) -> None:
    headers = bearer(alice)
    site_rules.change(maintenance=True)
    quoted = ask(client, headers, several.pk, prompt="a lighthouse")
    assert quoted.status_code == 503
    assert quoted.headers["Retry-After"] == str(maintenance_mode.RETRY_AFTER_S)


def test_it_counts_the_allowance_that_the_account_is_owed_as_the_create_itself_would(
    client: Client, charlie: User, bearer: Bearer, several: Version
) -> None:
    headers = bearer(charlie)
    credits.set_plan(factories.account_of(charlie), Plan.objects.create(name="Monthly", allowance=5 * MICRO))
    for _again in range(2):
        answer = ask(client, headers, several.pk, prompt="a lighthouse").json()
        assert (answer["enough"], answer["objection"], answer["balance"]) == (True, None, 5 * MICRO)
    assert LedgerEntry.objects.filter(account=charlie.account_id, kind="allowance").count() == 1


def test_what_was_given_since_the_account_was_read_counts_too(charlie: User) -> None:
    credits.set_plan(factories.account_of(charlie), Plan.objects.create(name="Monthly", allowance=5 * MICRO))
    read_before = factories.account_of(charlie)
    # The chore, or another request of theirs, comes first.
    assert allowances.renew(read_before.pk)
    assert allowances.covers(read_before, 5 * MICRO) and read_before.balance == 5 * MICRO


def test_it_says_not_enough_where_nothing_is_owed_and_leaves_the_ledger_alone(
    client: Client, charlie: User, bearer: Bearer, several: Version
) -> None:
    headers = bearer(charlie)
    credits.set_plan(factories.account_of(charlie), Plan.objects.create(name="Nothing"))
    answer = ask(client, headers, several.pk, prompt="a lighthouse").json()
    assert answer["enough"] is False and not LedgerEntry.objects.filter(account=charlie.account_id).exists()
