"""Pasted share links: other sites show the picture while the link opens, and of what is locked or sensitive nothing."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from gallery import moderation
from gallery.collections import curation
from gallery.models import Collection, Item, ShareLink
from gallery.shares import share_links
from tests.support.picture_items import picture_item

HOST = "http://testserver"
NEUTRAL = {"type", "version", "provider_name", "provider_url", "cache_age", "title"}


@pytest.fixture
def pictured(alice: User) -> Item:
    """A private picture of Alice's with thumbnails."""
    return picture_item(alice, "a secret harbour", title="For you", width=900, height=600)


@pytest.fixture
def collection(alice: User, pictured: Item) -> Collection:
    """A private collection: a sensitive picture, another one, and the cover."""
    made = curation.create(alice, "Harbours")
    first = [picture_item(alice, "one", sensitive=True, seed=2), picture_item(alice, "two", seed=3)]
    curation.add(made, [*first, pictured], alice)
    curation.set_cover(made, pictured)
    return made


def page_of(link: ShareLink, item: Item | None = None) -> str:
    return f"{HOST}/s/{link.token}/" + (f"{item.public_id}/" if item else "")


def asked(client: Client, url: str, **more: str | int) -> tuple[int, dict[str, Any]]:
    answer = client.get("/oembed", {"url": url, **more})
    return answer.status_code, answer.json()


def discovered(client: Client, url: str) -> dict[str, Any]:
    """What the page's own link to oEmbed answers."""
    page = client.get(url.removeprefix(HOST)).content.decode()
    found = re.search(r'type="application/json\+oembed" href="([^"]+)"', page)
    assert found
    answer = client.get(html.unescape(found.group(1)).removeprefix(HOST))
    assert answer.status_code == 200
    data: dict[str, Any] = answer.json()
    return data


def test_a_shared_picture_is_a_photo_at_the_links_own_address(
    pictured: Item, alice: User, client: Client
) -> None:
    link = share_links.share(pictured, alice, allow_download=False)
    data = discovered(client, page_of(link))
    assert (data["type"], data["title"], data["author_name"]) == ("photo", "For you", "alice")
    assert data["url"] == f"{page_of(link)}picture/medium"
    assert data["thumbnail_url"] == f"{page_of(link)}picture/small"
    medium = pictured.output.medium
    assert medium is not None
    assert (data["width"], data["height"]) == (medium.width, medium.height)
    assert "secret" not in str(data)
    assert pictured.public_id not in str(data)
    shown = client.get(data["url"].removeprefix(HOST))
    assert (shown.status_code, shown["Cross-Origin-Resource-Policy"]) == (200, "cross-origin")
    assert "Access-Control-Allow-Origin" not in shown
    head = client.get(page_of(link).removeprefix(HOST)).content.decode()
    assert f'property="og:image" content="{data["url"]}"' in head


def test_it_fits_into_the_room_there_is(pictured: Item, alice: User, client: Client) -> None:
    link = share_links.share(pictured, alice)
    data = asked(client, page_of(link), maxwidth=60)[1]
    assert (data["width"], data["height"]) == (60, 40)
    assert data["url"].endswith("/picture/small")
    assert "thumbnail_url" not in data


def test_the_prompt_is_told_where_the_link_tells_it(alice: User, client: Client) -> None:
    item = picture_item(alice, "a secret harbour")
    assert asked(client, page_of(share_links.share(item, alice)))[1]["title"] == "A shared picture"
    data = asked(client, page_of(share_links.share(item, alice, show_prompt=True)))[1]
    assert data["title"] == "a secret harbour"


