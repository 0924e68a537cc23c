"""Columns and fields of the admin have labels that are translated."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Model
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django.utils.functional import Promise

from accounts.billing import redeem_codes
from accounts.models import MICRO, Account, Invitation, LedgerEntry, Purchase, Sanction, SignIn, User
from core.admin.columns import Column
from gallery.models import Collection, Item
from predictions.models import StoredFile, UpstreamKey
from tests import factories

pytestmark = pytest.mark.django_db
# The same in every language.
NAMES = {"ID", "IP", "md5", "ref", "sha256", "slug", "uid", "webhook"}


def shown(model_admin: Any, request: HttpRequest) -> set[str]:
    """Names of a ModelAdmin's columns, filters and fields."""
    filters = [
        one[0] if isinstance(one, tuple | list) else one for one in model_admin.get_list_filter(request)
    ]
    fields = flatten_fieldsets(model_admin.get_fieldsets(request, model_admin.model()))
    return {
        name for name in [*model_admin.get_list_display(request), *filters, *fields] if isinstance(name, str)
    }


def test_no_column_and_no_field_of_the_panel_is_called_by_its_name_in_the_code(staff: User, rf: Any) -> None:
    request = rf.get("/admin/")
    request.user = staff
    bare = {
        f"{model.__name__}.{field.name}: {field.verbose_name}"
        for model, model_admin in admin.site._registry.items()
        for field in model._meta.fields
        if field.name in shown(model_admin, request)
        and not isinstance(field.verbose_name, Promise)
        and field.verbose_name not in NAMES
    }
    assert bare == set()


@pytest.mark.parametrize(
    ("model", "column", "states"),
    [
        (Account, "state", Account.Status.values),
        (LedgerEntry, "kind_label", LedgerEntry.Kind.values),
        (Purchase, "state", Purchase.Status.values),
        (Sanction, "kind_label", Sanction.Kind.values),
        (Item, "state", ["hidden", *Item.Visibility.values]),
        (Collection, "state", ["hidden", *Collection.Visibility.values]),
        (UpstreamKey, "state_label", ["off", *UpstreamKey.State.values]),
        (StoredFile, "state", StoredFile.State.values),
    ],
)
def test_every_state_has_a_colour_without_which_its_name_in_the_code_would_stand_there(
    model: type[Model], column: str, states: list[str]
) -> None:
    model_admin = admin.site._registry[model]
    columns = {one.name: one for one in model_admin.list_display if isinstance(one, Column)}
    assert set(states) <= set((columns.get(column) or getattr(model_admin, column)).label)


def test_the_page_of_a_row_says_its_state_in_words_as_the_list_does(
    staff: User, alice: User, client_of: Callable[[User], Client]
) -> None:
    made = {
        "purchase": Purchase.objects.create(
            reference="a" * 20, account=factories.account_of(alice), user=alice, credits=MICRO, price=500,
            currency="eur", provider="stripe", status=Purchase.Status.EXPIRED, owed=500,
        ),
        "codebatch": redeem_codes.create_batch(name="spring", credits=MICRO, count=1, uses=1, by=staff)[0],
        "invitation": Invitation.objects.create(digest="d"),
        "signin": SignIn.objects.create(user=alice, succeeded=True),
    }  # fmt: skip
    words = {
        "purchase": "not paid",
        "codebatch": "can be redeemed",
        "invitation": "good",
        "signin": "came in",
    }
    for name, row in made.items():
        for page in (
            reverse(f"admin:accounts_{name}_change", args=[row.pk]),
            reverse(f"admin:accounts_{name}_changelist"),
        ):
            answer = client_of(staff).get(page)
            text = answer.content.decode()
            assert answer.status_code == 200 and words[name] in text, page
            assert "(&#x27;" not in text and not re.search(r">\s*expired\s*<", text), page
