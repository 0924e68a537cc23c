"""Collections: made, filled, ordered, opened to others; and what is not one's own does not exist."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, User
from gallery import permissions
from gallery.collections import curation, editor_views, editors, pick_views, positions, public_views, views
from gallery.items import deletion
from gallery.models import Collection, CollectionItem, Item, ShareLink
from predictions.models import Status
from tests import factories
from tests.runner.sampling import one_in, one_of, short_or_whole
from tests.support.races import together

Clients = Callable[[User], Client]


def some_items(user: User, count: int, **fields: Any) -> list[Item]:
    """Items of one prediction."""
    prediction = factories.make_prediction(user, status=Status.SUCCEEDED)
    return [
        factories.make_item(
            user,
            factories.make_output(prediction, file=factories.make_stored_file(), index=index),
            title=f"picture {index}",
            **fields,
        )
        for index in range(count)
    ]


@pytest.fixture
def collection(alice: User) -> Collection:
    """An empty collection of Alice's."""
    return curation.create(alice, "Lighthouses")


def order(collection: Collection) -> list[str]:
    """The titles in their order."""
    rows = CollectionItem.objects.filter(collection=collection).order_by("place", "id")
    return [title.removeprefix("picture ") for title in rows.values_list("item__title", flat=True)]


def own(collection: Collection, deed: str = "") -> str:
    return f"/library/collections/{collection.public_id}/{deed}"


def seen(answer: Any) -> list[str]:
    """The items whose pictures a page shows, in its order."""
    return list(dict.fromkeys(re.findall(r"/([\w-]{22})/picture/(?:small|medium)", answer.content.decode())))


# -- Making and filling ------------------------------------------------------------------------------------------


def test_a_member_makes_a_collection_and_stands_in_it(as_alice: Client) -> None:
    answer = as_alice.post("/library/collections/new/", {"title": "  Light\u200bhouses\n at \u202enight "})
    made = Collection.objects.get()
    assert made.title == "Lighthouses at night"
    assert made.visibility == "private"
    page = as_alice.get(answer["Location"])
    assert "Lighthouses at night" in page.content.decode()


@pytest.mark.parametrize("title", one_in(3, ["", "   ", "\u200b\u202e\u2060", "\u2800\u3164", "x" * 121]))
def test_a_title_that_cannot_be_read_is_refused(as_alice: Client, title: str) -> None:
    assert as_alice.post("/library/collections/new/", {"title": title}).status_code == 422
    assert not Collection.objects.exists()


def test_script_in_words_stays_words(as_alice: Client, collection: Collection, client: Client) -> None:
    bad = "<script>alert(1)</script>"
    item = some_items(collection.user, 1, visibility="public")[0]
    curation.add(collection, [item], collection.user)
    said = {"title": bad, "description": f'"><img src=x onerror=1> {bad}', "visibility": "public"}
    as_alice.post(own(collection, "edit/"), said)
    pages = ["/library/collections/", own(collection), f"/library/{item.public_id}/"]
    for page in [as_alice.get(path) for path in pages] + [
        client.get("/collections/"), client.get(f"/collections/{collection.public_id}/"),
    ]:  # fmt: skip
        text = page.content.decode()
        assert page.status_code == 200
        assert "&lt;script&gt;alert(1)" in text
        assert bad not in text and "<img src=x" not in text


def test_pictures_are_added_in_order_and_once(alice: User, as_alice: Client, collection: Collection) -> None:
    items = some_items(alice, 3)
    ids = [item.public_id for item in items]
    as_alice.post("/library/collections/add/", {"ids": ids[:2], "collection": collection.public_id})
    as_alice.post("/library/collections/add/", {"ids[]": ids, "collection": collection.public_id})
    assert order(collection) == ["0", "1", "2"]
    assert seen(as_alice.get(own(collection))) == ids


