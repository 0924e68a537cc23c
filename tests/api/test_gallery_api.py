"""`/api` of the gallery: lists, search, likes, follows, comments, reports, the trash, collections and their links."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts import credits
from accounts.models import Account, Plan, User
from accounts.organizations import management
from accounts.tokens import api_tokens
from core.jobs import scheduler
from gallery import moderation
from gallery.collections import curation
from gallery.items import item_tags, publication
from gallery.models import Collection, Comment, Item, Report
from gallery.social import interaction_limits
from tests import factories
from tests.api.conftest import Frontend

pytestmark = pytest.mark.django_db


def ids(rows: list[dict[str, Any]]) -> list[Any]:
    return [row["id"] for row in rows]


def public(user: User, prompt: str = "a red lighthouse", **said: Any) -> Item:
    item = factories.make_item(user, prompt=prompt)
    publication.publish(item, **said)
    return item


def listed(**query: Any) -> list[Any]:
    return ids(Client().get("/api/gallery", query).json()["results"])


def test_publishing_says_everything_that_a_page_shows(mine: Frontend, alice: User) -> None:
    path = f"/api/items/{factories.make_item(alice).public_id}"
    said = {
        "title": "Dusk", "tags": [" Sea ", "雾", "sea"], "sensitive": True, "licence": "CC-BY-4.0",
        "visibility": "unlisted",
    }  # fmt: skip
    shown = mine.post(f"{path}/publish", said).json()
    assert {name: shown[name] for name in said} == said | {"tags": ["sea", "雾"]}
    assert shown["urls"]["public"] is not None and listed() == []
    assert Client().get(f"/api/gallery/{shown['id']}").json()["tags"] == ["sea", "雾"]
    shown = mine.send("PATCH", path, {"tags": ["night"], "licence": ""}).json()
    assert (shown["tags"], shown["licence"], shown["title"]) == (["night"], "", "Dusk")


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"tags": ["x" * 41]}, "tags"), ({"tags": [str(n) for n in range(13)]}, "tags"), ({"tags": "sea"}, "tags"),
        ({"licence": "GPL"}, "licence"), ({"visibility": "private"}, "visibility"), ({"sensitive": "yes"}, "sensitive"),
    ],
    ids=["long tag", "many tags", "text for tags", "licence", "visibility", "sensitive"],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name_and_nothing_is_published(
    mine: Frontend, alice: User, said: dict[str, Any], named: str
) -> None:
    item = factories.make_item(alice)
    answer = mine.post(f"/api/items/{item.public_id}/publish", said)
    assert answer.status_code == 400 and named in answer.content.decode()
    item.refresh_from_db()
    assert item.visibility == "private"


def test_the_gallery_is_read_by_words_tag_author_model_and_week(
    mine: Frontend, alice: User, charlie: User
) -> None:
    fog = public(alice, "fog over the harbour", tags=["sea"])
    cat = public(charlie, "一只橙色的猫在窗边", sensitive=True)
    scheduler.run_all()
    assert mine.send("PUT", f"/api/likes/{fog.public_id}").status_code == 204
    for query, items in (
        ({}, [cat, fog]), ({"q": "harbour"}, [fog]), ({"q": "橙色"}, [cat]), ({"tag": "SEA"}, [fog]),
        ({"author": "charlie"}, [cat]), ({"model": fog.model.ref}, [fog]), ({"sort": "week"}, [fog]),
        ({"sensitive": "false"}, [fog]), ({"tag": "nothing"}, []), ({"author": "nobody"}, []),
    ):  # fmt: skip
        assert listed(**query) == [item.public_id for item in items], query


def test_lists_of_the_gallery_are_not_mixed_and_forged_cursors_are_refused() -> None:
    assert "tag" in Client().get("/api/gallery", {"q": "sea", "tag": "sea"}).content.decode()
    for query in ({}, {"q": "sea"}, {"sort": "week"}, {"tag": "sea"}):
        answer = Client().get("/api/gallery", {**query, "cursor": "<forged>"})
        assert answer.status_code == 400 and "cursor" in answer.content.decode(), query


def test_a_walk_through_a_search_sees_each_once(alice: User) -> None:
    made = [public(alice, f"harbour {number}").public_id for number in range(5)]
    scheduler.run_all()
    found: list[Any] = []
    address: str | None = "/api/gallery?q=harbour&limit=2"
    while address:
        page = Client().get(address.removeprefix("http://testserver")).json()
        found, address = [*found, *ids(page["results"])], page["next"]
    assert found == made[::-1]


def test_liking_twice_is_liking_once(mine: Frontend, theirs: Frontend, alice: User) -> None:
    item = public(alice)
    for frontend in (mine, mine, theirs):
        assert frontend.send("PUT", f"/api/likes/{item.public_id}").status_code == 204
    assert Client().get(f"/api/gallery/{item.public_id}").json()["likes"] == 2
    assert ids(mine.rows("/api/likes")) == ids(mine.rows("/api/items", liked="true")) == [item.public_id]
    mine.send("DELETE", f"/api/likes/{item.public_id}")
    assert mine.rows("/api/likes") == [] and Client().get("/api/gallery").json()["results"][0]["likes"] == 1


def test_following_fills_the_feed(mine: Frontend, charlie: User) -> None:
    item = public(charlie)
    assert mine.rows("/api/feed") == []
    assert mine.send("PUT", "/api/follows/charlie").status_code == 204
    assert ids(mine.rows("/api/feed")) == [item.public_id]
    assert [row["username"] for row in mine.rows("/api/follows")] == ["charlie"]
    mine.send("DELETE", "/api/follows/charlie")
    assert mine.rows("/api/feed") == []
    assert mine.send("PUT", "/api/follows/alice").status_code == 409
    assert mine.send("DELETE", "/api/follows/alice").status_code == 204
    assert mine.send("PUT", "/api/follows/nobody").status_code == 404


def test_comments_are_read_by_all_written_by_members_and_removed_by_whose_they_are(
    mine: Frontend, theirs: Frontend, alice: User
) -> None:
    path = f"/api/gallery/{public(alice).public_id}/comments"
    assert Client().post(path, {"text": "hi"}, content_type="application/json").status_code == 401
    made = theirs.post(path, {"text": "<script>alert(1)</script>"})
    assert made.status_code == 201
    assert theirs.post(path, {"text": "<script>alert(1)</script>"}).status_code == 409
    rows = Client().get(path).json()["results"]
    assert [(row["author_username"], row["text"]) for row in rows] == [
        ("charlie", "<script>alert(1)</script>")
    ]
    assert theirs.post(path, {"text": " \u200b "}).status_code == 400
    assert theirs.post(path, {"text": "x" * 100_000}).status_code == 400
    assert mine.send("DELETE", f"/api/comments/{rows[0]['id']}").status_code == 204
    assert Client().get(path).json()["results"] == []


def test_a_strangers_comment_is_not_anybodys_to_remove(mine: Frontend, charlie: User, staff: User) -> None:
    comment = Comment.objects.create(item=public(charlie), user=charlie, text="mine")
    assert mine.send("DELETE", f"/api/comments/{comment.pk}").status_code == 404


def test_more_likes_and_follows_than_people_give_are_to_wait(
    mine: Frontend, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    like = f"/api/likes/{public(charlie).public_id}"
    deeds: dict[interaction_limits.Action, str] = {"like": like, "follow": "/api/follows/charlie"}
    for deed, path in deeds.items():
        monkeypatch.setitem(interaction_limits.PER_MINUTE, deed, 1)
        assert mine.send("PUT", path).status_code == 204
        refused = mine.send("PUT", path)
        assert (refused.status_code, refused.json()["title"]) == (429, "Too many requests")
        assert 1 <= int(refused["Retry-After"]) <= 60


def test_reports_come_from_members_and_visitors_once_each(mine: Frontend, alice: User) -> None:
    body = {"item": public(alice).public_id, "reason": "copied", "words": "It is mine."}
    visitor = Client()
    for _time in range(2):
        mine.post("/api/reports", body)
        visitor.post("/api/reports", body, content_type="application/json")
    assert Report.objects.count() == 2
    assert mine.post("/api/reports", {"reason": "copied"}).status_code == 400
    assert mine.post("/api/reports", {**body, "reason": "dull"}).status_code == 400
    assert mine.post("/api/reports", {**body, "item": "nothing"}).status_code == 404


def test_a_collection_is_reported_while_it_is_open(mine: Frontend, charlie: User) -> None:
    made = curation.create(charlie, "Harbours")
    body = {"collection": made.public_id, "reason": "hate"}
    assert mine.post("/api/reports", body).status_code == 404
    curation.set_visibility(made, "unlisted")
    assert [mine.post("/api/reports", body).status_code for _time in range(2)] == [201, 200]
    assert Report.objects.get().collection == made
    refused = mine.post("/api/reports", {**body, "item": "also"})
    assert (refused.status_code, list(refused.json()["faults"])) == (400, ["item"])


def test_whoever_keeps_a_hidden_collection_reads_why(mine: Frontend, alice: User) -> None:
    made = curation.create(alice, "Harbours")
    curation.set_visibility(made, "public")
    moderation.hide_collection(made, "Not for here.")
    told = mine.get(f"/api/collections/{made.public_id}").json()
    assert (told["hidden"], told["hidden_reason"], told["url"]) == (True, "Not for here.", None)
    assert Client().get(f"/api/gallery/collections/{made.public_id}").status_code == 404


def test_the_trash_takes_and_gives_back(mine: Frontend, alice: User) -> None:
    item = public(alice)
    path = f"/api/items/{item.public_id}"
    assert mine.post(f"{path}/trash").status_code == 204
    assert mine.get(path).status_code == Client().get(f"/api/gallery/{item.public_id}").status_code == 404
    assert [row["trashed_at"] is not None for row in mine.rows("/api/trash")] == [True]
    assert mine.post(f"{path}/restore").json()["visibility"] == "public"
    mine.post(f"{path}/trash")
    assert mine.send("DELETE", "/api/trash").status_code == 204
    assert not Item.objects.filter(pk=item.pk).exists()


def test_one_deed_for_many_passes_over_what_is_not_ones_own(
    mine: Frontend, alice: User, charlie: User
) -> None:
    own = [factories.make_item(alice).public_id for _number in range(3)]
    foreign = factories.make_item(charlie)
    wanted = [*own, foreign.public_id, "forged"]

    def done(action: str) -> int:
        return int(mine.post("/api/items/bulk", {"ids": wanted, "action": action}).json()["changed"])

    assert [done(action) for action in ("like", "like", "trash", "restore", "delete")] == [3, 0, 3, 3, 3]
    foreign.refresh_from_db()
    assert foreign.trashed_at is None and foreign.likes == 0
    assert mine.post("/api/items/bulk", {"ids": ["x"] * 1001, "action": "trash"}).status_code == 400


def test_the_place_that_pictures_take_is_told(mine: Frontend, alice: User, settings: Any) -> None:
    settings.STORAGE_QUOTA = 5_000_000
    item = factories.make_item(alice)
    told = mine.get("/api/storage").json()
    assert told == {"used": item.output.file.size, "quota": 5_000_000, "keep_days": None}
    assert mine.send("PATCH", "/api/storage", {"keep_days": 90}).json()["keep_days"] == 90
    assert mine.send("PATCH", "/api/storage", {"keep_days": 3}).status_code == 400
    assert mine.send("PATCH", "/api/storage", {"keep_days": None}).json()["keep_days"] is None


def test_the_room_that_the_plan_gives_is_told_before_the_servers(
    mine: Frontend, alice: User, settings: Any
) -> None:
    settings.STORAGE_QUOTA = 5_000_000
    credits.set_plan(factories.account_of(alice), Plan.objects.create(name="Studio", storage_quota=9_000_000))
    assert mine.get("/api/storage").json()["quota"] == 9_000_000


def test_an_organisations_token_does_not_choose_how_long_its_maker_keeps_their_own_pictures(
    mine: Frontend, alice: User
) -> None:
    mine.send("PATCH", "/api/storage", {"keep_days": 90})
    shared = management.create(alice, "Studio Nord")
    theirs = {"Authorization": f"Bearer {api_tokens.issue(alice, account=shared, name='shop')[1]}"}
    refused = mine.client.patch("/api/storage", '{"keep_days": 30}', "application/json", headers=theirs)
    assert refused.status_code == 403
    assert mine.client.get("/api/storage", headers=theirs).json()["keep_days"] is None
    assert mine.get("/api/storage").json()["keep_days"] == 90


@pytest.fixture
def shelf(mine: Frontend) -> str:
    """The address of a collection of Alice's."""
    return f"/api/collections/{mine.post('/api/collections', {'title': 'Harbours'}).json()['id']}"


