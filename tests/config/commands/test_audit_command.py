"""`manage.py audit` finds each thing that can go wrong, and says nothing where all is well.

Breaches are planted with SQL, because our own code refuses to make them.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts import credits
from accounts.models import MICRO, Account, LedgerEntry, User
from gallery.models import Item
from predictions.audit.stored_files import GRACE, SWEEP_GRACE
from predictions.files import media, removal
from predictions.models import Delivery, Output, Prediction, Status, StoredFile
from tests import factories


def audit(*options: str) -> list[str]:
    """The lines of the audit; the last one is its summary, which for breaches is the error's text."""
    out = io.StringIO()
    try:
        call_command("audit", *options, stdout=out)
    except CommandError as error:
        assert error.returncode == 1
        return [*out.getvalue().splitlines(), str(error)]
    return out.getvalue().splitlines()


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def item(alice: User) -> Item:
    """A succeeded prediction with its output, file and item."""
    return factories.make_item(alice)


def test_it_is_content_with_an_empty_house(db: None) -> None:
    assert audit() == [
        "Everything adds up (0 accounts, 0 ledger rows, 0 acts on record, 0 predictions, 0 runs, 0 outputs, 0 files,"
        " 0 items)."
    ]


def test_it_is_content_with_a_house_in_use(alice: User, bob: User, item: Item) -> None:
    for status in Status.values:
        if status != Status.SUCCEEDED:
            factories.make_prediction(bob, status=status)
    free = factories.make_version(price=0)
    factories.make_prediction(bob, free, status=Status.FAILED, ceiling=0)
    credits.adjust(factories.account_of(bob), -MICRO, reason="test", actor=None)
    assert len(audit()) == 1


@pytest.mark.parametrize("column", ["balance", "held"])
def test_it_finds_a_balance_that_the_ledger_does_not_explain(alice: User, column: str) -> None:
    sql(f"UPDATE accounts_account SET {column} = {column} + 7 WHERE id = %s", alice.account_id)
    lines = audit()
    assert lines[0].startswith(f"balance account {alice.account_id} (alice): has ")
    assert lines[1] == "1 breach."


def test_it_finds_a_changed_row_even_where_the_sums_still_agree(alice: User) -> None:
    credits.grant(factories.account_of(alice), MICRO)
    first, second = LedgerEntry.objects.filter(account=alice.account).order_by("id")
    sql("UPDATE accounts_ledgerentry SET balance_delta = balance_delta + 5 WHERE id = %s", first.pk)
    sql("UPDATE accounts_ledgerentry SET balance_delta = balance_delta - 5 WHERE id = %s", second.pk)
    assert [line.split(" (")[0] for line in audit()[:-1]] == [
        f"ledger row {first.pk}",
        f"ledger row {second.pk}",
    ]


def test_it_finds_a_deleted_row(alice: User) -> None:
    for _number in range(3):
        credits.grant(factories.account_of(alice), MICRO)
    middle = LedgerEntry.objects.filter(account=alice.account).order_by("id")[1]
    sql("DELETE FROM accounts_ledgerentry WHERE id = %s", middle.pk)
    kinds = [line.split(" ")[0] for line in audit()[:-1]]
    assert kinds == ["ledger", "balance"]


def test_it_finds_a_prediction_without_a_hold(alice: User) -> None:
    prediction = factories.make_prediction(alice)
    other = factories.make_prediction(alice)
    sql("UPDATE accounts_ledgerentry SET reference = 'nobody' WHERE reference = %s", prediction.public_id)
    Prediction.objects.filter(pk=other.pk).update(ceiling=5)
    assert audit()[:-1] == [
        f"hold {prediction.public_id}: may cost 1.00, but nothing was held for it",
        f"hold {other.public_id}: may cost 0.000005, but 1.00 was held for it",
        "hold nobody: holds 1.00 for no prediction",
    ]


def test_it_finds_an_end_that_was_never_settled(alice: User) -> None:
    prediction = factories.make_prediction(alice)
    Prediction.objects.filter(pk=prediction.pk).update(
        status=Status.FAILED, phase="ended", completed_at=timezone.now(), charge=0
    )
    assert audit()[0] == f"settle {prediction.public_id}: is failed but was never settled"


def test_it_finds_a_live_prediction_that_was_settled(alice: User) -> None:
    prediction = factories.make_prediction(alice)
    credits.settle(prediction.account_id, prediction.public_id, 0)
    assert audit()[0] == f"settle {prediction.public_id}: is starting but was settled already"