def test_a_withdrawn_ended_or_hidden_link_does_not_exist(pictured: Item, alice: User, client: Client) -> None:
    over = share_links.share(pictured, alice, expires_at=timezone.now() - timedelta(hours=1))
    link = share_links.share(pictured, alice)
    picture = asked(client, page_of(link))[1]["url"].removeprefix(HOST)
    share_links.withdraw(link)
    assert asked(client, page_of(over))[0] == asked(client, page_of(link))[0] == 404
    assert client.get(picture).status_code == 404
    hidden = share_links.share(pictured, alice)
    moderation.hide(pictured, "no")
    assert asked(client, page_of(hidden))[0] == 404


def test_a_locked_link_and_a_sensitive_picture_have_neutral_words_alone(
    pictured: Item, collection: Collection, alice: User, client: Client, as_alice: Client
) -> None:
    Item.objects.filter(sensitive=True).update(title="Not for all", prompt="a secret")
    sensitive = Item.objects.get(sensitive=True)
    quiet = [share_links.share(thing, alice, password="opensesame") for thing in (pictured, collection)]
    quiet.append(share_links.share(sensitive, alice))
    for link in quiet:
        data = discovered(client, page_of(link))
        assert (data["type"], data["title"], set(data)) == ("link", "Shared with you", NEUTRAL)
    # Its owner, who is not asked for the password, pastes no more than others.
    assert set(discovered(as_alice, page_of(quiet[0]))) == NEUTRAL
    within = share_links.share(collection, alice)
    assert set(discovered(client, page_of(within, sensitive))) == NEUTRAL
    # No other site may show them, even if it guesses their addresses.
    for path in (
        f"/s/{quiet[2].token}/picture/medium",
        f"/s/{within.token}/{sensitive.public_id}/picture/small",
    ):
        assert client.get(path)["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_shared_collection_is_a_link_with_its_cover(
    collection: Collection, pictured: Item, alice: User, client: Client
) -> None:
    link = share_links.share(collection, alice)
    data = discovered(client, page_of(link))
    assert (data["type"], data["title"], data["author_name"]) == ("link", "Harbours", "alice")
    assert data["thumbnail_url"] == f"{page_of(link, pictured)}picture/small"
    assert client.get(data["thumbnail_url"].removeprefix(HOST)).status_code == 200
    head = client.get(page_of(link).removeprefix(HOST)).content.decode()
    assert f'property="og:image" content="{page_of(link, pictured)}picture/medium"' in head
    # Without a cover its first picture that may be shown; each of its pictures is a photo by itself.
    Collection.objects.update(cover=None)
    second = Item.objects.get(prompt="two")
    assert second.public_id in asked(client, page_of(link))[1]["thumbnail_url"]
    assert discovered(client, page_of(link, pictured))["url"] == f"{page_of(link, pictured)}picture/medium"
    assert asked(client, f"{page_of(link)}nothing/")[0] == 404
    share_links.withdraw(link)
    assert asked(client, page_of(link))[0] == asked(client, page_of(link, pictured))[0] == 404


def test_a_public_collection_is_a_link_with_an_open_picture(
    collection: Collection, alice: User, client: Client
) -> None:
    page = f"{HOST}/collections/{collection.public_id}/"
    assert asked(client, page)[0] == 404
    curation.set_visibility(collection, "public")
    data = asked(client, page)[1]
    assert (data["type"], data["title"]) == ("link", "Harbours")
    assert "thumbnail_url" not in data
    shown = picture_item(alice, "three", visibility="public", seed=4)
    curation.add(collection, [shown], alice)
    assert shown.public_id in discovered(client, page)["thumbnail_url"]
    moderation.hide_collection(collection, "no")
    assert asked(client, page)[0] == 404


def test_a_picture_without_thumbnails_that_may_not_be_downloaded_is_not_shown(
    alice: User, client: Client
) -> None:
    item = picture_item(alice, "plain", title="Plain")
    type(item.output).objects.filter(pk=item.output_id).update(small=None, medium=None)
    assert set(discovered(client, page_of(share_links.share(item, alice, allow_download=False)))) == NEUTRAL
    assert discovered(client, page_of(share_links.share(item, alice)))["type"] == "photo"