def test_a_collection_is_filled_ordered_and_emptied(mine: Frontend, alice: User, shelf: str) -> None:
    one, two, three = (factories.make_item(alice).public_id for _number in range(3))
    assert mine.post(f"{shelf}/items", {"ids": [one, two, three, one]}).json()["items"] == 3
    assert ids(mine.rows(f"{shelf}/items", limit=2)) == [one, two, three]
    assert mine.send("PATCH", f"{shelf}/items", {"id": three, "before": one}).status_code == 204
    assert ids(mine.rows(f"{shelf}/items", limit=1)) == [three, one, two]
    assert mine.send("DELETE", f"{shelf}/items/{one}").status_code == 204
    assert ids(mine.rows(f"{shelf}/items")) == [three, two]
    assert mine.send("DELETE", shelf).status_code == 204
    assert mine.get(shelf).status_code == 404 and Item.objects.count() == 3


def test_opening_a_collection_opens_none_of_its_items(mine: Frontend, alice: User, shelf: str) -> None:
    private, shown = factories.make_item(alice), public(alice)
    mine.post(f"{shelf}/items", {"ids": [private.public_id, shown.public_id]})
    opened = mine.send(
        "PATCH", shelf, {"visibility": "public", "description": "Boats", "cover": shown.public_id}
    )
    assert (opened.json()["visibility"], opened.json()["cover"]) == ("public", shown.public_id)
    rows = Client().get(f"/api/gallery/collections/{shelf.rpartition('/')[2]}").json()["results"]
    assert ids(rows) == [shown.public_id]


