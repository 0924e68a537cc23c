"""The partial index of predictions by request id."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import RequestFactory

from accounts.models import User
from predictions.models import Prediction, Version
from tests import factories

pytestmark = pytest.mark.django_db


def test_predictions_that_name_no_request_are_in_no_index_of_it() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'prediction_request'")
        else:
            cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'prediction_request'")
        assert "WHERE" in cursor.fetchone()[0]


def test_the_desk_finds_a_prediction_by_its_request_without_reading_them_all(
    staff: User, alice: User, version: Version
) -> None:
    wanted = factories.make_prediction(alice, version, request_id="req-1")
    factories.make_prediction(alice, version)
    request: Any = RequestFactory().get("/")
    request.user = staff
    panel = admin.site.get_model_admin(Prediction)
    found, _doubled = panel.get_search_results(request, panel.get_queryset(request), "req-1")
    assert list(found) == [wanted]
    if connection.vendor == "sqlite":
        plan = found.order_by().explain()
        assert "prediction_request" in plan and "SCAN predictions_prediction" not in plan
