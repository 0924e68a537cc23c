"""Keyset lists, the catalogue, and the token's account."""

from __future__ import annotations

import pytest

from accounts.models import User
from predictions.catalogue import shipped_models
from predictions.models import Version
from tests import factories
from tests.predictions.api_dialects.replicate.conftest import Api

pytestmark = pytest.mark.django_db


def walk(api: Api, path: str, way: str = "next") -> list[str]:
    found: list[str] = []
    url: str | None = path
    while url:
        page = api.get(url).json()
        found += [row["id"] for row in page["results"]]
        url = page[way]
    return found


def test_a_walk_sees_every_row_once_newest_first_while_new_ones_are_made(
    api: Api, alice: User, version: Version
) -> None:
    rows = [factories.make_prediction(alice, version, ceiling=0) for _ in range(7)]
    first = api.get("/predictions?limit=3").json()
    assert first["previous"] is None
    assert first["next"].startswith("http://testserver/v1/predictions?limit=3&cursor=")
    factories.make_prediction(alice, version, ceiling=0)
    seen = [row["id"] for row in first["results"]] + walk(api, first["next"])
    assert seen == [row.public_id for row in reversed(rows)]


def test_a_walk_back_ends_at_the_newest(api: Api, alice: User, version: Version) -> None:
    rows = [factories.make_prediction(alice, version, ceiling=0) for _ in range(5)]
    second = api.get(api.get("/predictions?limit=2").json()["next"]).json()
    back = api.get(second["previous"]).json()
    assert [row["id"] for row in back["results"]] == [rows[4].public_id, rows[3].public_id]
    assert back["previous"] is None


def test_a_page_costs_the_same_number_of_queries_however_long(
    api: Api, alice: User, version: Version, django_assert_num_queries: object
) -> None:
    factories.make_prediction(alice, version, ceiling=0)
    api.get("/predictions")
    for _ in range(9):
        factories.make_prediction(alice, version, ceiling=0)
    with django_assert_num_queries(4):  # type: ignore[operator]
        assert len(api.get("/predictions").json()["results"]) == 10


def test_what_was_made_between_two_spans_is_in_the_later_alone(
    api: Api, alice: User, version: Version
) -> None:
    made = factories.make_prediction(alice, version, ceiling=0)
    between = made.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    found = [
        api.get(f"/predictions?{side}={between}").json()["results"]
        for side in ("created_before", "created_after")
    ]
    assert [len(one) for one in found] == [0, 1]


def test_filters_are_repeated_in_the_cursor(api: Api, alice: User, version: Version) -> None:
    for source in ("web", "api", "web"):
        factories.make_prediction(alice, version, ceiling=0, source=source)
    first = api.get("/predictions?source=web&limit=1&created_after=2020-01-01T00:00:00Z").json()
    assert "source=web" in first["next"] and "created_after=" in first["next"]
    assert len(walk(api, "/predictions?source=web&limit=1")) == 2
    assert api.get("/predictions?created_before=2020-01-01T00:00:00Z").json()["results"] == []


def test_an_aborted_prediction_is_shown_as_canceled(api: Api, alice: User, version: Version) -> None:
    factories.make_prediction(alice, version, status="aborted")
    assert [row["status"] for row in api.get("/predictions").json()["results"]] == ["canceled"]


def test_the_shipped_models_are_listed_with_schemas_that_clients_accept(api: Api, ten_models: object) -> None:
    models = api.get("/models").json()["results"]
    assert {f"{model['owner']}/{model['name']}" for model in models} == set(shipped_models.refs())
    for model in models:
        assert isinstance(model["run_count"], int)
        assert model["default_example"]["version"] == model["latest_version"]["id"]
        version = model["latest_version"]
        assert version["cog_version"] == "0.9.0" and len(version["id"]) == 64
        assert {"Input", "Output"} <= set(version["openapi_schema"]["components"]["schemas"])
    assert api.get(f"/models/{models[0]['owner']}/{models[0]['name']}").json()["name"] == models[0]["name"]


def test_choices_are_published_as_named_components(api: Api, ten_models: object) -> None:
    schema = api.get("/models/lucataco/flux-dev-lora").json()["latest_version"]["openapi_schema"]
    ratio = schema["components"]["schemas"]["Input"]["properties"]["aspect_ratio"]
    assert ratio["allOf"] == [{"$ref": "#/components/schemas/aspect_ratio"}] and ratio["default"] == "1:1"
    assert "16:9" in schema["components"]["schemas"]["aspect_ratio"]["enum"]


def test_the_catalogue_is_filled_once_and_keeps_what_an_operator_changed(ten_models: object) -> None:
    from predictions.catalogue import loader
    from predictions.models import HostedModel, Price

    HostedModel.objects.filter(name="sdxl").update(enabled=False, description="ours")
    assert loader.load() == 0
    assert HostedModel.objects.get(name="sdxl").description == "ours"
    prices = {p.model.name: (p.unit, p.amount) for p in Price.objects.select_related("model")}
    assert prices["stable-diffusion"] == ("output", 340_000)
    assert prices["rembg"] == ("run", 220_000) and prices["object-removal"] == ("run", 50_000)
    assert prices["stable-diffusion-animation"] == ("run", 13_000_000)


def test_a_disabled_model_is_neither_listed_nor_served(api: Api, version: Version) -> None:
    version.model.__class__.objects.filter(pk=version.model_id).update(enabled=False)
    assert api.get("/models").json()["results"] == []
    assert api.get(f"/models/{version.model.ref}").status_code == 404
    assert api.create(version.pk, {"prompt": "a"}).status_code == 422


def test_the_account_is_the_tokens(api: Api) -> None:
    shown = api.get("/account").json()
    assert (shown["type"], shown["username"]) == ("user", "alice")
    assert isinstance(shown["name"], str)
