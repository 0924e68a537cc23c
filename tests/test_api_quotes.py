"""`/api/quotes` names the price of a create, and leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import MICRO, LedgerEntry, User
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
    monkeypatch.setattr(availability, "can_serve", lambda model: True)
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
    monkeypatch.setattr(availability, "can_serve", lambda model: False)
    answer = ask(client, bearer(alice), several.pk, prompt="a lighthouse")
    assert (answer.status_code, answer.json()["title"]) == (422, "Model not available")


@pytest.mark.parametrize("version", ["acme/none", "f" * 64, "../..", "é"])
def test_an_unknown_version_is_not_found(client: Client, alice: User, bearer: Bearer, version: str) -> None:
    assert ask(client, bearer(alice), version, prompt="p").status_code == 404


@pytest.mark.django_db
def test_a_visitor_gets_no_quote(client: Client) -> None:
    assert ask(client, {}, "acme/none").status_code == 401
