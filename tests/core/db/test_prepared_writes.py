"""UPDATEs and DELETEs that are compiled once do what the same through Django does."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.models import User
from core.clock import Now
from core.db.prepared_writes import PreparedWrite
from predictions.models import Prediction, Preview
from tests import factories

pytestmark = pytest.mark.django_db


def test_it_writes_each_time_what_is_given_where_it_is_asked_to(alice: User) -> None:
    one, other = factories.make_prediction(alice), factories.make_prediction(alice)
    write = PreparedWrite(
        lambda pk, job, result: (
            Prediction.objects.filter(pk=pk),
            {"job_id": job, "result": result, "revision": F("revision") + 1, "look_at": Now()},
        )
    )
    odd = {"quote": "'; \" %s", "nested": [1, None, {"ä": "日本"}]}
    assert write.run(pk=one.pk, job="a%s'", result=odd) == 1
    assert write.run(pk=other.pk, job="b", result=None) == 1
    assert write.run(pk=0, job="c", result={}) == 0
    rows = [Prediction.objects.get(pk=row.pk) for row in (one, other)]
    assert [(row.job_id, row.result, row.revision) for row in rows] == [
        ("a%s'", odd, one.revision + 1),
        ("b", None, other.revision + 1),
    ]
    assert rows[0].look_at is not None
    # Null in the column, not JSON's null.
    assert Prediction.objects.filter(result__isnull=True, pk=other.pk).exists()


def test_it_deletes_where_nothing_is_written(alice: User) -> None:
    prediction = factories.make_prediction(alice)
    Preview.objects.create(prediction=prediction, data=b"x")
    forget = PreparedWrite(lambda pk: (Preview.objects.filter(prediction_id=pk), {}))
    assert (forget.run(pk=prediction.pk), forget.run(pk=prediction.pk)) == (1, 0)


def test_it_refuses_other_values_and_values_that_would_not_arrive(alice: User) -> None:
    write = PreparedWrite(lambda pk: (Prediction.objects.filter(pk=pk), {"job_id": "x"}))
    with pytest.raises(TypeError):
        write.run(key=1)
    lost = PreparedWrite(lambda pk, job: (Prediction.objects.filter(pk=pk), {"job_id": "x"}))
    with pytest.raises(ValueError, match="job"):
        lost.run(pk=1, job="y")


def test_what_the_database_refuses_ends_the_transaction_around_it(alice: User) -> None:
    prediction = factories.make_prediction(alice)
    write = PreparedWrite(lambda pk, state: (Prediction.objects.filter(pk=pk), {"status": state}))
    with pytest.raises(IntegrityError), transaction.atomic():
        with pytest.raises(IntegrityError):
            write.run(pk=prediction.pk, state="nonsense")
        assert transaction.get_rollback()
        raise IntegrityError
    assert Prediction.objects.get(pk=prediction.pk).status == prediction.status
