"""An imported model runs end to end as soon as it has a price, and not before."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import MICRO, AuditEntry, User
from predictions.catalogue import cog_import, cog_schema
from predictions.models import HostedModel, Prediction, Version
from predictions.pricing import revisions
from tests import factories, fakes
from tests.fakes import FakeProvider
from tests.predictions.catalogue.test_cog_schema import document

PAGE = "/admin/predictions/hostedmodel/import/"


@pytest.fixture
def staff_client(staff: User, client_of: Any) -> Client:
    browser: Client = client_of(staff)
    return browser


@pytest.mark.django_db(transaction=True)
def test_it_runs_once_it_has_a_price(
    alice: User, bearer: Any, provider: FakeProvider, tmp_path: Path
) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(document())
    said = io.StringIO()
    call_command("importmodel", "acme/ink", str(path), stdout=said)
    assert "no price yet" in said.getvalue()
    version = Version.objects.get()
    headers = bearer(alice)
    payload = {"version": "acme/ink", "input": {"prompt": "a hill", "style": "oil", "steps": 40}}

    def ask(body: dict[str, Any]) -> Any:
        return Client().post("/v1/predictions", body, content_type="application/json", headers=headers)

    refused = ask(payload)
    assert (refused.status_code, Prediction.objects.exists()) == (422, False)
    assert "no price" in refused.json()["detail"]
    revisions.add(
        version.model, None, unit="output", amount=MICRO, least=0, most=None, source="",
        rules=[{"input": "steps", "above": 30, "factor": "1.5"}],
    )  # fmt: skip
    wrong = ask({**payload, "input": {"prompt": "a hill", "style": "chalk"}})
    assert (wrong.status_code, wrong.json()["invalid_fields"][0]["field"]) == (422, "input.style")
    made = ask(payload).json()
    fakes.work_off()
    row = Prediction.objects.get(public_id=made["id"])
    assert (row.status, row.ceiling, row.charge, row.delivered) == ("succeeded", 1_500_000, 1_500_000, 1)
    assert provider.orders[0].input["style"] == "oil"
    shown = Client().get("/v1/models/acme/ink", headers=headers).json()
    assert shown["latest_version"]["id"] == version.pk


@pytest.mark.django_db
def test_a_price_that_bounds_nothing_refuses_at_every_door(
    alice: User, bearer: Any, provider: FakeProvider
) -> None:
    version = cog_import.import_version("acme", "ink", cog_schema.read(document())).version
    revisions.add(
        version.model, None, unit="megapixel", amount=MICRO, least=0, most=None, source="", rules=[]
    )
    payload = {"version": version.pk, "input": {"prompt": "a hill"}}
    for path in ("/v1/predictions", "/api/quotes"):
        answer = Client().post(path, payload, content_type="application/json", headers=bearer(alice))
        assert (answer.status_code, "no price" in answer.json()["detail"]) == (422, True), answer.content
    assert not Prediction.objects.exists()


@pytest.mark.django_db
def test_the_command_says_what_is_wrong_and_makes_nothing_when_it_only_looks(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(document())
    bad.write_text("{}")
    said = io.StringIO()
    call_command("importmodel", "acme/ink", str(good), "--dry", stdout=said)
    assert "would be a model of the kind text-to-image" in said.getvalue()
    for ref, path in (("acme/ink", bad), ("acme", good), ("acme/ink", tmp_path / "none.json")):
        with pytest.raises(CommandError):
            call_command("importmodel", ref, str(path))
    assert not HostedModel.objects.exists()


def seen(page: Any) -> str:
    match = re.search(r'value="([0-9a-f]{64})"', page.content.decode())
    assert match
    return match[1]


def test_the_desk_shows_the_controls_first_and_then_makes_it(staff_client: Client, staff: User) -> None:
    form = {"owner": "acme", "name": "ink", "kind": "", "version": "", "description": "Ink.", "text": ""}
    # A file has lines and ends in one; a browser sends the text of a form back with ends of its own.
    sent = io.BytesIO(json.dumps(json.loads(document()), indent=2).encode() + b"\n")
    sent.name = "openapi.json"
    page = staff_client.post(PAGE, form | {"file": sent})
    text = page.content.decode()
    assert page.status_code == 200
    assert not HostedModel.objects.exists()
    for words in (
        "What would be made",
        "text to image",
        "text, in the dock",
        "picture, may be left out",
        "choices",
    ):
        assert words in text, words
    shown = page.context["form"].initial["text"]
    assert "\n" in shown
    again = form | {"text": shown.replace("\n", "\r\n"), "seen": seen(page)}
    made = staff_client.post(PAGE, again)
    model = HostedModel.objects.get()
    assert made["Location"] == f"/admin/predictions/price/add/?model={model.pk}"
    assert (model.ref, model.kind, model.description) == ("acme/ink", "text-to-image", "Ink.")
    entry = AuditEntry.objects.get(action="model.import")
    assert (entry.actor, entry.detail["new"]) == (staff, True)


def test_made_is_only_what_was_seen(staff_client: Client) -> None:
    form = {"owner": "acme", "name": "ink", "text": document()}
    page = staff_client.post(PAGE, form)
    other = document(made={"type": "string", "format": "uri"})
    staff_client.post(PAGE, form | {"text": other, "seen": seen(page)})
    assert not HostedModel.objects.exists()


@pytest.mark.parametrize(
    "form",
    [
        {"owner": "acme", "name": "ink"},
        {"owner": "a/b", "name": "ink", "text": document()},
        {"owner": "acme", "name": "ink", "text": "{}"},
        {
            "owner": "acme",
            "name": "ink",
            "text": json.dumps({"components": {"schemas": {"Input": {"$ref": "#/a"}}}}),
        },
    ],
)
def test_what_cannot_be_brought_in_is_told_on_the_page(staff_client: Client, form: dict[str, str]) -> None:
    assert staff_client.post(PAGE, form).status_code == 422
    assert not HostedModel.objects.exists()


def test_an_id_that_is_none_is_told_at_its_field_before_anything_is_looked_at(staff_client: Client) -> None:
    page = staff_client.post(PAGE, {"owner": "acme", "name": "ink", "version": "v2", "text": document()})
    assert page.status_code == 422 and list(page.context["form"].errors) == ["version"]


@pytest.mark.parametrize("option", [("--kind", "poetry"), ("--version-id", "v2")])
def test_a_dry_run_refuses_what_the_real_one_would(db: None, tmp_path: Path, option: tuple[str, str]) -> None:
    good = tmp_path / "openapi.json"
    good.write_text(document())
    with pytest.raises(CommandError):
        call_command("importmodel", "acme/ink", str(good), "--dry", *option, stdout=io.StringIO())


def test_only_who_may_add_models_brings_one_in(db: None, client_of: Any) -> None:
    clerk = factories.make_user("clerk", is_staff=True)
    assert client_of(clerk).get(PAGE).status_code == 403
    assert (
        client_of(clerk).post(PAGE, {"owner": "acme", "name": "ink", "text": document()}).status_code == 403
    )
