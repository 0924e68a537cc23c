"""Which of environment, site, plan and account goes first, and that docs/operating.md lists all of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Account, Plan, Site
from accounts.site import account_limits, site_rules

ROOT = Path(__file__).resolve().parents[3]
NO_SETTINGS = {
    Site: {"id", "changed_at", "maintenance_en", "maintenance_zh", "maintenance_until"},
    Plan: {"id", "name", "created_at"},
}
"""Columns that set nothing, or belong to one that does."""
COLUMN_OF = {Site: 2, Plan: 3}
ENVIRONMENT = {
    "creates_per_minute": "DARKROOM_RATE_CREATE",
    "requests_per_minute": "DARKROOM_RATE_OTHER",
    "in_flight_limit": "DARKROOM_IN_FLIGHT_PER_ACCOUNT",
    **{column: f"DARKROOM_{name}" for column, name in account_limits.QUOTA_SETTINGS.items()},
}
"""Variables by the column of `Plan` that replaces them."""


def section() -> str:
    manual = (ROOT / "docs/operating.md").read_text()
    return manual.partition("## Which setting goes first\n")[2].partition("\n## ")[0]


def rows() -> list[list[str]]:
    lines = [line for line in section().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("model", [Site, Plan])
def test_every_setting_of_site_and_plan_is_in_the_table_or_said_to_be_in_one_place_only(model: Any) -> None:
    in_table = {name for row in rows() for name in re.findall(r"`(\w+)`", row[COLUMN_OF[model]])}
    in_one_place = set(re.findall(r"`([a-z_]+)`", section().partition("Set in one place only:")[2]))
    columns = {field.name for field in model._meta.concrete_fields} - NO_SETTINGS[model]
    assert columns - in_table - in_one_place == set()
    assert in_table - columns == set(), "the table names columns that are not there"
    assert columns & in_table & in_one_place == set()


def test_what_plan_and_environment_both_set_stands_in_one_row() -> None:
    variables = {column: row[1] for row in rows() for column in re.findall(r"`(\w+)`", row[3])}
    assert {column: variables[column].strip("`") for column in ENVIRONMENT} == ENVIRONMENT


def test_what_site_and_environment_both_set_stands_in_one_row() -> None:
    code = Path(site_rules.__file__).read_text()
    from_both = re.findall(r"current\(\)\.(\w+)(?:(?!\ndef ).)*settings\.([A-Z_]+)", code, re.DOTALL)
    assert ("registration", "REGISTRATION") in from_both and (
        "welcome_credits",
        "WELCOME_CREDITS",
    ) in from_both
    variables = {row[2].strip("`"): row[1].strip("`") for row in rows()}
    assert {column: variables[column] for column, _name in from_both} == {
        column: f"DARKROOM_{name}" for column, name in from_both
    }


@pytest.mark.parametrize(
    ("of_plan", "of_environment", "in_force"), [(None, 7, 7), (3, 7, 3), (0, 7, 7), (None, 0, 0), (3, 0, 3)]
)
def test_a_plan_goes_before_the_environment_in_rates(
    settings: Any, of_plan: int | None, of_environment: int, in_force: int
) -> None:
    settings.RATE_LIMITS = {"create": of_environment, "other": of_environment, "poll": 99}
    account = Account(plan=Plan(pk=1, creates_per_minute=of_plan, requests_per_minute=of_plan))
    assert account_limits.requests_per_minute(account, "create") == in_force
    assert account_limits.requests_per_minute(account, "other") == in_force
    assert account_limits.requests_per_minute(account, "poll") == 99
    assert account_limits.requests_per_minute(Account(), "create") == of_environment


@pytest.mark.parametrize("column", account_limits.QUOTA_SETTINGS)
@pytest.mark.parametrize(
    ("of_plan", "of_environment", "in_force"), [(None, 7, 7), (3, 7, 3), (0, 7, 0), (None, 0, 0)]
)
def test_a_plan_goes_before_the_environment_in_quotas_and_may_lift_them(
    settings: Any, column: Any, of_plan: int | None, of_environment: int, in_force: int
) -> None:
    setattr(settings, account_limits.QUOTA_SETTINGS[column], of_environment)
    account = Account(plan=Plan(pk=1, **{column: of_plan}))
    assert account_limits.quota(account, column) == in_force


@pytest.mark.parametrize(
    ("own", "of_plan", "in_force"),
    [(None, None, 4), (None, 3, 3), (2, 3, 2), (9, 3, 9), (2, None, 2), (0, 0, 4)],
)
def test_an_account_goes_before_its_plan_in_predictions_at_once(
    settings: Any, own: int | None, of_plan: int | None, in_force: int
) -> None:
    settings.IN_FLIGHT_PER_ACCOUNT = 4
    account = Account(in_flight_limit=own, plan=Plan(pk=1, in_flight_limit=of_plan))
    assert account_limits.in_flight_of(account) == in_force