@pytest.mark.parametrize(("charge", "words"), [(None, "no charge"), (5, "0.000005")])
def test_it_finds_a_charge_that_was_not_captured(alice: User, charge: int | None, words: str) -> None:
    prediction = factories.make_prediction(alice, status=Status.CANCELED)
    Prediction.objects.filter(pk=prediction.pk).update(charge=charge)
    assert audit()[0] == f"settle {prediction.public_id}: says {words}, but 0.00 was captured"


def test_it_finds_a_failure_that_was_paid_for(alice: User) -> None:
    prediction = factories.make_prediction(alice, status=Status.FAILED, charge=MICRO)
    assert audit()[0] == f"settle {prediction.public_id}: is failed but was charged 1.00"


def test_it_finds_a_settle_of_somebody_elses_hold(alice: User, bob: User) -> None:
    prediction = factories.make_prediction(alice, status=Status.FAILED)
    credits.hold(factories.account_of(bob).pk, MICRO, "other")
    sql("UPDATE accounts_ledgerentry SET reference = 'other' WHERE kind = 'settle'")
    lines = audit()
    assert "settle other: released a hold of 1.00 where nothing was held" in lines
    assert f"settle {prediction.public_id}: is failed but was never settled" in lines


def test_it_finds_a_missing_file(item: Item) -> None:
    media.storage().delete(item.output.file.key)
    assert [line.split(": ")[1] for line in audit("--quick")[:-1]] == [
        f"its file {item.output.file.key} is not in the storage"
    ]


def test_it_finds_a_short_file(item: Item) -> None:
    path = Path(settings.MEDIA_ROOT) / item.output.file.key
    path.write_bytes(path.read_bytes()[:-1])
    size = item.output.file.size
    assert f"has {size - 1} bytes where {size} were stored" in audit("--quick")[0]


def test_it_finds_changed_bytes_unless_it_is_in_a_hurry(item: Item) -> None:
    path = Path(settings.MEDIA_ROOT) / item.output.file.key
    path.write_bytes(bytes(len(path.read_bytes())))
    assert "has other content than was stored" in audit()[0]
    assert len(audit("--quick")) == 1


def test_it_finds_a_missing_thumbnail(item: Item) -> None:
    small = factories.make_stored_file()
    Output.objects.filter(pk=item.output_id).update(small=small)
    media.storage().delete(small.key)
    assert f"its file {small.key} is not in the storage" in audit()[0]


def test_it_finds_an_owned_file_that_is_about_to_be_removed(item: Item) -> None:
    media.doom([item.output.file])
    assert audit()[0].endswith(f"its file {item.output.file.key} is doomed")


def test_it_finds_an_output_without_an_item(item: Item) -> None:
    name = item.output.name
    item.delete()
    assert audit()[0] == f"item {item.output.prediction.public_id}/{name}: has no item in the gallery"


def test_it_finds_an_item_of_somebody_else(item: Item, bob: User) -> None:
    Item.objects.filter(pk=item.pk).update(account_id=bob.account_id)
    assert audit()[0] == f"item {item.public_id}: belongs to somebody else than its prediction"


def test_it_finds_an_output_of_a_failed_prediction(alice: User) -> None:
    output = factories.make_output(factories.make_prediction(alice, status=Status.FAILED))
    assert audit()[0].endswith(f"{output.name}: belongs to a prediction that is failed")


def test_it_finds_a_success_without_its_pictures(alice: User) -> None:
    prediction = factories.make_prediction(alice, status=Status.SUCCEEDED)
    assert audit()[0] == f"output {prediction.public_id}: succeeded, but no output of it is kept"
    Prediction.objects.filter(pk=prediction.pk).update(data_removed=True)
    assert len(audit()) == 1


def test_a_success_in_text_needs_no_picture(alice: User) -> None:
    text = factories.make_version(output_schema={"type": "string"}, unit="run")
    factories.make_prediction(alice, text, status=Status.SUCCEEDED, output="words")
    assert len(audit()) == 1


def test_it_finds_a_kept_file_that_nothing_owns(db: None) -> None:
    file = factories.make_stored_file()
    assert audit()[0] == f"file {file.key}: is kept, but nothing owns it"


def plant_orphan(age: timedelta) -> str:
    key = "zz/or/orphan.png"
    path = Path(settings.MEDIA_ROOT) / key
    path.parent.mkdir(parents=True)
    path.write_bytes(b"bytes")
    then = time.time() - age.total_seconds()
    os.utime(path, (then, then))
    return key


