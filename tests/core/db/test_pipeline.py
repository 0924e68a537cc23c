"""Statements that are sent together do what each would do alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import LedgerEntry, User
from core.clock import after
from core.db import pipeline
from core.db.pipeline import PreparedInsert, Statement
from predictions.models import Prediction, Version
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def entry(user: User, reference: str, **more: object) -> LedgerEntry:
    account = factories.account_of(user)
    values = {"kind": "grant", "balance_delta": 1, "balance_after": 1, "held_after": 0, **more}
    return LedgerEntry(account=account, reference=reference, **values)


def send(*all_of_them: Statement) -> None:
    with transaction.atomic(), pipeline.batch() as together:
        for one in all_of_them:
            together.send(one)


def same(row: LedgerEntry | Prediction) -> bool:
    """Whether the row as it is in Python is the row as the database has it."""
    kept = type(row)._base_manager.get(pk=row.pk)
    names = [field.attname for field in row._meta.concrete_fields]
    return {name: getattr(row, name) for name in names} == {name: getattr(kept, name) for name in names}


def test_a_row_comes_back_as_the_database_has_it(alice: User) -> None:
    insert = PreparedInsert(LedgerEntry)
    rows = [entry(alice, "猫 %s ' \\"), entry(alice, "b", captured=0, released=2, actor=alice)]
    send(*(insert.statement(row) for row in rows))
    assert [same(row) for row in rows] == [True, True]
    assert abs(rows[0].created_at - timezone.now()) < timedelta(minutes=1)


def test_a_row_of_every_kind_of_column_is_written_as_django_writes_it(alice: User, version: Version) -> None:
    insert = PreparedInsert(Prediction, must_end_by=lambda: after(60))
    given = factories.make_prediction(alice, input={"prompt": "猫\n%s", "list": [1, None, {"a": 0.5}]})
    row = Prediction(
        account=given.account, user=alice, model=version.model, version=version, price=given.price, ceiling=1,
        input=given.input, webhook_events=["start"], must_end_by=None,
    )  # fmt: skip
    send(insert.statement(row))
    kept = Prediction.objects.get(pk=row.pk)
    assert (kept.input, kept.webhook_events, kept.output, kept.metrics) == (given.input, ["start"], None, {})
    assert timedelta(seconds=50) < kept.must_end_by - kept.created_at < timedelta(seconds=70)
    assert row.created_at == kept.created_at


def test_a_time_that_is_given_is_kept_and_not_the_databases(alice: User) -> None:
    moment = timezone.now() - timedelta(days=3)
    row = entry(alice, "old", created_at=moment)
    send(PreparedInsert(LedgerEntry).statement(row))
    assert LedgerEntry.objects.get(pk=row.pk).created_at == moment


def test_an_expression_that_was_not_announced_is_refused(alice: User) -> None:
    with pytest.raises(TypeError, match="created_at"):
        PreparedInsert(LedgerEntry).statement(entry(alice, "a", created_at=after(0)))


def test_what_one_statement_breaks_undoes_all(alice: User) -> None:
    insert = PreparedInsert(LedgerEntry)
    with pytest.raises(IntegrityError):
        send(insert.statement(entry(alice, "twice")), insert.statement(entry(alice, "twice")))
    assert not LedgerEntry.objects.filter(reference="twice").exists()
    send(insert.statement(entry(alice, "after")))
    assert LedgerEntry.objects.filter(reference="after").count() == 1


def test_a_reader_that_raises_undoes_all(alice: User) -> None:
    def refuse(rows: pipeline.Rows) -> None:
        raise ValueError(len(rows))

    found = "SELECT 1 UNION SELECT 2"
    with pytest.raises(ValueError, match="2"):
        send(PreparedInsert(LedgerEntry).statement(entry(alice, "a")), Statement(found, [], refuse))
    assert not LedgerEntry.objects.filter(reference="a").exists()


def test_a_batch_outside_of_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError), pipeline.batch():
        pass
