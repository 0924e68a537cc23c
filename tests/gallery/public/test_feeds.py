"""Atom feeds: what is public and safe, well formed whatever people write, gone as soon as it is taken back."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from gallery import moderation
from gallery.items import item_tags, publication
from gallery.models import Item
from tests.support.picture_items import picture_item

ATOM = "{http://www.w3.org/2005/Atom}"
FEEDS = ("/gallery/feed.xml", "/gallery/by/alice/feed.xml", "/gallery/tag/sea/feed.xml")


def entries(client: Client, path: str) -> list[ElementTree.Element]:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert answer["Cache-Control"] == "no-cache"
    return ElementTree.fromstring(answer.content).findall(f"{ATOM}entry")


def listed(client: Client, path: str) -> list[str]:
    return [entry.findtext(f"{ATOM}id", "").split("/")[-2] for entry in entries(client, path)]


def test_every_feed_has_what_is_published(alice: User, bob: User, client: Client) -> None:
    item = picture_item(alice, "a boat at sunset", visibility="public", title="Quiet")
    item_tags.set_tags(item.pk, ["sea"])
    picture_item(bob, visibility="public")
    for path in FEEDS[1:]:
        assert listed(client, path) == [item.public_id]
    assert len(listed(client, FEEDS[0])) == 2
    entry = entries(client, FEEDS[1])[0]
    assert entry.findtext(f"{ATOM}title") == "Quiet"
    summary = entry.findtext(f"{ATOM}summary", "")
    assert "a boat at sunset" in summary
    # Readers on other sites may show it: the page's own address is for our pages alone.
    assert f'src="http://testserver/api/gallery/{item.public_id}/picture/medium"' in summary
    shown = client.get(f"/api/gallery/{item.public_id}/picture/medium")
    assert (shown.status_code, shown["Access-Control-Allow-Origin"]) == (200, "*")


def test_what_is_not_for_everybody_is_in_no_feed(alice: User, client: Client) -> None:
    stays, sensitive, hidden, unlisted, private = (picture_item(alice, visibility="public") for _ in range(5))
    for item in (stays, sensitive, hidden, unlisted, private):
        item_tags.set_tags(item.pk, ["sea"])
    publication.publish(sensitive, sensitive=True, tags=["sea"])
    publication.publish(unlisted, visibility="unlisted", tags=["sea"])
    publication.unpublish(private)
    moderation.hide(hidden, "no")
    for path in FEEDS:
        assert listed(client, path) == [stays.public_id], path


def test_a_prompt_that_is_kept_is_in_no_feed(alice: User, client: Client) -> None:
    item = picture_item(alice, "a secret garden", visibility="public", show_prompt=False)
    item_tags.set_tags(item.pk, ["sea"])
    for path in FEEDS:
        assert b"secret garden" not in client.get(path).content


def test_a_feed_stays_well_formed_whatever_people_write(alice: User, client: Client) -> None:
    evil = "\x00\x0b\x1f\ufffe]]><script>alert(1)</script>&amp;&#0;\u202e𝒜🌊"
    User.objects.filter(pk=alice.pk).update(display_name=evil.replace("\x00", "")[:80])
    item = picture_item(alice, evil.replace("\x00", ""), visibility="public", title=evil.replace("\x00", ""))
    item_tags.set_tags(item.pk, ["sea"])
    for path in FEEDS:
        entry = entries(client, path)[0]
        assert "<script>" not in entry.findtext(f"{ATOM}summary", "")


def test_feeds_of_nobody_and_nothing_do_not_exist(bob: User, client: Client) -> None:
    for path in ("/gallery/by/bob/feed.xml", "/gallery/by/nobody/feed.xml", "/gallery/tag/none/feed.xml"):
        assert client.get(path).status_code == 404
    assert listed(client, "/gallery/feed.xml") == []
    assert client.post("/gallery/feed.xml").status_code == 405


def test_pages_tell_of_their_feeds(public: Item, client: Client) -> None:
    assert (
        'type="application/atom+xml" href="/gallery/by/alice/feed.xml"'
        in client.get("/gallery/by/alice/").content.decode()
    )
    assert 'href="/gallery/feed.xml"' in client.get("/").content.decode()


def test_a_longer_feed_costs_no_more_queries(alice: User, client: Client) -> None:
    def queries() -> list[int]:
        found = []
        for path in FEEDS:
            with CaptureQueriesContext(connection) as caught:
                client.get(path)
            found.append(len(caught))
        return found

    item_tags.set_tags(picture_item(alice, visibility="public").pk, ["sea"])
    few = queries()
    for _ in range(4):
        item_tags.set_tags(picture_item(alice, visibility="public").pk, ["sea"])
    assert queries() == few
    assert max(few) <= 4


def test_a_feed_that_reads_the_same_is_not_sent_again(alice: User, client: Client) -> None:
    items = [picture_item(alice, visibility="public", seed=seed) for seed in (1, 2)]
    for item in items:
        item_tags.set_tags(item.pk, ["sea"])
    for path in FEEDS:
        first = client.get(path)
        assert parsedate_to_datetime(first["Last-Modified"]) <= timezone.now()
        asked = {"If-None-Match": first["ETag"], "If-Modified-Since": first["Last-Modified"]}
        again = client.get(path, headers=asked)
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
        assert again["Cache-Control"] == "no-cache"
        assert client.get(path, headers={"If-None-Match": '"else"'}).status_code == 200
    # What is taken back is gone for those too who ask by the time: the newest picture is as old as before.
    kept = {path: client.get(path) for path in FEEDS}
    publication.unpublish(items[0])
    for path, before in kept.items():
        asked = {"If-None-Match": before["ETag"], "If-Modified-Since": before["Last-Modified"]}
        for named in (asked, {"If-Modified-Since": before["Last-Modified"]}):
            now = client.get(path, headers=named)
            assert now.status_code == 200
            assert items[0].public_id not in now.content.decode()


@pytest.mark.django_db
def test_an_empty_feed_reads_the_same_each_time(client: Client) -> None:
    first = client.get("/gallery/feed.xml")
    assert client.get("/gallery/feed.xml", headers={"If-None-Match": first["ETag"]}).status_code == 304
