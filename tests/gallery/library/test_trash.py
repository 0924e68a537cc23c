"""The trash: nobody else sees what is in it, all of it comes back, and in the end nothing of it is left."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from core.jobs import scheduler
from gallery.items import deletion, publication
from gallery.library import storage_usage, trash
from gallery.models import Collection, Item, ItemTag
from predictions import availability
from predictions.files import removal
from predictions.models import Output, StoredFile
from predictions.submit import acceptance, refusals, work_request
from tests import factories
from tests.gallery.library.test_item_lists import some_items, tiles_of
from tests.runner.sampling import one_in
from tests.support.picture_items import picture_item


def files_on_disk() -> int:
    return sum(path.is_file() for path in Path(settings.MEDIA_ROOT).rglob("*"))


def in_trash(item: Item) -> bool:
    item.refresh_from_db()
    return item.in_trash


def put(item: Item) -> None:
    trash.move(item.account, [item])


@pytest.mark.parametrize("who", ["stranger", "visitor"])
def test_what_is_in_the_trash_opens_for_nobody_else(
    public: Item, client: Client, as_charlie: Client, who: str
) -> None:
    link = factories.make_share_link(public)
    output = public.output
    paths = [
        f"/gallery/{public.public_id}/", f"/gallery/{public.public_id}/picture/full", f"/s/{link.token}/",
        f"/f/{output.token}/{output.name}",
    ]  # fmt: skip
    browser = as_charlie if who == "stranger" else client
    assert [browser.get(path).status_code for path in paths] == [200] * 4
    put(public)
    assert [browser.get(path).status_code for path in paths] == [404] * 4


def test_its_owner_still_sees_the_picture_but_has_no_page_of_it(public: Item, as_alice: Client) -> None:
    put(public)
    assert as_alice.get(f"/library/{public.public_id}/").status_code == 404
    assert as_alice.get(f"/gallery/{public.public_id}/picture/medium").status_code == 200
    assert as_alice.get(f"/f/{public.output.token}/{public.output.name}").status_code == 200
    assert public.public_id in as_alice.get("/library/trash/").content.decode()
    assert tiles_of(as_alice.get("/library/")) == []


def test_all_comes_back_as_it_was(public: Item, as_alice: Client, client: Client) -> None:
    publication.publish(public, title="Valley", tags=["green"])
    link = factories.make_share_link(public)
    as_alice.post(f"/library/{public.public_id}/delete/")
    assert ItemTag.objects.get().listed_at is None
    assert trash.restore(public.account, [public.public_id]) == 1
    public.refresh_from_db()
    assert (public.title, public.visibility, public.trashed_at) == ("Valley", "public", None)
    assert ItemTag.objects.get().listed_at == public.published_at
    assert client.get(f"/gallery/{public.public_id}/").status_code == 200
    assert client.get(f"/s/{link.token}/").status_code == 200
    assert client.get(f"/f/{public.output.token}/{public.output.name}").status_code == 200


def test_what_a_moderator_hid_comes_back_hidden(public: Item, client: Client) -> None:
    Item.objects.filter(pk=public.pk).update(hidden_at=timezone.now())
    put(public)
    trash.restore(public.account, [public.public_id])
    assert client.get(f"/gallery/{public.public_id}/").status_code == 404
    assert Output.objects.get(pk=public.output_id).withheld


def test_what_was_moved_together_is_undone_together(alice: User, as_alice: Client) -> None:
    items = some_items(alice, 4)
    earlier, later = items[:1], items[1:]
    put(earlier[0])
    answer = as_alice.post(
        "/library/bulk/", {"deed": "trash", "ids": " ".join(i.public_id for i in later)},
        headers={"Accept": "application/json"},
    ).json()  # fmt: skip
    assert (answer["count"], answer["gone"]) == (3, True)
    assert answer["words"] == "3 moved to the trash for 30 days."
    back = as_alice.post("/library/restore/", {"at": answer["undo"]}, headers={"Accept": "application/json"})
    assert back.json()["count"] == 3
    assert [in_trash(item) for item in items] == [True, False, False, False]


def test_a_toast_undoes_without_scripts(item: Item, as_alice: Client) -> None:
    page = as_alice.post(f"/library/{item.public_id}/delete/", follow=True).content.decode()
    at = re.search(r'name="at" value="(\d+)"', page)
    assert at
    assert "1 moved to the trash for 30 days." in page
    answer = as_alice.post("/library/restore/", {"at": at.group(1), "next": "/library/"})
    assert answer["Location"] == "/library/"
    assert not in_trash(item)


@pytest.mark.parametrize("at", one_in(3, ["", "0", "x", "9" * 17, "9" * 40, "-1"]))
def test_a_moment_that_is_none_brings_nothing_back(item: Item, as_alice: Client, at: str) -> None:
    put(item)
    answer = as_alice.post("/library/restore/", {"at": at}, headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert in_trash(item)


def test_a_stranger_neither_moves_nor_brings_back_nor_erases(item: Item, as_charlie: Client) -> None:
    assert as_charlie.post(f"/library/{item.public_id}/delete/").status_code == 404
    as_charlie.post("/library/bulk/", {"deed": "trash", "id": item.public_id})
    assert not in_trash(item)
    put(item)
    as_charlie.post("/library/restore/", {"id": item.public_id})
    as_charlie.post("/library/trash/erase/", {"id": item.public_id})
    as_charlie.post("/library/trash/erase/", {"all": "1"})
    assert in_trash(item)
    assert item.public_id not in as_charlie.get("/library/trash/").content.decode()


def test_only_what_is_in_the_trash_is_deleted_for_good(item: Item, as_alice: Client) -> None:
    as_alice.post("/library/trash/erase/", {"id": item.public_id})
    as_alice.post("/library/trash/erase/", {"all": "1"})
    assert Item.objects.filter(pk=item.pk).exists()


def test_emptying_leaves_no_file_and_no_row(alice: User, as_alice: Client) -> None:
    kept, gone = picture_item(alice, "kept"), [picture_item(alice, f"gone {n}") for n in range(3)]
    Collection.objects.create(account=factories.account_of(alice), user=alice, title="x", cover=gone[0])
    trash.move(factories.account_of(alice), gone)
    answer = as_alice.post("/library/trash/erase/", {"all": "1"}, follow=True)
    assert "3 pictures deleted for good." in answer.content.decode()
    removal.remove_unowned()
    assert list(Item.objects.all()) == [kept]
    assert StoredFile.objects.count() == 3
    assert files_on_disk() == 3


def test_what_is_too_much_for_one_request_is_left_to_the_background_job(
    alice: User, as_alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "AT_ONCE", 2)
    items = some_items(alice, 5)
    trash.move(factories.account_of(alice), items)
    as_alice.post("/library/trash/erase/", {"all": "1"})
    assert Item.objects.count() == 3
    # What waits for the background job is gone for its owner, and cannot be restored.
    assert trash.restore(factories.account_of(alice), [item.public_id for item in items]) == 0
    assert items[4].public_id not in as_alice.get("/library/trash/").content.decode()
    scheduler.run_all()
    assert Item.objects.count() == 0


def test_the_background_job_removes_what_has_expired_and_nothing_else(alice: User) -> None:
    old, young, kept = some_items(alice, 3)
    trash.move(factories.account_of(alice), [old, young])
    days = timedelta(days=settings.TRASH_DAYS)
    Item.objects.filter(pk=old.pk).update(trashed_at=timezone.now() - days - timedelta(hours=1))
    Item.objects.filter(pk=young.pk).update(trashed_at=timezone.now() - days + timedelta(hours=1))
    assert trash.remove_old()
    assert not trash.remove_old()
    assert set(Item.objects.all()) == {young, kept}


def test_what_was_brought_back_meanwhile_is_not_deleted(item: Item) -> None:
    put(item)
    before = Item.objects.get(pk=item.pk)
    trash.restore(item.account, [item.public_id])
    deletion.delete(before, from_trash=True)
    assert Item.objects.filter(pk=item.pk).exists()


def test_one_that_cannot_go_stops_no_other(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, free = some_items(alice, 2)
    trash.move(factories.account_of(alice), [stuck, free])
    Item.objects.update(trashed_at=trash.DELETED_AT)
    delete = deletion.delete

    def broken(item: Item, **how: bool) -> None:
        if item.pk == stuck.pk:
            raise OSError("disk")
        delete(item, **how)

    monkeypatch.setattr(deletion, "delete", broken)
    monkeypatch.setattr(trash, "_stuck", trash.deque(maxlen=500))
    scheduler.run_all()
    assert list(Item.objects.all()) == [stuck]


def test_the_room_that_is_used_counts_thumbnails_and_the_trash(item: Item, as_alice: Client) -> None:
    sizes = sum(StoredFile.objects.values_list("size", flat=True))
    assert storage_usage.for_account(item.account).bytes == sizes
    put(item)
    assert storage_usage.for_account(item.account).bytes == sizes
    assert as_alice.get("/library/counts/").json()["storage"]["words"]


@pytest.fixture
def servable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "objection", lambda model, providers: "")


@pytest.mark.usefixtures("servable")
def test_a_full_account_makes_nothing_new_until_it_has_room(
    item: Item, alice: User, settings: object, client: Client
) -> None:
    settings.STORAGE_QUOTA = storage_usage.for_account(item.account).bytes  # type: ignore[attr-defined]
    version = factories.make_version()
    work = work_request.Request(account=item.account, user=alice, version=version, input={"prompt": "x"})
    factories.give(alice, 50)
    with pytest.raises(refusals.StorageFull, match="empty the trash") as refused:
        acceptance.accept(work)
    assert "Nothing was charged." in refused.value.detail
    put(item)
    trash.empty(item.account)
    assert acceptance.accept(work).public_id


@pytest.mark.usefixtures("servable")
def test_the_api_says_that_the_room_is_full(
    item: Item, alice: User, settings: object, client: Client
) -> None:
    settings.STORAGE_QUOTA = 1  # type: ignore[attr-defined]
    version, token = factories.make_version(), factories.make_token(alice)
    factories.give(alice, 50)
    answer = client.post(
        "/replicate/v1/predictions", {"version": version.id, "input": {"prompt": "x"}},
        content_type="application/json", headers={"Authorization": f"Bearer {token}"},
    )  # fmt: skip
    assert answer.status_code == 403
    assert answer.json()["title"] == "Storage full"
