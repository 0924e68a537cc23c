"""The rows of the factories are rows that the product itself would make."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.files.storage import storages

from accounts.models import MICRO, User
from predictions.models import Status, Version
from tests import factories


def test_it_keeps_its_files_away_from_an_installation() -> None:
    assert "darkroom-test-" in str(settings.DATA)
    assert str(settings.MEDIA_ROOT).startswith(str(settings.DATA))


def test_it_settles_what_has_ended(alice: User, version: Version) -> None:
    factories.make_prediction(alice, version, status=Status.SUCCEEDED, ceiling=3 * MICRO, charge=MICRO)
    account = factories.account_of(alice)
    assert (account.balance, account.held) == (99 * MICRO, 0)


def test_it_holds_for_what_is_live(alice: User, version: Version) -> None:
    factories.make_prediction(alice, version, ceiling=3 * MICRO)
    account = factories.account_of(alice)
    assert (account.balance, account.held) == (97 * MICRO, 3 * MICRO)


def test_it_stores_real_bytes(alice: User) -> None:
    item = factories.make_item(alice)
    file = item.output.file
    with storages["outputs"].open(file.key) as handle:
        assert len(handle.read()) == file.size


@pytest.mark.django_db
def test_it_gives_every_user_an_account() -> None:
    assert factories.make_user().account is not None
