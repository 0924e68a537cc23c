"""Search engines: what they are shown, in files of bounded size, and what they are asked to leave alone."""

from __future__ import annotations

import re
from urllib.robotparser import RobotFileParser

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from gallery import moderation
from gallery.items import publication
from gallery.models import Item
from gallery.public import sitemaps
from tests.support.picture_items import picture_item

pytestmark = pytest.mark.django_db
HOST = "http://testserver"


def places(client: Client, path: str) -> list[str]:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/xml"
    return re.findall(r"<loc>([^<]+)</loc>", answer.content.decode())


def everything(client: Client) -> list[str]:
    return [
        place for file in places(client, "/sitemap.xml") for place in places(client, file.removeprefix(HOST))
    ]


def test_every_public_and_safe_picture_is_on_the_map_once(
    alice: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitemaps, "SPAN", 2)
    items = [picture_item(alice, visibility="public") for _ in range(7)]
    sensitive, unlisted, hidden, private, stays = items[:5]
    publication.publish(sensitive, sensitive=True)
    publication.publish(unlisted, visibility="unlisted")
    moderation.hide(hidden, "no")
    publication.unpublish(private)
    found = everything(client)
    pictures = sorted(place for place in found if re.search(r"/gallery/[\w-]{22}/$", place))
    assert pictures == sorted(f"{HOST}/gallery/{item.public_id}/" for item in (stays, *items[5:]))
    assert f"{HOST}/gallery/" in found
    assert f"{HOST}/" in found


def test_one_file_reads_one_range_of_the_table(
    alice: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitemaps, "SPAN", 2)
    for _ in range(5):
        picture_item(alice, visibility="public")
    with CaptureQueriesContext(connection) as caught:
        client.get("/sitemap-pictures.xml?p=2")
    words = " ".join(query["sql"].upper() for query in caught.captured_queries)
    assert len(caught) == 2
    assert "COUNT(" not in words
    assert "OFFSET" not in words


def test_files_that_are_none_do_not_exist(client: Client) -> None:
    for page in ("0", "-1", "99", "x", "٣", "1.5", "9" * 40, ""):
        assert client.get("/sitemap-pictures.xml", {"p": page}).status_code == 404, page
    assert client.get("/sitemap-nothing.xml").status_code == 404


def test_robots_are_asked_to_leave_members_and_secrets_alone(client: Client, public: Item) -> None:
    answer = client.get("/robots.txt")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    lines = answer.content.decode().splitlines()
    assert f"Sitemap: {HOST}/sitemap.xml" in lines
    rules = RobotFileParser()
    rules.parse(lines)
    closed = (
        "studio", "library", "account_overview", "account_login", "admin:index", "gallery_following", "oembed",
    )  # fmt: skip
    for name in closed:
        assert not rules.can_fetch("*", reverse(name)), name
    for path in ("/s/token/", "/p/id/", "/api/items", "/v1/predictions", "/openai/v1/images", "/report/x/"):
        assert not rules.can_fetch("*", path), path
    opened = ("/", "/gallery/", "/gallery/week/", f"/gallery/{public.public_id}/", "/gallery/tag/sea/")
    for path in (*opened, f"/gallery/{public.public_id}/picture/medium", "/gallery/by/alice/"):
        assert rules.can_fetch("*", path), path


def test_an_empty_gallery_has_a_map(client: Client) -> None:
    assert places(client, "/sitemap-pictures.xml") == []
    assert places(client, "/sitemap.xml") == [f"{HOST}/sitemap-pages.xml"]


def test_the_index_names_no_empty_file(alice: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemaps, "SPAN", 2)
    items = [picture_item(alice, visibility="public") for _ in range(9)]
    for item in items[2:6]:
        publication.unpublish(item)
    with CaptureQueriesContext(connection) as caught:
        named = places(client, "/sitemap.xml")
    assert len(caught) == 2
    assert len(named) > 2
    assert all(places(client, file.removeprefix(HOST)) for file in named)
    assert re.search(r"<lastmod>\d{4}-\d\d-\d\d</lastmod>", client.get("/sitemap.xml").content.decode())
    with CaptureQueriesContext(connection) as again:
        assert places(client, "/sitemap.xml") == named
    assert len(again) == 1
    pages = [int((re.search(r"p=(\d+)", file) or ["", "1"])[1]) for file in named[1:]]
    assert len(pages) < max(pages) - min(pages) + 1
