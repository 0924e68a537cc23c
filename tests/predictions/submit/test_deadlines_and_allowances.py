"""A create with a deadline that succeeds only after the due allowance was granted."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.credits import allowances
from accounts.models import MICRO, Account, Plan, User
from predictions.models import Prediction, Version
from predictions.submit import acceptance, work_request
from tests import factories
from tests.fakes import FakeProvider, provider

__all__ = ["provider"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_another_prediction_that_comes_between_the_two_looks_is_no_hindrance(
    bob: User, charlie: User, version: Version, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan.objects.create(name="free", allowance=5 * MICRO)
    Account.objects.filter(pk=charlie.account_id).update(plan=plan)
    renew = allowances.renew

    def renewed(*args: Any, **named: Any) -> bool:
        factories.make_prediction(bob, version)
        return renew(*args, **named)

    monkeypatch.setattr(allowances, "renew", renewed)
    account = factories.account_of(charlie)
    request = work_request.Request(account, charlie, version, {"prompt": "a cat"}, deadline_s=60.0)
    made = acceptance.accept(request)
    assert made.deadline is not None and made.pk != Prediction.objects.get(user=bob).pk
    assert Prediction.objects.count() == 2
    assert factories.account_of(charlie).held == MICRO