def test_an_editor_adds_their_own_and_nobody_else_comes_near(
    mine: Frontend, theirs: Frontend, charlie: User, shelf: str
) -> None:
    own = factories.make_item(charlie)
    for method, path, body in (
        ("GET", shelf, None), ("POST", f"{shelf}/items", {"ids": [own.public_id]}), ("PATCH", shelf, {"title": "x"}),
        ("DELETE", shelf, None), ("PUT", f"{shelf}/editors/charlie", None), ("POST", f"{shelf}/shares", {}),
    ):  # fmt: skip
        assert theirs.send(method, path, body).status_code == 404, (method, path)
    assert mine.send("PUT", f"{shelf}/editors/charlie").json()["editors"] == ["charlie"]
    assert theirs.post(f"{shelf}/items", {"ids": [own.public_id]}).json()["items"] == 1
    assert theirs.send("PATCH", shelf, {"title": "Mine"}).status_code == 404
    assert theirs.send("DELETE", f"{shelf}/editors/charlie").status_code == 204
    assert theirs.get(shelf).status_code == 404 and mine.get(shelf).json()["items"] == 0


def test_a_collection_is_shared_by_a_link_with_a_password(mine: Frontend, shelf: str) -> None:
    made = mine.post(f"{shelf}/shares", {"password": "open sesame", "allow_download": False}).json()
    assert (made["collection"], made["item"], made["locked"], made["allow_download"]) == (
        shelf.rpartition("/")[2], None, True, False,
    )  # fmt: skip
    assert "sesame" not in mine.get(f"/api/shares/{made['id']}").content.decode()
    assert mine.post(f"{shelf}/shares", {"password": "abc"}).status_code == 400
    assert ids(mine.rows("/api/shares")) == [made["id"]]
    assert mine.send("DELETE", f"/api/shares/{made['id']}").status_code == 204
    assert mine.get(f"/api/shares/{made['id']}").json()["open"] is False


def test_a_closed_account_does_nothing_new(mine: Frontend, alice: User, charlie: User, shelf: str) -> None:
    item = public(charlie)
    Account.objects.filter(pk=alice.account_id).update(status="suspended")
    for method, path, body in (
        ("PUT", f"/api/likes/{item.public_id}", None), ("PUT", "/api/follows/charlie", None),
        ("POST", f"/api/gallery/{item.public_id}/comments", {"text": "hello"}),
        ("POST", "/api/collections", {"title": "More"}), ("PATCH", shelf, {"visibility": "public"}),
    ):  # fmt: skip
        assert mine.send(method, path, body).status_code == 403, (method, path)


def test_longer_lists_cost_no_more_queries(
    mine: Frontend, alice: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        item_tags.set_tags(public(alice).pk, [f"tag {number}", "sea"])
        Collection.objects.create(account_id=alice.account_id, user=alice, title=f"{number}")
    for path, most in (("/api/gallery", 4), ("/api/collections", 5), ("/api/gallery?tag=sea", 6)):
        with django_assert_max_num_queries(most):
            assert len(mine.get(path).json()["results"]) == 6, path
