"""`urls.web` of a prediction leads people to the right page, and strangers to none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from gallery.items import publication
from predictions.models import Version
from tests import factories

pytestmark = pytest.mark.django_db
Browser = Callable[[User], Client]


def test_the_owner_comes_to_the_item(alice: User, client_of: Browser) -> None:
    item = factories.make_item(alice)
    answer = client_of(alice).get(f"/p/{item.output.prediction.public_id}/")
    assert answer["Location"] == f"/library/{item.public_id}/"


def test_the_owner_comes_to_the_studio_while_nothing_is_done(
    alice: User, version: Version, client_of: Browser
) -> None:
    prediction = factories.make_prediction(alice, version)
    assert client_of(alice).get(f"/p/{prediction.public_id}/")["Location"] == "/studio/"


def test_a_stranger_finds_nothing_and_a_visitor_is_asked_to_sign_in(
    alice: User, charlie: User, client_of: Browser
) -> None:
    path = f"/p/{factories.make_item(alice).output.prediction.public_id}/"
    assert client_of(charlie).get(path).status_code == 404
    assert Client().get(path)["Location"] == f"/accounts/login/?next={path}"


def test_everybody_comes_to_a_published_item(alice: User) -> None:
    item = factories.make_item(alice)
    publication.publish(item)
    answer = Client().get(f"/p/{item.output.prediction.public_id}/")
    assert answer["Location"] == f"/gallery/{item.public_id}/"
