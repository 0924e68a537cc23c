"""Files that nobody owns are removed, also beside one that the storage does not remove."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.management import CommandError, call_command

from accounts.models import User
from predictions.files import removal, uploads
from predictions.models import StoredFile, Version
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def doomed(alice: User) -> list[StoredFile]:
    """Five files that nobody owns any more."""
    files = [factories.make_upload(alice, b"%d" % number).file for number in range(5)]
    for file in files:
        uploads.take_away(file.upload.pk)
    uploads.remove_unneeded()
    return files


class Stubborn:
    """A storage that does not remove some keys."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
        self.keys, self.asked = set(keys), list[str]()
        storage: Any = storages["outputs"]
        self._delete = storage.delete
        monkeypatch.setattr(storage, "delete", self.delete)

    def delete(self, key: str) -> None:
        self.asked.append(key)
        if key in self.keys:
            raise PermissionError(13, "Permission denied")
        self._delete(key)


def left() -> list[str]:
    return list(StoredFile.objects.order_by("pk").values_list("key", flat=True))


def test_one_file_that_cannot_be_removed_keeps_none_of_the_others(
    doomed: list[StoredFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = Stubborn(monkeypatch, doomed[0].key)
    removal.remove_unowned()
    assert left() == [doomed[0].key]
    removal.remove_unowned()
    assert stubborn.asked.count(doomed[0].key) == 1


def test_it_is_tried_again_later_with_growing_pauses_until_it_goes(
    doomed: list[StoredFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = Stubborn(monkeypatch, doomed[0].key)
    pauses = []
    for _round in range(4):
        removal.remove_unowned()
        row = StoredFile.objects.get()
        assert row.removal_due_at is not None
        StoredFile.objects.update(removal_due_at="2020-01-01T00:00:00Z")
        pauses.append(row.removal_failures)
    assert pauses == [1, 2, 3, 4] and len(stubborn.asked) == 4 + 4
    stubborn.keys.clear()
    removal.remove_unowned()
    assert left() == []


def test_each_pause_is_longer_than_the_one_before_up_to_hours(
    doomed: list[StoredFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    Stubborn(monkeypatch, doomed[0].key)
    due = []
    for failures in (0, 1, 5, 40, 100_000):
        StoredFile.objects.filter(pk=doomed[0].pk).update(
            removal_failures=failures, removal_due_at="2020-01-01T00:00:00Z"
        )
        removal.remove_unowned()
        due.append(StoredFile.objects.get().removal_due_at)
    assert due == sorted(due)
    assert (due[-1] - due[0]).total_seconds() < 7 * 3600


def test_one_row_that_something_hangs_on_keeps_none_of_the_others(
    doomed: list[StoredFile], version: Version, alice: User
) -> None:
    bad = doomed[1]
    prediction = factories.make_prediction(alice, version, status="succeeded")
    factories.make_output(prediction, file=bad)
    StoredFile.objects.filter(pk=bad.pk).update(state="doomed")
    assert removal.remove_unowned() == 4
    assert left() == [bad.key]
    row = StoredFile.objects.get()
    assert row.removal_failures == 1 and row.removal_due_at is not None
    assert removal.remove_unowned() == 0
    assert StoredFile.objects.get().removal_failures == 1


def test_the_operator_is_told_by_the_audit(doomed: list[StoredFile], monkeypatch: pytest.MonkeyPatch) -> None:
    Stubborn(monkeypatch, doomed[0].key)
    removal.remove_unowned()
    StoredFile.objects.update(doomed_at="2020-01-01T00:00:00Z")
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("audit", stdout=out)
    assert f"file {doomed[0].key}: could not be removed 1 time: the storage refuses it" in out.getvalue()


def test_a_storage_that_removes_nothing_is_asked_a_few_times_a_round(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [factories.make_upload(alice, b"%d" % number).file for number in range(30)]
    for file in files:
        uploads.take_away(file.upload.pk)
    uploads.remove_unneeded()
    stubborn = Stubborn(monkeypatch, *left())
    removal.remove_unowned()
    assert len(stubborn.asked) == 10
    stubborn.keys.clear()
    removal.remove_unowned()
    assert len(left()) == 10
