"""What is not yours does not exist: every page and picture, asked for by a stranger and by a visitor."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import User
from gallery.models import Item
from predictions.models import Prediction
from tests import factories

SIZES = ("small", "medium", "full")
READ = ["/library/{id}/", "/gallery/{id}/", *(f"/gallery/{{id}}/picture/{size}" for size in SIZES)]
WRITE = ["publish", "unpublish", "share", "delete", "share/1/withdraw"]


@pytest.mark.parametrize("path", READ)
def test_a_private_picture_is_404_to_a_stranger(item: Item, as_charlie: Client, path: str) -> None:
    assert as_charlie.get(path.format(id=item.public_id)).status_code == 404


@pytest.mark.parametrize("path", READ[1:])
def test_a_private_picture_is_404_to_a_visitor(item: Item, client: Client, path: str) -> None:
    assert client.get(path.format(id=item.public_id)).status_code == 404


def test_a_visitor_is_asked_to_sign_in_and_comes_back(item: Item, client: Client) -> None:
    path = f"/library/{item.public_id}/"
    assert client.get(path)["Location"] == f"/accounts/login/?{urlencode({'next': path})}"


@pytest.mark.parametrize("deed", WRITE)
def test_a_stranger_changes_nothing(public: Item, as_charlie: Client, deed: str) -> None:
    before = Item.objects.values().get(pk=public.pk)
    assert as_charlie.post(f"/library/{public.public_id}/{deed}/").status_code == 404
    assert Item.objects.values().get(pk=public.pk) == before
    assert public.share_links.count() == 0


@pytest.mark.parametrize("deed", WRITE)
def test_a_deed_needs_a_form_of_ours(item: Item, alice: User, deed: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert strict.post(f"/library/{item.public_id}/{deed}/").status_code == 403
    assert strict.get(f"/library/{item.public_id}/{deed}/").status_code == 405


@pytest.mark.parametrize("deed", ["cancel", "again"])
def test_a_stranger_touches_no_prediction(alice: User, as_charlie: Client, deed: str) -> None:
    prediction = factories.make_prediction(alice)
    assert as_charlie.post(f"/studio/{prediction.public_id}/{deed}/").status_code == 404
    prediction.refresh_from_db()
    assert prediction.status == "starting"
    assert Prediction.objects.count() == 1


def test_the_live_strips_of_others_are_not_sent(alice: User, as_charlie: Client) -> None:
    prediction = factories.make_prediction(alice, input={"prompt": "a secret"})
    answer = as_charlie.post("/studio/live/", {"known": f"{prediction.public_id}.0."})
    assert b"a secret" not in answer.content
    assert answer.status_code == 286


def test_the_studio_is_not_filled_from_a_strangers_prediction(alice: User, as_charlie: Client) -> None:
    prediction = factories.make_prediction(alice, input={"prompt": "a secret"})
    assert b"a secret" not in as_charlie.get(f"/studio/?from={prediction.public_id}").content


def test_the_library_holds_only_ones_own(item: Item, public: Item, as_charlie: Client) -> None:
    page = as_charlie.get("/library/").content.decode()
    assert item.public_id not in page
    assert public.public_id not in page


def test_the_gallery_holds_nothing_private_or_hidden(item: Item, alice: User, client: Client) -> None:
    hidden = factories.make_item(alice, visibility="public", hidden_at="2026-01-01T00:00:00Z")
    page = client.get("/gallery/").content.decode()
    assert item.public_id not in page
    assert hidden.public_id not in page
    assert client.get(f"/gallery/{hidden.public_id}/").status_code == 404


def test_the_outputs_own_address_stands_on_no_public_page(public: Item, client: Client) -> None:
    for path in ("/", "/gallery/", f"/gallery/{public.public_id}/"):
        page = client.get(path).content.decode()
        assert public.output.token not in page
        assert public.output.file.key not in page


def test_a_public_page_does_not_tell_the_cost(public: Item, client: Client) -> None:
    assert "credit" not in client.get(f"/gallery/{public.public_id}/").content.decode().lower()
