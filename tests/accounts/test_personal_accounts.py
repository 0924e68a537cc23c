"""Every user has exactly one personal account, however they signed up."""

from __future__ import annotations

from functools import partial

import pytest

from accounts.models import Account, Membership, User
from accounts.personal_accounts import ensure_account
from tests import factories
from tests.support.races import together


@pytest.mark.django_db
def test_a_user_made_by_any_means_owns_an_account() -> None:
    for make in (User.objects.create_user, User.objects.create_superuser):
        user = make(username=f"made-{make.__name__}", password="correct horse")
        assert Membership.objects.get(user=user).account == user.account


@pytest.mark.django_db
def test_saving_again_makes_no_second_account() -> None:
    user = factories.make_user()
    user.save()
    assert Account.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_who_make_an_account_at_once_one_does() -> None:
    user = factories.make_user()
    Membership.objects.all().delete()
    User.objects.update(account=None)
    Account.objects.all().delete()
    results = together([partial(ensure_account, User.objects.get(pk=user.pk)) for _number in range(6)])
    assert {account.pk for account in results} == {Account.objects.get().pk}
    assert Membership.objects.count() == 1
