"""Helpers of the gallery's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.utils import translation

from accounts.models import User
from gallery.models import Item
from tests.gallery.pictures import picture_item


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """A request in Chinese leaves no language behind for the next test."""
    yield
    translation.deactivate_all()


@pytest.fixture
def item(alice: User) -> Item:
    """A private picture of Alice's."""
    return picture_item(alice, "a red lighthouse")


@pytest.fixture
def public(alice: User) -> Item:
    """A published picture of Alice's."""
    return picture_item(alice, "a green valley", visibility="public")


@pytest.fixture
def as_alice(client_of: Callable[[User], Client], alice: User) -> Client:
    """Alice's browser."""
    return client_of(alice)


@pytest.fixture
def as_charlie(client_of: Callable[[User], Client], charlie: User) -> Client:
    """A stranger's browser."""
    return client_of(charlie)
