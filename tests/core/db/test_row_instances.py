"""Instances that are made without `__init__` are those that Django makes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Count, QuerySet
from django.db.models.signals import post_init

from accounts.models import Account, ApiToken, User
from core.db.prepared import Rows, maker
from predictions.models import HostedModel, Prediction, Version
from tests import factories

Build = Callable[[], "QuerySet[Any]"]
QUERIES: dict[str, Build] = {
    "plain": lambda: Prediction.objects.order_by("pk"),
    "joined": lambda: Prediction.objects.select_related("model", "version", "account").order_by("-pk"),
    "joined where some have none": lambda: Prediction.objects.select_related("token__account").order_by("pk"),
    "deferred": lambda: Prediction.objects.defer("input", "webhook_events").order_by("pk"),
    "only": lambda: Prediction.objects.select_related("version").only("public_id", "version__cog_version"),
    "annotated": lambda: User.objects.annotate(n=Count("predictions")).order_by("pk"),
    "of a relation": lambda: Account.objects.filter(predictions__isnull=False)[0].predictions.order_by("pk"),
    "prefetched": lambda: Prediction.objects.prefetch_related("model", "version").order_by("pk"),
    "sliced": lambda: Prediction.objects.order_by("pk")[1:3],
}


def _said(row: Any) -> dict[str, Any]:
    """All that an instance carries, and its related rows in turn."""
    state = row._state
    kept = {
        name: value
        for name, value in vars(row).items()
        if name not in {"_state", "_prefetched_objects_cache"}
    }
    related = {
        name: other and _said(other) for name, other in state.fields_cache.items() if name != "predictions"
    }
    return {**kept, "adding": state.adding, "db": state.db, "related": related, "class": type(row)}


@pytest.mark.parametrize("name", QUERIES)
def test_the_rows_are_those_of_the_queryset(name: str, alice: User) -> None:
    token = ApiToken.objects.create(
        user=alice, account=alice.account, name="t", prefix="dr_", digest="0" * 64
    )
    for number in range(3):
        factories.make_prediction(alice, token=token if number else None, output=["/f/x.png"])
    quick = QUERIES[name]()
    quick._iterable_class = Rows

    found, expected = list(quick), list(QUERIES[name]())

    assert found and [_said(row) for row in found] == [_said(row) for row in expected]


def test_a_row_can_be_saved_copied_and_deleted(alice: User) -> None:
    factories.make_prediction(alice)
    rows = Prediction.objects.all()
    rows._iterable_class = Rows
    row = rows[0]

    row.logs = "changed"
    row.save()
    copy = pickle.loads(pickle.dumps(row))

    assert copy == row == Prediction.objects.get(logs="changed")
    assert row.delete()[0] == 1
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("model", [Prediction, Version, HostedModel, User, Account, ApiToken])
def test_our_models_take_the_short_way(model: Any) -> None:
    assert maker(model) != model.from_db


def test_a_model_with_a_receiver_takes_the_long_way(alice: User) -> None:
    seen: list[Any] = []

    def note(instance: Any, **kwargs: Any) -> None:
        seen.append(instance)

    rows = User.objects.filter(pk=alice.pk)
    rows._iterable_class = Rows
    post_init.connect(note, sender=User)
    try:
        assert list(rows) == seen == [alice]
    finally:
        post_init.disconnect(note, sender=User)
