"""Deleting leaves nothing behind: rows, files, thumbnails, links; and the prediction's words with its last picture."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.test import Client

from accounts.models import LedgerEntry, User
from gallery.items import deletion
from gallery.models import Item, ShareLink
from predictions.files import removal
from predictions.models import Output, StoredFile
from tests import factories
from tests.support.picture_items import picture_item


def files_on_disk() -> int:
    return sum(path.is_file() for path in Path(settings.MEDIA_ROOT).rglob("*"))


def test_a_deleted_picture_leaves_no_file_and_no_row(item: Item, as_alice: Client) -> None:
    factories.make_share_link(item)
    assert files_on_disk() == 3
    as_alice.post(f"/library/{item.public_id}/delete/")
    as_alice.post("/library/trash/erase/", {"id": item.public_id})
    removal.remove_unowned()
    assert files_on_disk() == 0
    for model in (Item, Output, ShareLink, StoredFile):
        assert not model.objects.exists()


def test_a_deleted_picture_opens_nowhere(public: Item, as_alice: Client, client: Client) -> None:
    link = factories.make_share_link(public)
    as_alice.post(f"/library/{public.public_id}/delete/")
    for path in (
        f"/gallery/{public.public_id}/",
        f"/gallery/{public.public_id}/picture/full",
        f"/s/{link.token}/",
    ):
        assert client.get(path).status_code == 404
    assert as_alice.get(f"/library/{public.public_id}/").status_code == 404


def test_the_last_picture_takes_the_predictions_words_along(item: Item) -> None:
    prediction = item.output.prediction
    deletion.delete(item)
    prediction.refresh_from_db()
    assert prediction.data_removed
    assert prediction.input == {}
    assert LedgerEntry.objects.filter(reference=prediction.public_id).count() == 2


def test_the_words_stay_while_a_sister_picture_is_there(alice: User) -> None:
    first = picture_item(alice)
    prediction = first.output.prediction
    second = picture_item(alice, prediction=prediction, index=1)
    deletion.delete(first)
    prediction.refresh_from_db()
    assert not prediction.data_removed
    deletion.delete(second)
    prediction.refresh_from_db()
    assert prediction.data_removed


def test_deleting_twice_does_no_harm(item: Item) -> None:
    again = Item.objects.get(pk=item.pk)
    deletion.delete(item)
    deletion.delete(again)
    assert not Item.objects.exists()


def test_after_a_deletion_the_next_older_picture_is_shown(alice: User, as_alice: Client) -> None:
    older, newer = picture_item(alice, "older"), picture_item(alice, "newer")
    answer = as_alice.post(f"/library/{newer.public_id}/delete/")
    assert answer["Location"] == f"/library/{older.public_id}/"
    assert as_alice.post(f"/library/{older.public_id}/delete/")["Location"] == "/library/"
