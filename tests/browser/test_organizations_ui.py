"""Organisations on a telephone, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.organizations import management
from tests import factories
from tests.browser.conftest import Window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]


def test_a_long_name_of_an_organisation_widens_no_page(window: Open) -> None:
    alice = factories.make_user("alice")
    made = management.create(alice, "x" * management.MAX_NAME_LENGTH)
    management.act_for(alice, made.pk)
    member = window(width=390)
    member.sign_in("alice")
    for path in ("/account/organizations/", f"/account/organizations/{made.pk}/", "/account/tokens/"):
        member.open(path)
        assert member.sideways() == 0, path
    assert member.complaints == []