def test_it_finds_an_old_file_that_no_row_knows(db: None) -> None:
    key = plant_orphan(GRACE + timedelta(minutes=1))
    assert audit()[0] == f"orphan {key}: is in the storage, but no row knows it"


def test_it_leaves_a_young_file_alone(db: None) -> None:
    plant_orphan(GRACE - timedelta(minutes=1))
    assert len(audit()) == 1


def test_it_mends_an_orphan_so_that_the_sweep_removes_it(db: None) -> None:
    key = plant_orphan(timedelta(days=1))
    assert audit("--repair") == [
        f"orphan {key}: is in the storage, but no row knows it",
        f"  mended: doomed {key}; the sweep removes it",
        "1 breach, all mended (0 accounts, 0 ledger rows, 0 acts on record, 0 predictions, 0 runs, 0 outputs, 1 files,"
        " 0 items).",
    ]
    removal.remove_unowned()
    assert not media.storage().exists(key)
    assert not StoredFile.objects.exists()


@pytest.mark.parametrize(
    ("state", "field"), [("doomed", "doomed_at"), ("pending", "created_at")], ids=["doomed", "pending"]
)
def test_it_finds_what_the_sweep_should_have_taken(db: None, state: str, field: str) -> None:
    now = timezone.now()
    old, young = now - SWEEP_GRACE - timedelta(minutes=1), now - timedelta(minutes=59)
    late = factories.make_stored_file(state=state, **{field: old})
    factories.make_stored_file(state=state, **{field: young})
    lines = audit("--repair")
    assert lines[0] == f"file {late.key}: is {state} for more than an hour; is the sweep running?"
    assert lines[1:] == ["1 breach."]


def test_it_mends_a_stale_row_without_bytes(db: None) -> None:
    file = factories.make_stored_file(state="pending", created_at=timezone.now() - timedelta(days=1))
    media.storage().delete(file.key)
    assert "and has no bytes" in audit()[0]
    assert audit("--repair")[1] == f"  mended: removed the row of {file.key}"
    assert len(audit()) == 1


def test_it_repairs_no_money(alice: User) -> None:
    sql("UPDATE accounts_account SET balance = balance + 7 WHERE id = %s", alice.account_id)
    assert audit("--repair")[-1] == "1 breach."
    assert factories.account_of(alice).balance == 100 * MICRO + 7


def test_it_reports_no_suspect_that_is_well_when_read_again(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accounts.audit import account_lock, ledger_rows
    from accounts.audit import checks as accounts_audit

    sql("UPDATE accounts_account SET balance = balance + 7 WHERE id = %s", alice.account_id)
    real, asked = account_lock.under_lock, []

    def mended_meanwhile(account_id: int, ask: Callable[[], Any]) -> Any:
        asked.append(account_id)
        sql("UPDATE accounts_account SET balance = %s WHERE id = %s", 100 * MICRO, alice.account_id)
        return real(account_id, ask)

    monkeypatch.setattr(ledger_rows, "under_lock", mended_meanwhile)
    assert list(accounts_audit.breaches()) == []
    assert asked == [alice.account_id]


def test_it_reads_in_batches(
    alice: User, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for number in range(30):
        credits.grant(factories.account_of(alice), MICRO)
        factories.make_user(f"member{number}")
    with django_assert_max_num_queries(66):
        audit()


def test_the_batches_miss_nothing(db: None) -> None:
    from core.db.invariants import in_batches

    made = [factories.make_user(f"member{number}").account_id for number in range(7)]
    for size in (1, 2, 7, 8):
        assert [account.pk for account in in_batches(Account.objects.all(), size)] == made


def test_it_finds_an_end_that_nobody_was_told_of(alice: User) -> None:
    asked = {"webhook": "https://example.org/hook", "webhook_events": ["completed"], "status": Status.FAILED}
    untold, told = (factories.make_prediction(alice, **asked) for _number in range(2))
    Delivery.objects.create(account=told.account, prediction=told, event="completed")
    factories.make_prediction(alice, **{**asked, "webhook_events": ["start"]})
    long_ago = timezone.now() - timedelta(days=30)
    factories.make_prediction(alice, **asked, completed_at=long_ago)
    assert audit()[:-1] == [f"webhook {untold.public_id}: has ended, but its webhook was never owed"]
