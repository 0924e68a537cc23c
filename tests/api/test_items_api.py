"""`/api/items` and `/api/shares`: own pictures, published, shared and deleted; strangers' do not exist."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, User
from accounts.tokens import api_tokens
from core.jobs import scheduler
from gallery.models import Item, ShareLink
from gallery.shares import share_links
from predictions.models import StoredFile
from tests import factories
from tests.api.conftest import Frontend
from tests.runner.sampling import one_of

pytestmark = pytest.mark.django_db


def ids(rows: list[dict[str, Any]]) -> list[Any]:
    return [row["id"] for row in rows]


def test_an_item_tells_what_it_is_and_where_it_is(mine: Frontend, alice: User) -> None:
    item = factories.make_item(alice, title="Lighthouse")
    shown = mine.get(f"/api/items/{item.public_id}").json()
    assert (shown["title"], shown["prompt"], shown["visibility"]) == (
        "Lighthouse",
        "a red lighthouse",
        "private",
    )
    assert shown["prediction"] == item.output.prediction.public_id
    assert (shown["content_type"], shown["bytes"]) == ("image/png", item.output.file.size)
    assert shown["urls"]["public"] is None
    for name in ("file", "small", "medium"):
        answer = mine.get(shown["urls"][name].removeprefix("http://testserver"))
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/png"), name


def test_a_walk_sees_each_once_newest_first(mine: Frontend, alice: User) -> None:
    made = [factories.make_item(alice).public_id for _number in range(5)]
    assert ids(mine.rows("/api/items", limit=2)) == made[::-1]


def test_filters_leave_what_meets_them(mine: Frontend, alice: User) -> None:
    other = factories.make_item(alice, prompt="a red barn")
    shared = factories.make_item(alice, title="Fog")
    factories.make_share_link(shared)
    factories.make_share_link(other, withdrawn_at=timezone.now())
    public = factories.make_item(alice, visibility="public", prompt="A Snowy peak")
    scheduler.run_all()
    wanted: list[tuple[dict[str, Any], list[Item]]] = [
        ({"shared": "true"}, [shared]), ({"shared": "false"}, [public, other]), ({"visibility": "public"}, [public]),
        ({"q": "snowy"}, [public]), ({"q": "fog"}, [shared]), ({"q": "red barn"}, [other]), ({"q": "100%"}, []),
        ({"model": other.model.ref}, [other]), ({"prediction": public.output.prediction.public_id}, [public]),
        ({"created_before": "2001-01-01T00:00:00Z"}, []),
        ({"created_after": "2001-01-01T00:00:00Z", "q": "peak"}, [public]),
    ]  # fmt: skip
    for query, items in wanted:
        assert ids(mine.rows("/api/items", **query)) == [item.public_id for item in items], query


def test_a_longer_list_costs_no_more_queries(
    mine: Frontend, alice: User, django_assert_max_num_queries: Any
) -> None:
    for _number in range(6):
        factories.make_item(alice)
    with django_assert_max_num_queries(5):
        assert len(mine.rows("/api/items")) == 6


def test_title_and_prompt_are_changed_apart(mine: Frontend, alice: User) -> None:
    path = f"/api/items/{factories.make_item(alice).public_id}"
    assert mine.send("PATCH", path, {"title": " Fog "}).json()["title"] == "Fog"
    shown = mine.send("PATCH", path, {"show_prompt": False}).json()
    assert (shown["title"], shown["show_prompt"], shown["visibility"]) == ("Fog", False, "private")
    assert mine.send("PATCH", path, {}).json() == shown


def test_publishing_shows_it_to_everybody_and_unpublishing_ends_that(mine: Frontend, alice: User) -> None:
    item = factories.make_item(alice, title="Fog")
    path, visitor = f"/api/items/{item.public_id}", Client()
    shown = mine.post(f"{path}/publish", {"show_prompt": False}).json()
    assert (shown["visibility"], shown["title"], shown["show_prompt"]) == ("public", "Fog", False)
    public = visitor.get("/api/gallery").json()["results"]
    assert [(row["id"], row["prompt"], row["author"]) for row in public] == [(item.public_id, None, "alice")]
    assert "lighthouse" not in str(public)
    picture = public[0]["urls"]["small"].removeprefix("http://testserver")
    assert visitor.get(picture)["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert mine.post(f"{path}/unpublish").json()["visibility"] == "private"
    gone = (
        "/api/gallery/" + item.public_id,
        picture,
        shown["urls"]["public"].removeprefix("http://testserver"),
    )
    assert {visitor.get(address).status_code for address in gone} == {404}


def test_a_deleted_item_is_gone_with_its_file_and_links(mine: Frontend, alice: User) -> None:
    item = factories.make_item(alice)
    link = factories.make_share_link(item)
    answer = mine.send("DELETE", f"/api/items/{item.public_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert mine.get(f"/api/items/{item.public_id}").status_code == 404
    assert Client().get(f"/s/{link.token}/").status_code == 404
    assert StoredFile.objects.get().state == "doomed"


def test_a_link_opens_until_it_is_withdrawn(mine: Frontend, alice: User) -> None:
    item = factories.make_item(alice)
    made = mine.post(f"/api/items/{item.public_id}/shares", {"show_prompt": True})
    link, visitor = made.json(), Client()
    assert (made.status_code, link["open"], link["show_prompt"], link["views"]) == (201, True, True, 0)
    page = link["url"].removeprefix("http://testserver")
    assert "a red lighthouse" in visitor.get(page).content.decode()
    assert mine.get(f"/api/shares/{link['id']}").json()["views"] == 1
    assert mine.send("DELETE", f"/api/shares/{link['id']}").status_code == 204
    assert visitor.get(page).status_code == 404
    assert [(row["id"], row["open"]) for row in mine.rows("/api/shares")] == [(link["id"], False)]
    assert mine.send("DELETE", f"/api/shares/{link['id']}").status_code == 204


def test_a_link_ends_at_its_time(mine: Frontend, alice: User) -> None:
    path = f"/api/items/{factories.make_item(alice).public_id}/shares"
    soon = (timezone.now() + timedelta(hours=1)).isoformat()
    link = mine.post(path, {"expires_at": soon}).json()
    ShareLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert [(row["id"], row["open"]) for row in mine.rows(path)] == [(link["id"], False)]
    late = mine.post(path, {"expires_at": "2001-01-01T00:00:00Z"})
    assert (late.status_code, list(late.json()["faults"])) == (400, ["expires_at"])


def test_what_a_moderator_hid_is_neither_published_nor_shared(mine: Frontend, alice: User) -> None:
    item = factories.make_item(alice, hidden_at=timezone.now(), hidden_reason="not for here")
    shown = mine.get(f"/api/items/{item.public_id}").json()
    assert (shown["hidden"], shown["hidden_reason"]) == (True, "not for here")
    for action in ("publish", "shares"):
        answer = mine.post(f"/api/items/{item.public_id}/{action}", {})
        assert (answer.status_code, answer.json()["title"]) == (409, "Hidden")
    assert ShareLink.objects.count() == 0


def test_a_suspended_account_changes_nothing(alice: User) -> None:
    item = factories.make_item(alice)
    Account.objects.filter(pk=alice.account_id).update(status="suspended")
    client = Client()
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    for path in ("publish", "shares"):
        answer = client.post(f"/api/items/{item.public_id}/{path}", {}, content_type="application/json")
        assert answer.status_code == 403
    item.refresh_from_db()
    assert (item.visibility, item.share_links.count()) == ("private", 0)


def test_an_item_has_so_many_links_and_no_more(
    mine: Frontend, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share_links, "MAX_OPEN_LINKS", 1)
    path = f"/api/items/{factories.make_item(alice).public_id}/shares"
    assert [mine.post(path, {}).status_code for _number in range(2)] == [201, 409]


@pytest.mark.parametrize(
    ("method", "path", "visibility"),
    [
        (method, path, visibility)
        for method, path in [
            ("GET", "/api/items/{id}"),
            ("PATCH", "/api/items/{id}"),
            ("DELETE", "/api/items/{id}"),
            ("POST", "/api/items/{id}/publish"),
            ("POST", "/api/items/{id}/unpublish"),
            ("GET", "/api/items/{id}/shares"),
            ("POST", "/api/items/{id}/shares"),
            ("GET", "/api/items/{id}/picture/small"),
            ("GET", "/api/shares/{link}"),
            ("DELETE", "/api/shares/{link}"),
        ]
        for visibility in one_of(["private", "public"], of=(method, path))
    ],
)
def test_a_strangers_item_does_not_exist(
    theirs: Frontend, alice: User, method: str, path: str, visibility: str
) -> None:
    item = factories.make_item(alice, visibility=visibility)
    link = factories.make_share_link(item)
    answer = theirs.send(
        method, path.format(id=item.public_id, link=link.pk), None if method == "GET" else {}
    )
    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    link.refresh_from_db()
    item.refresh_from_db()
    assert (link.is_open, item.visibility) == (True, visibility)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/api/items/{id}"), ("DELETE", "/api/items/{id}"), ("POST", "/api/items/{id}/publish"),
        ("POST", "/api/items/{id}/unpublish"), ("POST", "/api/items/{id}/shares"), ("DELETE", "/api/shares/{link}"),
    ],
)  # fmt: skip
def test_a_token_that_may_only_read_changes_nothing(
    mine: Frontend, alice: User, method: str, path: str
) -> None:
    token, plain = api_tokens.issue(alice, "reader")
    token.scopes = ["read"]
    token.save()
    mine.headers = {"Authorization": f"Bearer {plain}"}
    item = factories.make_item(alice)
    link = factories.make_share_link(item)
    answer = mine.send(method, path.format(id=item.public_id, link=link.pk), {})
    assert answer.status_code == 403 and "gallery" in answer.json()["detail"]
    assert mine.get(f"/api/items/{item.public_id}").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": 5}, "title"), ({"title": "x" * 121}, "title"), ({"title": "a\x00b"}, "title"),
        ({"show_prompt": "yes"}, "show_prompt"), ({"show_prompt": 1}, "show_prompt"), ({"title": "\ud800"}, "title"),
    ],
)  # fmt: skip
def test_bad_words_are_named(mine: Frontend, alice: User, body: dict[str, Any], field: str) -> None:
    item = factories.make_item(alice)
    answer = mine.send("PATCH", f"/api/items/{item.public_id}", body)
    assert (answer.status_code, list(answer.json()["faults"])) == (400, [field])


@pytest.mark.parametrize(
    "query",
    [
        {"shared": "maybe"},
        {"visibility": "secret"},
        {"q": "x" * 201},
        {"q": "\x00"},
        {"cursor": "x"},
        {"model": "x"},
    ],
)
def test_a_bad_filter_is_named(mine: Frontend, query: dict[str, str]) -> None:
    answer = mine.get("/api/items", **query)
    assert (answer.status_code, list(answer.json()["faults"])) == (400, list(query))


@pytest.mark.parametrize("number", ["0", "9" * 40, "x", "-1"])
def test_no_link_has_such_a_number(mine: Frontend, number: str) -> None:
    assert mine.get(f"/api/shares/{number}").status_code == 404
    assert mine.send("DELETE", f"/api/shares/{number}").status_code == 404