def test_a_new_collection_is_made_while_adding(alice: User, as_alice: Client) -> None:
    item = some_items(alice, 1)[0]
    sent = {"ids": item.public_id, "collection": "new", "title": "Boats"}
    answer = as_alice.post("/library/collections/add/", sent, headers={"HX-Request": "true"})
    assert "1 added to “Boats”." in answer.content.decode()
    assert order(Collection.objects.get(title="Boats")) == ["0"]


def test_the_form_comes_back_with_what_is_wrong(alice: User, as_alice: Client) -> None:
    item = some_items(alice, 1)[0]
    sent = {"ids": item.public_id, "collection": "new", "title": "\u200b"}
    answer = as_alice.post("/library/collections/add/", sent, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "give a new one a title" in answer.content.decode()
    assert item.public_id in answer.content.decode()


def test_forged_and_strange_ids_add_nothing(
    alice: User, bob: User, as_alice: Client, collection: Collection
) -> None:
    mine, theirs = some_items(alice, 1)[0], some_items(bob, 1, visibility="public")[0]
    for ids in ([theirs.public_id], [mine.public_id, theirs.public_id], ["nobody"], ["\x00"], []):
        sent = {"ids": ids, "collection": collection.public_id}
        assert as_alice.post("/library/collections/add/", sent).status_code == 404
    for strange in ("nobody", "\x00", "' OR 1=1"):
        sent = {"ids": [mine.public_id], "collection": strange}
        assert as_alice.post("/library/collections/add/", sent).status_code == 404
    assert not CollectionItem.objects.exists()


def test_ten_thousand_ids_at_once_are_refused(alice: User, as_alice: Client, collection: Collection) -> None:
    body = "&".join(["collection=" + collection.public_id, *(f"ids=x{number}" for number in range(10_000))])
    answer = as_alice.post("/library/collections/add/", body, "application/x-www-form-urlencoded")
    assert answer.status_code in (302, 400)
    assert not CollectionItem.objects.exists()


def test_what_is_in_the_trash_is_not_added(alice: User, collection: Collection) -> None:
    item = some_items(alice, 1, trashed_at=timezone.now())[0]
    assert curation.add(collection, [item], alice) == 0


def test_limits_are_said(
    alice: User, as_alice: Client, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curation, "MAX_COLLECTIONS", 1)
    monkeypatch.setattr(curation, "MAX_ITEMS", 2)
    items = some_items(alice, 3)
    answer = as_alice.post("/library/collections/new/", {"title": "One more"}, follow=True)
    assert "You have 1 collections, as many as there may be." in answer.content.decode()
    sent = {"ids": [item.public_id for item in items], "collection": collection.public_id}
    answer = as_alice.post("/library/collections/add/", sent, follow=True)
    assert "holds at most 2 pictures" in answer.content.decode()
    assert order(collection) == []


def test_a_closed_account_makes_and_fills_nothing(alice: User, collection: Collection) -> None:
    item = some_items(alice, 1)[0]
    Account.objects.filter(items=item).update(status=Account.Status.SUSPENDED)
    alice.refresh_from_db()
    with pytest.raises(permissions.Suspended):
        curation.create(alice, "More")
    with pytest.raises(permissions.Suspended):
        curation.add(collection, [item], alice)
    with pytest.raises(permissions.Suspended):
        curation.set_visibility(collection, "public")


# -- Order -------------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(alice: User, collection: Collection) -> list[Item]:
    """Five pictures in the collection: 0, 1, 2, 3, 4."""
    items = some_items(alice, 5)
    curation.add(collection, items, alice)
    return items


@pytest.mark.parametrize(
    ("sent", "expected"),
    one_in(
        3,
        [
            ({"item": 4, "before": 0}, "40123"),
            ({"item": 0, "after": 4}, "12340"),
            ({"item": 3, "before": 1}, "03124"),
            ({"item": 1, "after": 3}, "02314"),
            ({"item": 2, "before": 3}, "01234"),
            ({"item": 2, "before": 2}, "01234"),
            ({"earlier": 2}, "02134"),
            ({"later": 2}, "01324"),
            ({"earlier": 0}, "01234"),
            ({"later": 4}, "01234"),
            ({"first": 3}, "30124"),
            ({"last": 1}, "02341"),
        ],
    ),
)
def test_a_picture_is_moved(
    as_alice: Client, collection: Collection, filled: list[Item], sent: dict[str, int], expected: str
) -> None:
    fields = {name: filled[number].public_id for name, number in sent.items()}
    answer = as_alice.post(own(collection, "move/"), fields, headers={"X-Requested-With": "fetch"})
    assert answer.status_code == 204
    assert "".join(order(collection)) == expected


def test_without_script_a_move_leads_back_to_the_picture(
    as_alice: Client, collection: Collection, filled: list[Item]
) -> None:
    answer = as_alice.post(own(collection, "move/"), {"later": filled[0].public_id})
    assert answer["Location"] == f"{own(collection)}?arrange=1#i-{filled[0].public_id}"
    assert seen(as_alice.get(own(collection) + "?arrange=1"))[:2] == [
        filled[1].public_id,
        filled[0].public_id,
    ]


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(
    ("sent", "expected"), [({"before": 1}, "04123"), ({"after": 1}, "01423"), ({"before": 0}, "40123")]
)
def test_those_behind_give_way_where_there_is_no_room(
    collection: Collection, filled: list[Item], alice: User, step: int, sent: dict[str, int], expected: str
) -> None:
    # Neighbours without room between; and, as nothing here would write them, all in one place.
    for number, item in enumerate(filled):
        CollectionItem.objects.filter(item=item).update(place=7 + number * step)
    known = {name: filled[number].public_id for name, number in sent.items()}
    positions.move(collection, views.entries_for(alice, collection), filled[4].public_id, **known)
    assert "".join(order(collection)) == expected


def test_hundreds_of_moves_into_one_spot_keep_the_order(
    collection: Collection, filled: list[Item], alice: User
) -> None:
    entries = views.entries_for(alice, collection)
    for turn in range(short_or_whole(26, 60)):
        moved = filled[3 + turn % 2]
        positions.move(collection, entries, moved.public_id, after=filled[0].public_id)
    assert "".join(order(collection)) == "04312"


def test_a_move_of_what_is_not_in_it_is_404(
    as_alice: Client, collection: Collection, filled: list[Item], alice: User
) -> None:
    strange = some_items(alice, 1)[0].public_id
    known = filled[0].public_id
    for sent in (
        {"item": strange, "before": known}, {"item": known, "before": strange}, {"item": known},
        {"first": strange}, {"item": "\x00", "after": known}, {},
    ):  # fmt: skip
        assert as_alice.post(own(collection, "move/"), sent).status_code == 404
    assert "".join(order(collection)) == "01234"


@pytest.mark.django_db(transaction=True)
def test_racing_moves_leave_every_picture_with_a_place_of_its_own(
    alice: User, collection: Collection
) -> None:
    items = some_items(alice, 6)
    curation.add(collection, items, alice)
    entries = views.entries_for(alice, collection)

    def move(turn: int) -> None:
        positions.move(
            collection,
            entries.all(),
            items[turn % 6].public_id,
            before=items[(turn + 2 + turn // 6) % 6].public_id,
        )

    results: list[Any] = []
    for start in range(0, short_or_whole(20, 50), 10):
        results += together([functools.partial(move, turn) for turn in range(start, start + 10)])
    assert [one for one in results if one is not None] == []
    places = list(CollectionItem.objects.filter(collection=collection).values_list("place", flat=True))
    assert len(places) == len(set(places)) == 6


def test_pages_follow_the_order_without_repeats_or_gaps(
    as_alice: Client, collection: Collection, filled: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PICTURES", 2)
    positions.step(
        collection, CollectionItem.objects.filter(collection=collection), filled[4].public_id, "first"
    )
    found: list[str] = []
    path = own(collection)
    while path:
        page = as_alice.get(path)
        found += seen(page)
        older = re.search(r'class="older"><a class="button" href="([^"]+)"', page.content.decode())
        path = older[1].replace("&amp;", "&") if older else ""
    assert found == [filled[number].public_id for number in (4, 0, 1, 2, 3)]


@pytest.mark.parametrize(
    "cursor", one_in(4, ["x", "1", "1.", "-.1", "9" * 30 + ".1", "1." + "9" * 30, "1.2.3", "٣.٣"])
)
def test_a_forged_cursor_does_no_harm(as_alice: Client, collection: Collection, cursor: str) -> None:
    assert as_alice.get(own(collection), {"after": cursor}).status_code == 200
    assert as_alice.get("/library/collections/", {"after": cursor}).status_code == 200
    assert as_alice.get("/collections/", {"after": cursor}).status_code == 200


# -- Cover and leaving ------------------------------------------------------------------------------------------


def test_the_cover_is_chosen_and_forgotten_when_it_leaves(
    as_alice: Client, collection: Collection, filled: list[Item]
) -> None:
    as_alice.post(own(collection, "cover/"), {"cover": filled[2].public_id})
    collection.refresh_from_db()
    assert collection.cover == filled[2]
    assert seen(as_alice.get("/library/collections/"))[0] == filled[2].public_id
    as_alice.post(own(collection, "remove/"), {"ids": [filled[2].public_id, "\x00", "nobody"]})
    collection.refresh_from_db()
    assert collection.cover is None
    assert order(collection) == ["0", "1", "3", "4"]
    assert Item.objects.filter(pk=filled[2].pk).exists()


def test_a_picture_in_the_trash_is_gone_and_comes_back_to_its_place(
    as_alice: Client, collection: Collection, filled: list[Item]
) -> None:
    Item.objects.filter(pk=filled[1].pk).update(trashed_at=timezone.now())
    assert filled[1].public_id not in seen(as_alice.get(own(collection)))
    Item.objects.filter(pk=filled[1].pk).update(trashed_at=None)
    assert seen(as_alice.get(own(collection))) == [item.public_id for item in filled]


def test_a_deleted_picture_leaves(collection: Collection, filled: list[Item]) -> None:
    curation.set_cover(collection, filled[0])
    deletion.delete(filled[0])
    assert order(collection) == ["1", "2", "3", "4"]


def test_deleting_a_collection_keeps_the_pictures_and_ends_its_links(
    as_alice: Client, client: Client, collection: Collection, filled: list[Item], bob: User
) -> None:
    link = ShareLink.objects.create(collection=collection, created_by=collection.user)
    editors.invite(collection, "bob")
    as_alice.post(own(collection, "delete/"))
    assert not Collection.objects.exists()
    assert client.get(f"/s/{link.token}/").status_code == 404
    assert Item.objects.count() == 5


def test_an_owner_takes_a_picture_out_from_its_own_page(
    as_alice: Client, collection: Collection, filled: list[Item]
) -> None:
    item = filled[0]
    assert "Lighthouses" in as_alice.get(f"/library/{item.public_id}/").content.decode()
    as_alice.post(f"/library/{item.public_id}/collections/{collection.public_id}/remove/")
    assert order(collection) == ["1", "2", "3", "4"]


# -- Editors -----------------------------------------------------------------------------------------------------


@pytest.fixture
def shared(collection: Collection, filled: list[Item], bob: User) -> Item:
    """Bob is an editor and has added a picture of his own."""
    editors.invite(collection, "bob")
    item = some_items(bob, 1)[0]
    curation.add(collection, [item], bob)
    return item


def test_an_editor_sees_adds_arranges_and_takes_out(
    collection: Collection, filled: list[Item], shared: Item, bob: User, client_of: Clients
) -> None:
    as_bob = client_of(bob)
    assert seen(as_bob.get(own(collection))) == [item.public_id for item in [*filled, shared]]
    address = f"{own(collection)}{filled[0].public_id}/"
    assert as_bob.get(address).status_code == 200
    assert as_bob.get(f"{address}picture/full").status_code == 200
    as_bob.post(own(collection, "move/"), {"first": shared.public_id})
    as_bob.post(own(collection, "remove/"), {"ids": [filled[0].public_id]})
    assert order(collection) == ["0", "1", "2", "3", "4"]
    assert "Lighthouses" in as_bob.get("/library/collections/?show=others").content.decode()
    assert "Lighthouses" not in as_bob.get("/library/collections/?show=mine").content.decode()


def test_an_editor_does_nothing_that_is_the_owners(
    collection: Collection, shared: Item, bob: User, client_of: Clients
) -> None:
    before, as_bob = Collection.objects.values().get(pk=collection.pk), client_of(bob)
    for deed in ("edit/", "delete/", "editors/", "editors/remove/", "share/", "share/1/withdraw/"):
        assert as_bob.post(own(collection, deed), {"title": "Mine", "username": "bob"}).status_code == 404, (
            deed
        )
    assert Collection.objects.values().get(pk=collection.pk) == before


def test_an_editor_who_leaves_takes_their_pictures_along(
    collection: Collection, shared: Item, bob: User, client_of: Clients
) -> None:
    curation.set_cover(collection, shared)
    as_bob = client_of(bob)
    as_bob.post(own(collection, "leave/"))
    collection.refresh_from_db()
    assert collection.cover is None
    assert order(collection) == ["0", "1", "2", "3", "4"]
    assert as_bob.get(own(collection)).status_code == 404
    assert as_bob.post(own(collection, "leave/")).status_code == 404


def test_an_owner_shows_an_editor_out(as_alice: Client, collection: Collection, shared: Item) -> None:
    as_alice.post(own(collection, "editors/remove/"), {"username": "bob"})
    assert not editors.for_collection(collection).exists()
    assert not CollectionItem.objects.filter(item=shared).exists()
    assert as_alice.post(own(collection, "editors/remove/"), {"username": "bob"}).status_code == 404
    assert as_alice.post(own(collection, "leave/")).status_code == 404


def test_a_former_editor_takes_an_own_picture_out_of_what_they_no_longer_see(
    collection: Collection, shared: Item, bob: User, client_of: Clients
) -> None:
    collection.editors.all().delete()
    address = f"/library/{shared.public_id}/collections/{collection.public_id}/remove/"
    assert client_of(bob).post(address).status_code == 302
    assert not CollectionItem.objects.filter(item=shared).exists()


@pytest.mark.parametrize("name", one_in(3, ["nobody", "alice", "", "\x00", "bob' --", "b" * 10_000]))
def test_only_another_member_becomes_an_editor(
    as_alice: Client, collection: Collection, bob: User, name: str
) -> None:
    answer = as_alice.post(own(collection, "editors/"), {"username": name}, follow=True)
    assert "No other member has the user name" in answer.content.decode()
    assert not editors.for_collection(collection).exists()


def test_editors_are_limited_and_so_are_the_names_one_tries(
    as_alice: Client, collection: Collection, bob: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editors, "MAX_EDITORS", 1)
    as_alice.post(own(collection, "editors/"), {"username": "bob"})
    answer = as_alice.post(own(collection, "editors/"), {"username": "charlie"}, follow=True)
    assert "at most 1 editors" in answer.content.decode()
    monkeypatch.setattr(editor_views, "_may_try", lambda _user: False)
    answer = as_alice.post(own(collection, "editors/"), {"username": "bob"}, follow=True)
    assert "Too many names at once" in answer.content.decode()


def test_a_hidden_picture_of_another_is_seen_by_its_owner_alone(
    as_alice: Client, collection: Collection, shared: Item, bob: User, client_of: Clients
) -> None:
    Item.objects.filter(pk=shared.pk).update(hidden_at=timezone.now())
    assert shared.public_id not in seen(as_alice.get(own(collection)))
    assert as_alice.get(f"{own(collection)}{shared.public_id}/picture/full").status_code == 404
    assert shared.public_id in seen(client_of(bob).get(own(collection)))


# -- Strangers and the public ------------------------------------------------------------------------------------

READ = ["", "?arrange=1", "{item}/", "{item}/picture/small", "{item}/picture/full"]
WRITE = [
    "edit/", "delete/", "move/", "cover/", "remove/", "editors/", "editors/remove/", "leave/", "share/",
    "share/1/withdraw/", "share/99999999999999999999/withdraw/",
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "visibility"),
    [(path, visibility) for path in READ for visibility in one_of(["private", "public"], of=path)],
)
def test_a_collection_of_others_does_not_exist_in_ones_library(
    as_charlie: Client, collection: Collection, filled: list[Item], path: str, visibility: str
) -> None:
    curation.set_visibility(collection, visibility)
    assert as_charlie.get(own(collection, path.format(item=filled[0].public_id))).status_code == 404


def test_a_stranger_changes_nothing(as_charlie: Client, collection: Collection, filled: list[Item]) -> None:
    before = Collection.objects.values().get(pk=collection.pk)
    sent = {
        "title": "x", "visibility": "public", "item": filled[0].public_id, "after": filled[4].public_id,
        "cover": filled[0].public_id, "ids": filled[0].public_id, "username": "charlie",
    }  # fmt: skip
    for deed in WRITE:
        assert as_charlie.post(own(collection, deed), sent).status_code == 404, deed
    assert Collection.objects.values().get(pk=collection.pk) == before
    assert "".join(order(collection)) == "01234"
    assert not ShareLink.objects.exists()


def test_a_visitor_is_asked_to_sign_in(client: Client, collection: Collection) -> None:
    for path in ("/library/collections/", own(collection), "/library/collections/pick/"):
        assert client.get(path)["Location"].startswith("/accounts/login/")


def test_a_deed_needs_a_form_of_ours(alice: User, collection: Collection) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    for deed in WRITE[:-1]:
        assert strict.post(own(collection, deed)).status_code == 403, deed
        assert strict.get(own(collection, deed)).status_code in (404, 405), deed


def test_a_public_collection_shows_what_is_open_by_itself(
    client: Client, alice: User, collection: Collection
) -> None:
    now = timezone.now()
    states: list[dict[str, Any]] = [
        {},
        {"visibility": "unlisted", "published_at": now},
        {"visibility": "public"},
        {"visibility": "public", "hidden_at": now},
        {"visibility": "public"},
    ]
    private, unlisted, shown, hidden, trashed = (some_items(alice, 1, **state)[0] for state in states)
    curation.add(collection, [private, unlisted, shown, hidden, trashed], alice)
    Item.objects.filter(pk=trashed.pk).update(trashed_at=now)
    curation.set_visibility(collection, "public")
    page = client.get(f"/collections/{collection.public_id}/")
    assert seen(page) == [unlisted.public_id, shown.public_id]
    assert private.public_id not in page.content.decode()
    assert "noindex" not in page.get("X-Robots-Tag", "")


@pytest.mark.parametrize(("visibility", "status"), [("private", 404), ("unlisted", 200), ("public", 200)])
def test_the_public_page_follows_the_visibility(
    client: Client, alice: User, collection: Collection, visibility: str, status: int
) -> None:
    curation.add(collection, some_items(alice, 1, visibility="public"), alice)
    curation.set_visibility(collection, visibility)
    page = client.get(f"/collections/{collection.public_id}/")
    assert page.status_code == status
    assert ("noindex" in page.get("X-Robots-Tag", "")) == (visibility == "unlisted")
    listed = "Lighthouses" in client.get("/collections/").content.decode()
    assert listed == (visibility == "public")


def test_a_collection_hidden_by_a_moderator_is_its_keepers_alone(
    client: Client, as_alice: Client, alice: User, collection: Collection
) -> None:
    curation.add(collection, some_items(alice, 1, visibility="public"), alice)
    curation.set_visibility(collection, "public")
    link = ShareLink.objects.create(collection=collection, created_by=alice)
    Collection.objects.filter(pk=collection.pk).update(hidden_at=timezone.now(), hidden_reason="copied work")
    assert client.get(f"/collections/{collection.public_id}/").status_code == 404
    assert client.get(f"/s/{link.token}/").status_code == 404
    assert "Lighthouses" not in client.get("/collections/").content.decode()
    assert "copied work" in as_alice.get(own(collection)).content.decode()
    said = {"title": "Lighthouses", "visibility": "public"}
    assert (
        "hid this collection" in as_alice.post(own(collection, "edit/"), said, follow=True).content.decode()
    )


def test_an_edit_does_not_push_a_collection_to_the_top(as_alice: Client, collection: Collection) -> None:
    curation.set_visibility(collection, "public")
    collection.refresh_from_db()
    first = collection.published_at
    as_alice.post(own(collection, "edit/"), {"title": "Lamps", "visibility": "public"})
    collection.refresh_from_db()
    assert (collection.title, collection.published_at) == ("Lamps", first)


def test_a_sensitive_picture_is_blurred_for_others_until_they_ask(
    client: Client, as_alice: Client, alice: User, collection: Collection
) -> None:
    item = some_items(alice, 1, visibility="public", sensitive=True)[0]
    curation.add(collection, [item], alice)
    curation.set_visibility(collection, "public")
    page = client.get(f"/collections/{collection.public_id}/").content.decode()
    assert f"/gallery/{item.public_id}/" in page
    assert f"/gallery/{item.public_id}/picture" not in page
    assert "og:image" not in page
    assert f"{item.public_id}/picture" not in client.get("/collections/").content.decode()
    assert f"{item.public_id}/picture" in as_alice.get(own(collection)).content.decode()


# -- Cost ----------------------------------------------------------------------------------------------------------


def test_lists_cost_the_same_however_long_they_are(
    as_alice: Client, alice: User, client: Client, django_assert_num_queries: Any
) -> None:
    def queries(asker: Client, path: str) -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as caught:
            assert asker.get(path).status_code == 200
        return len(caught)

    first = curation.create(alice, "First")
    curation.add(first, some_items(alice, 2, visibility="public"), alice)
    curation.set_visibility(first, "public")
    ShareLink.objects.create(collection=first, created_by=alice)
    asked = [
        (as_alice, "/library/collections/"), (as_alice, own(first)), (as_alice, own(first) + "?arrange=1"),
        (as_alice, "/library/collections/pick/"), (as_alice, "/library/links/"), (client, "/collections/"),
        (client, f"/collections/{first.public_id}/"),
    ]  # fmt: skip
    for asker, path in asked:
        asker.get(path)
    before = [queries(*one) for one in asked]
    items = some_items(alice, 6, visibility="public")
    curation.add(first, items, alice)
    for number in range(4):
        more = curation.create(alice, f"More {number}")
        curation.add(more, items[number:], alice)
        curation.set_visibility(more, "public")
        ShareLink.objects.create(item=items[number], created_by=alice)
    assert [queries(*one) for one in asked] == before
    assert max(before) <= 14


def test_public_lists_neither_repeat_nor_skip(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_views, "PAGE", 2)
    item = some_items(alice, 1, visibility="public")
    at = timezone.now()
    for number in range(5):
        one = curation.create(alice, f"Number {number}")
        curation.add(one, item, alice)
        curation.set_visibility(one, "public")
    Collection.objects.update(published_at=at)
    found: list[str] = []
    path = "/collections/"
    while path:
        page = client.get(path).content.decode()
        found += re.findall(r"Number \d", page)
        older = re.search(r'class="older"><a class="button" href="([^"]+)"', page)
        path = older[1] if older else ""
    assert found == [f"Number {number}" for number in (4, 3, 2, 1, 0)]


def test_the_choice_is_between_what_one_may_change(
    client_of: Clients, bob: User, collection: Collection, shared: Item
) -> None:
    curation.create(bob, "Bob's own")
    curation.create(collection.user, "Alice's alone")
    page = client_of(bob).get("/library/collections/pick/", headers={"HX-Request": "true"}).content.decode()
    assert page.index("Bob&#x27;s own") < page.index("Lighthouses")
    assert "alone" not in page
    assert pick_views.CHOICES >= curation.MAX_COLLECTIONS
