"""Columns and fields of the panel are called by words that can be said in Chinese too."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.http import HttpRequest
from django.utils.functional import Promise

from accounts.models import User

pytestmark = pytest.mark.django_db
# The same in every language.
NAMES = {"ID", "IP", "md5", "ref", "sha256", "slug", "uid", "webhook"}


def shown(desk: Any, request: HttpRequest) -> set[str]:
    """Names of what a desk shows, in its list, beside it, and on a row's own page."""
    filters = [one[0] if isinstance(one, tuple | list) else one for one in desk.get_list_filter(request)]
    fields = flatten_fieldsets(desk.get_fieldsets(request, desk.model()))
    return {name for name in [*desk.get_list_display(request), *filters, *fields] if isinstance(name, str)}


def test_no_column_and_no_field_of_the_panel_is_called_by_its_name_in_the_code(staff: User, rf: Any) -> None:
    request = rf.get("/admin/")
    request.user = staff
    bare = {
        f"{model.__name__}.{field.name}: {field.verbose_name}"
        for model, desk in admin.site._registry.items()
        for field in model._meta.fields
        if field.name in shown(desk, request)
        and not isinstance(field.verbose_name, Promise)
        and field.verbose_name not in NAMES
    }
    assert bare == set()
