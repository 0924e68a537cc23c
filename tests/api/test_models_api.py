"""`/api/models`: the catalogue with prices, inputs, and whether it can be served."""

from __future__ import annotations

import pytest

from accounts import credits
from accounts.models import MICRO, Plan, User
from accounts.tokens import api_tokens
from predictions import availability
from predictions.catalogue import loader, shipped_models
from predictions.models import HostedModel, Price, Version
from tests import factories
from tests.api.conftest import Frontend

pytestmark = pytest.mark.django_db


def test_a_model_shows_its_price_and_what_it_takes(
    mine: Frontend, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "can_serve", lambda model: True)
    shown = mine.get(f"/api/models/{version.model.ref}").json()
    assert shown["price"] == {"unit": "output", "amount": MICRO, "least": 0, "most": None, "rules": []}
    assert (shown["version"], shown["servable"]) == (version.pk, True)
    assert set(shown["inputs"]["properties"]) == {"prompt", "width", "seed"}


def test_the_newest_price_counts(mine: Frontend, version: Version) -> None:
    factories.make_price(version.model, 5 * MICRO, Price.Unit.RUN)
    price = mine.get(f"/api/models/{version.model.ref}").json()["price"]
    assert (price["unit"], price["amount"]) == ("run", 5 * MICRO)


def test_a_model_without_price_or_version_cannot_be_served(mine: Frontend) -> None:
    bare = factories.make_model()
    row = mine.rows("/api/models")[0]
    assert (row["model"], row["price"], row["version"], row["servable"]) == (bare.ref, None, None, False)
    assert mine.get(f"/api/models/{bare.ref}").status_code == 404


def test_a_walk_sees_the_shipped_models_in_the_operators_order(mine: Frontend) -> None:
    loader.load()
    rows = mine.rows("/api/models", limit=3)
    assert tuple(row["model"] for row in rows) == shipped_models.refs()


def test_kind_and_servable_are_filters(mine: Frontend, monkeypatch: pytest.MonkeyPatch) -> None:
    loader.load()
    monkeypatch.setattr(availability, "served_refs", lambda: {"stability-ai/sdxl"})
    assert {row["kind"] for row in mine.rows("/api/models", kind="inpainting")} == {"inpainting"}
    assert [row["model"] for row in mine.rows("/api/models", servable="true")] == ["stability-ai/sdxl"]
    assert len(mine.rows("/api/models", servable="false")) == len(shipped_models.refs()) - 1


def test_a_model_without_a_price_is_among_those_that_cannot_be_served(
    mine: Frontend, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = HostedModel.objects.create(owner="acme", name="bare")
    factories.make_version(bare)
    Price.objects.filter(model=bare).delete()
    refs = {version.model.ref, bare.ref}
    monkeypatch.setattr(availability, "served_refs", lambda: refs)
    monkeypatch.setattr(availability, "can_serve", lambda model: model.ref in refs)
    for wanted, ref in (("true", version.model.ref), ("false", bare.ref)):
        rows = mine.rows("/api/models", servable=wanted)
        assert [(row["model"], row["servable"]) for row in rows] == [(ref, wanted == "true")]


def test_a_model_says_whether_the_plan_and_the_token_have_it(
    mine: Frontend, alice: User, version: Version
) -> None:
    other = factories.make_version(factories.make_model())
    limited = api_tokens.issue(alice, "shop", allowed_models=[other.model.ref])[1]

    def permitted(headers: dict[str, str]) -> dict[str, bool]:
        rows = mine.client.get("/api/models", headers=headers).json()["results"]
        return {row["model"]: row["permitted"] for row in rows}

    assert permitted(mine.headers) == {version.model.ref: True, other.model.ref: True}
    narrow = {version.model.ref: False, other.model.ref: True}
    assert permitted({"Authorization": f"Bearer {limited}"}) == narrow
    plan = Plan.objects.create(name="Studio", allowed_models=[other.model.ref])
    credits.set_plan(factories.account_of(alice), plan)
    assert permitted(mine.headers) == narrow
    assert mine.get(f"/api/models/{version.model.ref}").json()["permitted"] is False


def test_a_disabled_model_is_not_shown(mine: Frontend, version: Version) -> None:
    HostedModel.objects.update(enabled=False)
    assert mine.rows("/api/models") == []
    assert mine.get(f"/api/models/{version.model.ref}").status_code == 404


@pytest.mark.parametrize(
    "query", [{"kind": "music"}, {"servable": "yes"}, {"cursor": "x"}, {"cursor": "9" * 39}, {"limit": "-1"}]
)
def test_a_bad_filter_is_named(mine: Frontend, query: dict[str, str]) -> None:
    answer = mine.get("/api/models", **query)
    assert (answer.status_code, list(answer.json()["faults"])) == (400, list(query))
