"""Ledger kinds: every consumer knows every kind, and none lists kinds beside `accounts.models.ledger_kinds`."""

from __future__ import annotations

import ast
from typing import cast

import pytest
from django.contrib import admin
from django.db.migrations.loader import MigrationLoader
from django.db.models import Q
from django.forms import ChoiceField

from accounts.audit import credit_sources
from accounts.credits import statement
from accounts.models import KINDS, LedgerEntry, LedgerKind
from accounts.models.ledger_kinds import INCOME, OF_HOLDS, OTHERS
from accounts.staff import action_labels
from accounts.views.credit_forms import StatementForm
from operations import member_directory
from operations.dashboard import chart_data
from tests.support import source_rules

OWN_MODULE = "accounts/models/ledger_kinds.py"
NAMES = {kind.name for kind in LedgerKind}
VALUES = set(LedgerKind.values)


def listed(tree: ast.AST) -> list[int]:
    """Lines of literals that name three kinds or more."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict)
        and len({name for one in ast.iter_child_nodes(node) if (name := _kind_named(one))}) >= 3
    ]


def _kind_named(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute) and node.attr == "value":
        node = node.value
    if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("Kind") and node.attr in NAMES:
        return node.attr.lower()
    return node.value if isinstance(node, ast.Constant) and node.value in VALUES else ""


def test_every_kind_has_one_row_in_the_order_of_the_choices() -> None:
    assert list(KINDS) == LedgerKind.values
    assert all(spec.kind == kind for kind, spec in KINDS.items())
    assert sorted((*OF_HOLDS, *OTHERS)) == sorted(KINDS)


def test_the_migrations_know_the_same_kinds_and_the_same_kinds_of_holds() -> None:
    state = MigrationLoader(None).project_state().models["accounts", "ledgerentry"]
    assert [value for value, _label in state.fields["kind"].choices] == LedgerKind.values
    constraints = {one.name: one for one in state.options["constraints"]}
    only = constraints["ledger_only_hold_and_settle_move_held"].condition
    assert only == Q(kind__in=list(OF_HOLDS)) | Q(held_delta=0)
    indexes = {one.name: one for one in state.options["indexes"]}
    for name in ("ledger_of_kind", "ledger_kinds", "ledger_not_work"):
        assert indexes[name].condition == ~Q(kind__in=list(OF_HOLDS)), name


def test_every_kind_is_found_by_one_filter_of_the_statement_and_by_its_own() -> None:
    grouped = [kind for _name, kinds in statement.GROUPS.values() for kind in kinds]
    assert sorted(grouped) == sorted(KINDS)
    field = StatementForm.base_fields["kind"]
    assert isinstance(field, ChoiceField)
    assert [value for value, _label in cast(list[tuple[str, str]], field.choices)] == ["", *KINDS]


@pytest.mark.parametrize("kind", LedgerKind.values)
@pytest.mark.parametrize("delta", [-1, 0, 1])
def test_every_kind_has_a_text_in_the_statement(kind: str, delta: int) -> None:
    for reference in ("x", "back-x-1", "back-x-owed-1", "allowance-1-2026-11-end"):
        entry = LedgerEntry(
            kind=kind, reference=reference, balance_delta=delta, balance_after=1, held_after=0
        )
        assert statement.line(entry).words


def test_every_kind_has_a_colour_in_the_admin() -> None:
    assert set(admin.site._registry[LedgerEntry].kind_label.label) == set(KINDS)  # type: ignore[attr-defined]


def test_every_kind_is_audited_against_its_source_or_has_none() -> None:
    by_hand = {kind for kind, spec in KINDS.items() if spec.by_hand}
    assert {*credit_sources.CHECKS, *by_hand, *OF_HOLDS} == set(KINDS)
    assert not set(credit_sources.CHECKS) & {*by_hand, *OF_HOLDS}
    assert {f"credits.{kind}" for kind in by_hand} <= set(action_labels.LABELS)


def test_series_of_the_chart_of_income_have_colours_of_their_own_beside_that_of_spending() -> None:
    colours = [income.colour for _kind, income in INCOME]
    assert colours == list(range(1, len(INCOME) + 1))
    assert chart_data.SPENT_COLOUR not in colours


def test_staff_find_a_row_by_the_id_in_its_reference() -> None:
    assert set(member_directory._references("x")) == {
        "x", "grant-x", "adjust-x", "redeem-x", "purchase-x", "back-x", "gift-x-out", "gift-x-in",
    }  # fmt: skip
    assert all(form.count("*") == 1 for spec in KINDS.values() for form in spec.references)


def test_a_listing_of_kinds_is_noticed() -> None:
    assert listed(ast.parse("A = (Kind.GRANT, Kind.GIFT, LedgerEntry.Kind.ADJUST.value)"))
    assert listed(ast.parse("A = {'grant': 1, 'hold': 2, 'settle': 3}"))
    assert not listed(ast.parse("A = ('hold', 'settle'); B = [Case.Kind.FLAG]"))


def test_no_module_lists_kinds_beside_their_own() -> None:
    # A check each, and the functions that post them.
    allowed = {OWN_MODULE, "accounts/audit/credit_sources.py", "accounts/credits/__init__.py"}
    found = [
        f"{one.path}:{line}"
        for one in source_rules.sources()
        if one.path not in allowed
        for line in listed(one.tree)
    ]
    assert found == []
