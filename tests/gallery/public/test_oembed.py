"""oEmbed: other sites show what everybody may see, as large as they have room, and nothing else."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from accounts.models import User
from gallery import moderation
from gallery.items import publication
from gallery.models import Item
from tests.support.picture_items import picture_item

HOST = "http://testserver"


def asked(client: Client, url: str, **more: str | int) -> tuple[int, dict[str, object]]:
    answer = client.get("/oembed", {"url": url, **more})
    return answer.status_code, answer.json()


def page_of(item: Item) -> str:
    return f"{HOST}/gallery/{item.public_id}/"


def test_a_public_picture_is_a_photo(alice: User, client: Client) -> None:
    item = picture_item(alice, "a boat", visibility="public", title="Quiet", width=900, height=600)
    status, data = asked(client, page_of(item))
    assert status == 200
    assert (data["type"], data["version"], data["title"]) == ("photo", "1.0", "Quiet")
    assert (data["width"], data["height"]) == (900, 600)
    assert data["author_url"] == f"{HOST}/gallery/by/alice/"
    shown = client.get(str(data["url"]).removeprefix(HOST))
    assert shown.status_code == 200
    assert shown["Content-Type"].startswith("image/")
    # Pages of other sites may show it.
    assert shown["Access-Control-Allow-Origin"] == "*"
    assert shown.headers.get("Cross-Origin-Resource-Policy", "cross-origin") == "cross-origin"


@pytest.mark.parametrize(
    ("room", "size", "stands"),
    [
        ({"maxwidth": 640}, "medium", (640, 426)),
        ({"maxwidth": 300, "maxheight": 1000}, "small", (300, 200)),
        ({"maxheight": 60}, "small", (90, 60)),
        ({"maxwidth": 1}, "small", (1, 1)),
        ({"maxwidth": 99999}, "full", (900, 600)),
    ],
)
def test_it_fits_into_the_room_there_is(
    alice: User, client: Client, room: dict[str, int], size: str, stands: tuple[int, int]
) -> None:
    item = picture_item(alice, visibility="public", width=900, height=600)
    data = asked(client, page_of(item), **room)[1]
    assert str(data["url"]).endswith(f"/picture/{size}")
    assert (data["width"], data["height"]) == stands
    thumbnail = (data.get("thumbnail_width", 0), data.get("thumbnail_height", 0))
    assert thumbnail[0] <= room.get("maxwidth", 10**6)  # type: ignore[operator]
    assert thumbnail[1] <= room.get("maxheight", 10**6)  # type: ignore[operator]


def test_the_page_tells_where_to_ask(public: Item, client: Client) -> None:
    page = client.get(f"/gallery/{public.public_id}/").content.decode()
    found = re.search(r'type="application/json\+oembed" href="([^"]+)"', page)
    assert found
    answer = client.get(html.unescape(found.group(1)).removeprefix(HOST))
    assert answer.json()["type"] == "photo"
    assert answer["Access-Control-Allow-Origin"] == "*"


def test_a_hidden_prompt_and_a_sensitive_picture_are_not_shown(alice: User, client: Client) -> None:
    quiet = picture_item(alice, "a secret", visibility="public", show_prompt=False)
    assert "secret" not in str(asked(client, page_of(quiet))[1])
    sensitive = picture_item(alice, visibility="public", sensitive=True)
    data = asked(client, page_of(sensitive))[1]
    assert data["type"] == "link"
    assert "cards/sensitive" in str(data["thumbnail_url"])
    assert "/picture/" not in str(data)


def test_what_is_not_open_does_not_exist(
    item: Item, public: Item, alice: User, as_alice: Client, client: Client
) -> None:
    unlisted = picture_item(alice, visibility="public")
    publication.publish(unlisted, visibility="unlisted")
    assert asked(client, page_of(unlisted))[0] == 200
    moderation.hide(public, "no")
    for one in (item, public):
        assert asked(client, page_of(one))[0] == 404
        assert asked(as_alice, page_of(one))[0] == 404


@pytest.mark.django_db
def test_addresses_that_are_none_of_ours_do_not_exist(client: Client) -> None:
    strange = (
        "", "x", "/gallery/x/", "http://evil.example/gallery/x/", "ftp://testserver/gallery/x/", HOST,
        f"{HOST}/library/x/", f"{HOST}/admin/", f"{HOST}/gallery/", f"{HOST}/gallery/week/", "http://[::1",
        f"{HOST}/gallery/{'x' * 22}/", f"{HOST}/gallery/\x00/", f"{HOST}/{'x' * 100_000}", "javascript:alert(1)",
        "http://testserver@evil.example/gallery/x/",
    )  # fmt: skip
    for url in strange:
        status, data = asked(client, url)
        assert status == 404, url
        assert set(data) == {"error"}


def test_what_it_does_not_speak_is_said(public: Item, client: Client) -> None:
    assert asked(client, page_of(public), format="xml")[0] == 501
    assert asked(client, page_of(public), format="json")[0] == 200
    for wrong in ("0", "-5", "x", "1e9", "٣", "9" * 30):
        assert asked(client, page_of(public), maxwidth=wrong)[0] == 400, wrong
    assert client.post("/oembed").status_code == 405
