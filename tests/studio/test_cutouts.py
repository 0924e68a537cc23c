"""Cut out a selection of the library: one press, one group, for the price that was said before."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import MICRO, Account, User
from gallery.models import Item
from predictions.catalogue import loader, lookup
from predictions.models import Prediction, Price
from studio import batches
from tests.runner.sampling import one_in
from tests.support.picture_items import many_items, picture_item

HTMX = {"HX-Request": "true"}
REMBG = "cjwbw/rembg"
EACH = 220_000
"""What one costs, in micro-credits."""


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    loader.load()


@pytest.fixture
def three(alice: User) -> list[Item]:
    return [picture_item(alice, f"hut {number}", seed=number) for number in range(3)]


def ids(items: list[Item]) -> str:
    return " ".join(item.public_id for item in items)


def asked() -> list[Prediction]:
    """All that was asked of the model that cuts out."""
    return list(Prediction.objects.filter(model__name="rembg").order_by("id"))


def cut(client: Client, items: list[Item], **form: str) -> Any:
    return client.post("/studio/cut/", {"ids": ids(items), "next": "/library/?show=private", **form})


def test_the_price_is_shown_first_and_nothing_is_asked_for(as_alice: Client, three: list[Item]) -> None:
    for headers in ({}, HTMX):
        answer = as_alice.post("/studio/cut/", {"ids": ids(three)}, headers=headers)
        page = answer.content.decode()
        assert answer.status_code == 200
        assert "Cut out 3 pictures" in page and "0.66 credits" in page
        assert f'name="quoted" value="{3 * EACH}"' in page
        assert ("<html" in page) == (not headers)
    assert not asked()


def test_what_was_shown_is_made_as_one_group_that_descends_from_its_pictures(
    as_alice: Client, three: list[Item]
) -> None:
    answer = cut(as_alice, three, quoted=str(3 * EACH))
    assert (answer.status_code, answer["Location"]) == (302, "/studio/")
    made = asked()
    assert len(made) == 3
    assert len({one.batch for one in made}) == 1 and made[0].batch
    assert {one.made_from for one in made} == {item.public_id for item in three}
    assert {one.made_how for one in made} == {"input"}
    assert sum(one.ceiling for one in made) == 3 * EACH
    outputs = {one.made_from: one.input["image"] for one in made}
    for item in three:
        assert outputs[item.public_id].endswith(f"/{item.output.token}/{item.output.name}")
    sheet = as_alice.get("/studio/").content.decode()
    assert f"head-{made[0].batch}" in sheet and "0 of 3 done" in sheet
    again = as_alice.get(f"/studio/?list={made[0].batch}").content.decode()
    assert 'name="seed_count" form="form" min="1" max="16" step="1" value="1"' in again


def test_a_price_that_rose_is_shown_once_more(as_alice: Client, three: list[Item]) -> None:
    model = lookup.find_version(REMBG)
    assert model is not None
    Price.objects.create(model=model.model, number=99, unit=Price.Unit.OUTPUT, amount=EACH * 2)
    answer = cut(as_alice, three, quoted=str(3 * EACH))
    assert answer.status_code == 422
    assert "This costs 1.32 credits, not 0.66 credits as the button said." in answer.content.decode()
    assert not asked()


def test_who_has_too_little_is_told_and_the_button_rests(
    as_alice: Client, alice: User, three: list[Item]
) -> None:
    assert alice.account_id is not None
    Account.objects.filter(pk=alice.account_id).update(balance=MICRO // 2)
    shown = as_alice.post("/studio/cut/", {"ids": ids(three)}).content.decode()
    assert "This needs 0.66 credits; you have 0.5. Choose fewer" in shown
    assert cut(as_alice, three, quoted=str(3 * EACH)).status_code == 422
    assert not asked()


def test_films_are_left_as_they_are(as_alice: Client, three: list[Item]) -> None:
    film = three[0].output.file
    film.content_type = "video/mp4"
    film.save(update_fields=["content_type"])
    shown = as_alice.post("/studio/cut/", {"ids": ids(three)}).content.decode()
    assert "Cut out 2 pictures" in shown and "1 film is left as it is" in shown
    alone = as_alice.post("/studio/cut/", {"ids": three[0].public_id}, headers=HTMX)
    assert alone.json()["detail"] == "Only pictures are cut out, no films."


def test_more_than_one_press_takes_are_refused(as_alice: Client, alice: User) -> None:
    many_items(alice, batches.LARGEST + 1)
    answer = as_alice.post("/studio/cut/", {"all": "1"}, headers=HTMX)
    assert answer.status_code == 422
    assert answer.json()["detail"] == "Up to 64 pictures are cut out at once. You chose 65."


@pytest.mark.parametrize("quoted", ["", "0", "99999999"])
def test_a_stranger_cuts_out_nothing_of_others(as_charlie: Client, three: list[Item], quoted: str) -> None:
    answer = as_charlie.post("/studio/cut/", {"ids": ids(three), "quoted": quoted}, headers=HTMX)
    assert (answer.status_code, answer.json()["detail"]) == (422, "Select pictures first.")
    assert not asked()


@pytest.mark.parametrize("quoted", one_in(3, ["-1", "1e9", "٣", "9" * 400, "\0"]))
def test_what_is_no_price_is_none(as_alice: Client, three: list[Item], quoted: str) -> None:
    assert cut(as_alice, three, quoted=quoted).status_code == 200
    assert not asked()
