"""Registration of read-only admins, and computed columns."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.http import HttpRequest

from accounts.models import Dispute, PaymentEvent, Redemption, TokenSpending, User
from core.admin.columns import Column, link_column, time_column, value_column
from core.admin.model_admins import ReadOnlyAdmin
from predictions.models import IdempotencyKey, StoredFile


class Row:
    """An object with the given attributes."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


def test_no_read_only_admin_adds_changes_or_deletes(rf: Any) -> None:
    request: HttpRequest = rf.get("/admin/")
    request.user = User(is_active=True, is_staff=True, is_superuser=True)
    found = [one for one in admin.site._registry.values() if isinstance(one, ReadOnlyAdmin)]
    assert len(found) > 40
    for model_admin in found:
        allowed = model_admin.get_model_perms(request)
        assert allowed == {"add": False, "change": False, "delete": False, "view": True}, model_admin


@pytest.mark.parametrize(
    ("model", "related"),
    [
        (TokenSpending, ("token",)),
        (Dispute, ("purchase",)),
        (IdempotencyKey, ("account", "user", "prediction")),
        (Redemption, ("account", "user", "code__batch")),
        (StoredFile, ()),
    ],
)
def test_related_rows_of_the_columns_are_selected(model: Any, related: tuple[str, ...]) -> None:
    assert admin.site._registry[model].list_select_related == related


def test_a_field_is_shown_by_its_column_on_the_page_of_a_row_too() -> None:
    fields: Any = admin.site._registry[PaymentEvent].fields
    assert [one.name if isinstance(one, Column) else one for one in fields] == [
        "created_at", "provider", "event_id", "kind", "outcome", "purchase",
    ]  # fmt: skip
    assert {one.name for one in fields if isinstance(one, Column)} == {"created_at", "purchase"}
    assert admin.site._registry[StoredFile].fields is None


def test_a_column_has_a_dash_where_there_is_nothing() -> None:
    row = Row(at=None, owner=None, spent=None, held=0)
    assert time_column("at", "when")(row) == link_column("owner", "owner")(row) == "–"
    assert value_column("spent", "spent", str)(row) == "–"
    assert value_column("held", "held", str)(row) == "0"
    assert value_column("held", "held", str, dash_zero=True)(row) == "–"
