"""Migrations over rows of before: what they read, and what they leave."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from predictions.models import Prediction, Version
from tests import factories

pytestmark = pytest.mark.django_db


def test_inputs_that_wait_are_measured_one_at_a_time(alice: User, version: Version) -> None:
    made = [
        factories.make_prediction(alice, version, input={"prompt": "a" * number}) for number in range(1, 6)
    ]
    Prediction.objects.update(input_bytes=0)
    fill = import_module("predictions.migrations.0023_fill_what_an_account_takes_up")
    with CaptureQueriesContext(connection) as asked:
        fill._live_predictions(apps)
    reads = [one["sql"] for one in asked if one["sql"].startswith("SELECT") and '."input"' in one["sql"]]
    assert len(reads) == len(made)
    sizes = Prediction.objects.order_by("pk").values_list("input_bytes", flat=True)
    assert list(sizes) == [len('{"prompt": ""}') + number for number in range(1, 6)]
