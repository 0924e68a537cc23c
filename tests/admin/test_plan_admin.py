"""Admin of plans: amounts in credits, one default plan, models that exist, and every change in the audit log."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import MICRO, Account, AuditEntry, Plan, User
from predictions.models import Version
from tests import factories
from tests.runner.sampling import one_in

ADD = "/admin/accounts/plan/add/"


@pytest.fixture
def staff_client(staff: User, client_of: Any) -> Client:
    browser: Client = client_of(staff)
    return browser


def test_a_plan_is_written_in_credits_and_gibibytes(
    staff_client: Client, staff: User, version: Version
) -> None:
    form = {
        "name": "Studio", "is_default": "on", "allowance": "500", "allowance_every": "day", "day_limit": "0.5",
        "month_limit": "", "priority": "2", "models": version.model.ref, "room": "1.5", "in_flight_limit": "8",
    }  # fmt: skip
    answer = staff_client.post(ADD, form)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    plan = Plan.objects.get()
    assert (plan.allowance, plan.day_limit, plan.month_limit) == (500 * MICRO, MICRO // 2, None)
    assert (plan.allowed_models, plan.storage_quota) == ([version.model.ref], 3 * 2**29)
    assert (plan.priority, plan.is_default, plan.allowance_every) == (2, True, "day")
    entry = AuditEntry.objects.get(action="plan.add")
    assert (entry.actor, entry.detail["after"]["allowance"]) == (staff, 500 * MICRO)
    page = staff_client.get(f"/admin/accounts/plan/{plan.pk}/change/").content.decode()
    for shown in ('value="500.00"', 'value="0.50"', 'value="1.500"', version.model.ref):
        assert shown in page, shown


def test_one_plan_is_for_new_accounts(staff_client: Client) -> None:
    for name in ("Free", "Better"):
        assert staff_client.post(ADD, {"name": name, "is_default": "on"}).status_code == 302
    assert list(Plan.objects.filter(is_default=True).values_list("name", flat=True)) == ["Better"]


def test_a_changed_limit_is_asked_for_by_every_account_that_has_the_plan(
    staff_client: Client, alice: User
) -> None:
    plan = Plan.objects.create(name="Free")
    Account.objects.filter(pk=alice.account_id).update(plan=plan)
    page = f"/admin/accounts/plan/{plan.pk}/change/"
    assert staff_client.post(page, {"name": "Free", "day_limit": "3"}).status_code == 302
    assert factories.account_of(alice).limits_tokens
    entry = AuditEntry.objects.get(action="plan.change")
    assert (entry.detail["before"]["day_limit"], entry.detail["after"]["day_limit"]) == (None, 3 * MICRO)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    one_in(
        2,
        [
            ("allowance", "-1", "It must not be negative"),
            ("day_limit", "lots", "An amount is a decimal number"),
            ("in_flight_limit", "0", "A limit is at least 1"),
            ("models", "acme/nothing", "There is no model acme/nothing"),
            ("priority", "5000", "from -1000 to 1000"),
            ("room", "-1", "greater than or equal to"),
            ("name", "Free", "already exists"),
        ],
    ),
)
def test_what_is_no_limit_is_refused(staff_client: Client, field: str, value: str, words: str) -> None:
    Plan.objects.create(name="Free")
    answer = staff_client.post(ADD, {"name": "Other", field: value})
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert Plan.objects.count() == 1
    assert not AuditEntry.objects.exists()
