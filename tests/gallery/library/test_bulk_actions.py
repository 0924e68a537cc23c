"""Deeds on many pictures: own ones alone, whatever is sent; all that matches; with scripts and without."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from accounts.models import Account, User
from gallery.collections import curation
from gallery.items import item_tags
from gallery.library import bulk_actions, selection, trash
from gallery.models import Collection, Item, new_item_id
from tests import factories
from tests.gallery.library.test_item_lists import some_items

JSON = {"Accept": "application/json"}


@pytest.fixture
def items(alice: User) -> list[Item]:
    """Five of Alice's, the newest first."""
    return some_items(alice, 5)


def ids(items: list[Item]) -> str:
    return " ".join(item.public_id for item in items)


def do(client: Client, deed: str, **form: Any) -> Any:
    return client.post("/library/bulk/", {"deed": deed, **form}, headers=JSON)


def trashed() -> set[int]:
    return set(Item.objects.filter(trashed_at__isnull=False).values_list("pk", flat=True))


def test_forged_and_foreign_ids_are_left_out_and_never_told(
    charlie: User, as_alice: Client, items: list[Item]
) -> None:
    other = some_items(charlie, 1, visibility="public", published_at=timezone.now())[0]
    forged = [new_item_id(), "x", "../../etc/passwd", "' OR 1=1 --", "\0", "😀" * 22, items[4].public_id[:-1]]
    answer = do(as_alice, "trash", ids=f"{ids(items[:2])} {other.public_id} {' '.join(forged)}")
    assert answer.json()["count"] == 2
    assert trashed() == {items[0].pk, items[1].pk}
    alone = do(as_alice, "trash", ids=other.public_id)
    nothing = do(as_alice, "trash", ids=new_item_id())
    assert (alone.status_code, alone.content) == (nothing.status_code, nothing.content)


@pytest.mark.parametrize("deed", ["trash", "publish", "unpublish", "collect"])
def test_a_stranger_does_nothing_to_others(as_charlie: Client, items: list[Item], deed: str) -> None:
    before = list(Item.objects.values())
    assert do(as_charlie, deed, ids=ids(items), new_collection="mine").status_code == 422
    assert list(Item.objects.values()) == before
    assert not Collection.objects.exists()


def test_all_that_matches_is_meant_without_naming_it(as_alice: Client, items: list[Item]) -> None:
    Item.objects.filter(pk__in=[items[1].pk, items[3].pk]).update(
        visibility="public", published_at=timezone.now()
    )
    answer = do(as_alice, "trash", all="1", filter="show=public")
    assert answer.json()["count"] == 2
    assert trashed() == {items[1].pk, items[3].pk}


def test_what_came_after_the_page_was_shown_is_not_meant(as_alice: Client, items: list[Item]) -> None:
    asof = selection.to_param(items[2].created_at)
    do(as_alice, "trash", all="1", filter="", asof=asof)
    assert trashed() == {item.pk for item in items[2:]}


def test_all_is_never_somebody_elses(charlie: User, as_alice: Client, items: list[Item]) -> None:
    other = some_items(charlie, 1)[0]
    do(as_alice, "trash", all="1", filter="")
    other.refresh_from_db()
    assert not other.in_trash


def test_many_go_in_batches(as_alice: Client, items: list[Item], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trash, "BATCH", 2)
    monkeypatch.setattr(selection, "_STEP", 2)
    answer = do(as_alice, "trash", ids=ids(items)).json()
    assert answer["count"] == 5
    back = as_alice.post("/library/restore/", {"at": answer["undo"]}, headers=JSON).json()
    assert back["count"] == 5
    assert trashed() == set()


def test_more_than_may_be_named_is_refused(
    as_alice: Client, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "MAX_ITEMS", 4)
    answer = do(as_alice, "trash", ids=ids(items))
    assert answer.status_code == 422
    assert trashed() == set()
    assert do(as_alice, "trash", ids="x" * 100_000).status_code == 422


def test_several_are_published_with_one_form_and_keep_their_titles(
    as_alice: Client, items: list[Item]
) -> None:
    Item.objects.filter(pk=items[0].pk).update(title="Mine")
    item_tags.set_tags(items[1].pk, ["sea"])
    Item.objects.filter(pk=items[2].pk).update(hidden_at=timezone.now())
    form = {"licence": "CC0-1.0", "visibility": "unlisted", "show_prompt": "on", "title": "Taken by nobody"}
    answer = do(as_alice, "publish", ids=ids(items[:3]), **form).json()
    assert answer["words"] == "2 pictures are published now. 1 that a moderator hid was left out."
    rows = {item.pk: item for item in Item.objects.all()}
    first, second, hidden = (rows[item.pk] for item in items[:3])
    assert (first.title, first.visibility, first.licence, first.show_prompt) == (
        "Mine", "unlisted", "CC0-1.0", True,
    )  # fmt: skip
    assert item_tags.for_item(second) == ["sea"]
    assert hidden.visibility == rows[items[3].pk].visibility == "private"


