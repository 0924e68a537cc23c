"""A prepared query gives what its queryset gives, for other values and other threads too, and compiles once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, Max, QuerySet
from django.forms.models import model_to_dict

from accounts.models import ApiToken, User
from core.db.prepared import Prepared, PreparedValues
from predictions.models import Prediction
from tests import factories


def _own(account: int, status: str) -> QuerySet[Prediction]:
    rows = Prediction.objects.filter(account_id=account, status=status)
    return rows.select_related("model", "version").order_by("-created_at", "-pk")[:10]


@pytest.fixture
def own() -> Prepared[Prediction]:
    return Prepared(_own)


def test_its_rows_are_those_of_the_queryset(own: Prepared[Prediction], alice: User, bob: User) -> None:
    for user, status in ((alice, "starting"), (alice, "succeeded"), (bob, "starting")):
        factories.make_prediction(user, status=status, metrics={"predict_time": 1.5}, output=["/f/x.png"])

    for user, status in ((alice, "starting"), (alice, "succeeded"), (bob, "succeeded")):
        assert user.account_id is not None
        found, expected = own.all(account=user.account_id, status=status), list(_own(user.account_id, status))
        assert [model_to_dict(row) for row in found] == [model_to_dict(row) for row in expected]
        assert [row.created_at for row in found] == [row.created_at for row in expected]


def test_related_rows_come_with_it(
    own: Prepared[Prediction], alice: User, django_assert_num_queries: Any
) -> None:
    made = factories.make_prediction(alice)
    own.all(account=0, status="")

    with django_assert_num_queries(1):
        found = own.first(account=alice.account_id, status="starting")
        assert found is not None
        assert found.version.input_schema == made.version.input_schema
        assert found.model.ref == made.model.ref


def test_a_deferred_field_is_read_when_it_is_asked_for(alice: User, django_assert_num_queries: Any) -> None:
    prepared = Prepared(lambda pk: Prediction.objects.defer("input").filter(pk=pk)[:1])
    made = factories.make_prediction(alice, input={"prompt": "a lighthouse"})
    found = prepared.first(pk=made.pk)

    assert found is not None
    with django_assert_num_queries(1):
        assert found.input == {"prompt": "a lighthouse"}


def test_no_row_is_none(own: Prepared[Prediction], db: None) -> None:
    assert own.first(account=1, status="starting") is None


def test_a_row_can_be_changed_and_saved(own: Prepared[Prediction], alice: User) -> None:
    factories.make_prediction(alice)
    found = own.first(account=alice.account_id, status="starting")
    assert found is not None

    found.logs = "changed"
    found.save(update_fields=["logs"])

    assert Prediction.objects.get().logs == "changed"


def test_a_value_is_never_read_as_sql(own: Prepared[Prediction], alice: User) -> None:
    factories.make_prediction(alice)

    assert own.all(account=alice.account_id, status="starting' OR '1'='1") == []


def test_the_queryset_is_built_once(db: None) -> None:
    built: list[str] = []

    def build(digest: str) -> QuerySet[ApiToken]:
        built.append(digest)
        return ApiToken.objects.usable().filter(digest=digest)[:1]

    prepared = Prepared(build)
    for digest in ("a", "b", "c"):
        prepared.first(digest=digest)

    assert len(built) == 1


@pytest.mark.django_db(transaction=True)
def test_each_thread_uses_its_own_connection(own: Prepared[Prediction], alice: User) -> None:
    made = factories.make_prediction(alice)
    assert own.first(account=alice.account_id, status="starting") == made
    found: list[Any] = []

    def elsewhere() -> None:
        found.append(own.first(account=alice.account_id, status="starting"))
        connection.close()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert found == [made]


@pytest.mark.parametrize("values", [{}, {"account": 1}, {"account": 1, "status": "x", "more": 1}])
def test_it_takes_exactly_its_values(own: Prepared[Prediction], values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="account, status"):
        own.all(**values)


def test_a_value_that_would_be_lost_is_an_error(db: None) -> None:
    prepared = Prepared(lambda status: Prediction.objects.filter(status="starting"))

    with pytest.raises(ValueError, match="status"):
        prepared.all(status="failed")


def test_an_annotated_queryset_is_an_error(db: None) -> None:
    prepared = Prepared(lambda pk: User.objects.annotate(n=Count("predictions")).filter(pk=pk))

    with pytest.raises(ValueError, match="Annotations"):
        prepared.all(pk=1)


def test_values_are_those_of_the_queryset(alice: User, bob: User) -> None:
    for user, status in ((alice, "starting"), (alice, "succeeded"), (bob, "starting")):
        factories.make_prediction(user, status=status)

    def counted() -> QuerySet[Any, Any]:
        rows = Prediction.objects.filter(status="starting").order_by("account_id").values_list("account_id")
        return rows.annotate(n=Count("pk"), last=Max("created_at"))

    prepared = PreparedValues(counted)

    assert prepared.all() == list(counted()) and len(prepared.all()) == 2
    factories.make_prediction(bob)
    assert prepared.all() == list(counted())


def test_values_of_a_union_are_those_of_the_queryset(alice: User) -> None:
    for status in ("starting", "starting", "succeeded"):
        factories.make_prediction(alice, status=status)

    def both() -> QuerySet[Any, Any]:
        parts = [
            Prediction.objects.filter(status=status).order_by().values_list("status").annotate(n=Count("pk"))
            for status in ("starting", "succeeded", "failed")
        ]
        return parts[0].union(*parts[1:], all=True)

    assert sorted(PreparedValues(both).all()) == sorted(both()) == [("starting", 2), ("succeeded", 1)]