def test_a_bad_form_publishes_none(as_alice: Client, items: list[Item]) -> None:
    answer = do(as_alice, "publish", ids=ids(items), licence="mine", tags="a," * 40)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert not Item.objects.filter(visibility="public").exists()


def test_a_closed_account_publishes_nothing(alice: User, as_alice: Client, items: list[Item]) -> None:
    Account.objects.filter(pk=factories.account_of(alice).pk).update(status=Account.Status.SUSPENDED)
    assert do(as_alice, "publish", ids=ids(items)).status_code == 422
    assert not Item.objects.filter(visibility="public").exists()


def test_so_many_are_published_at_once_and_no_more(
    as_alice: Client, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_actions, "MAX_PUBLISHED", 4)
    assert do(as_alice, "publish", ids=ids(items)).status_code == 422
    assert do(as_alice, "unpublish", ids=ids(items[:4])).json()["count"] == 4


def test_chosen_ones_go_into_a_collection_old_or_new(
    alice: User, as_alice: Client, items: list[Item]
) -> None:
    old = curation.create(alice, "Lakes")
    answer = do(as_alice, "collect", ids=ids(items[:2]), collection=old.public_id, new_collection="no").json()
    assert answer["words"] == "2 pictures added to “Lakes”."
    again = do(as_alice, "collect", ids=ids(items[:3]), collection=old.public_id).json()
    assert again["words"] == "1 picture added to “Lakes”. 2 were in it already."
    do(as_alice, "collect", ids=ids(items), new_collection="<b>Dawn</b>")
    assert Collection.objects.get(title="<b>Dawn</b>").entries.count() == 5
    assert do(as_alice, "collect", ids=ids(items), new_collection="  ").status_code == 422


def test_nothing_goes_into_somebody_elses_collection(
    charlie: User, as_alice: Client, items: list[Item]
) -> None:
    other = curation.create(charlie, "Secret")
    answer = do(as_alice, "collect", ids=ids(items), collection=other.public_id)
    assert answer.status_code == 422
    assert "Secret" not in answer.content.decode()
    assert other.entries.count() == 0
    for forged in ("\0", "x" * 10_000, "' OR 1=1", "😀"):
        assert do(as_alice, "collect", ids=ids(items), collection=forged).status_code == 422


@pytest.mark.parametrize("deed", ["", "delete", "__class__", "trash\0"])
def test_a_deed_that_is_none_is_refused(as_alice: Client, items: list[Item], deed: str) -> None:
    assert do(as_alice, deed, ids=ids(items)).status_code == 422
    assert trashed() == set()


def test_boxes_and_a_button_do_it_without_scripts(as_alice: Client, items: list[Item]) -> None:
    form = {"deed": "trash", "id": [items[0].public_id, items[2].public_id], "next": "/library/?show=private"}
    answer = as_alice.post("/library/bulk/", form)
    assert answer["Location"] == "/library/?show=private"
    assert trashed() == {items[0].pk, items[2].pk}
    page = as_alice.get("/library/").content.decode()
    assert f'name="id" value="{items[1].public_id}" form="deeds"' in page
    assert "2 moved to the trash for 30 days." in page


def test_it_leads_back_to_pages_of_ours_alone(as_alice: Client, items: list[Item]) -> None:
    answer = as_alice.post("/library/bulk/", {"deed": "trash", "next": "https://evil.example/"})
    assert answer["Location"] == "/library/"
    assert [str(one) for one in get_messages(answer.wsgi_request)] == ["Select pictures first."]


def test_deeds_need_a_form_of_ours_and_a_member(alice: User, client: Client, items: list[Item]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    for path in ("bulk", "zip", "restore", "trash/erase"):
        assert strict.post(f"/library/{path}/", {"ids": ids(items)}).status_code == 403
        assert strict.get(f"/library/{path}/").status_code == 405
        assert client.post(f"/library/{path}/", {"ids": ids(items)})["Location"].startswith(
            "/accounts/login/"
        )
    assert trashed() == set()


def test_the_size_of_a_batch_changes_no_number_of_queries_but_by_batches(
    as_alice: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    many = some_items(alice, 60)
    factories.give(alice, 1)
    with django_assert_max_num_queries(20):
        assert do(as_alice, "trash", ids=ids(many)).json()["count"] == 60
