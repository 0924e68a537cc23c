"""What the operator switched off is refused on every path of the gallery, with a sentence; what was open stays open."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from accounts.site import site_rules
from gallery.models import Comment, Item, ShareLink
from tests import factories
from tests.support.picture_items import paint

NOTHING_NEW = "Publishing and sharing are switched off"


@pytest.fixture
def item(alice: User) -> Item:
    return factories.make_item(alice)


@pytest.fixture
def shown(alice: User) -> Item:
    return factories.make_item(alice, visibility="public")


def test_nothing_is_published_or_shared(alice: User, client_of: Any, bearer: Any, item: Item) -> None:
    site_rules.change(switches_off=["publishing"])
    browser: Client = client_of(alice)
    form = {"visibility": "public", "title": "A hill", "licence": ""}
    page = browser.post(f"/library/{item.public_id}/publish/", form, follow=True)
    assert NOTHING_NEW in page.content.decode()
    response = Client().post(
        f"/api/items/{item.public_id}/publish", {}, content_type="application/json", headers=bearer(alice)
    )
    assert (response.status_code, NOTHING_NEW in response.json()["detail"]) == (503, True), response.content
    browser.post(f"/library/{item.public_id}/share/", {})
    item.refresh_from_db()
    assert item.visibility == "private"
    assert not ShareLink.objects.exists()


def test_what_is_open_stays_open_and_may_be_closed(alice: User, client_of: Any, shown: Item) -> None:
    site_rules.change(switches_off=["publishing"])
    assert Client().get(f"/gallery/{shown.public_id}/").status_code == 200
    client_of(alice).post(f"/library/{shown.public_id}/unpublish/")
    shown.refresh_from_db()
    assert shown.visibility == "private"


def test_nobody_comments(bob: User, client_of: Any, bearer: Any, shown: Item) -> None:
    site_rules.change(switches_off=["comments"])
    page = client_of(bob).post(f"/gallery/{shown.public_id}/comment/", {"text": "well done"}, follow=True)
    assert "Comments are switched off" in page.content.decode()
    response = Client().post(
        f"/api/gallery/{shown.public_id}/comments",
        {"text": "well done"},
        content_type="application/json",
        headers=bearer(bob),
    )
    assert (response.status_code, "Comments are switched off" in response.json()["detail"]) == (503, True)
    assert not Comment.objects.exists()


def test_members_read_that_comments_are_off_before_they_write_one(
    bob: User, client_of: Any, shown: Item
) -> None:
    browser: Client = client_of(bob)
    assert "<textarea" in browser.get(f"/gallery/{shown.public_id}/").content.decode()
    site_rules.change(switches_off=["comments"])
    page = browser.get(f"/gallery/{shown.public_id}/").content.decode()
    assert "Comments are switched off" in page
    assert "<textarea" not in page


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_a_comment_that_was_written_before_they_went_off_stays_in_its_field(
    bob: User, client_of: Any, shown: Item, headers: dict[str, str]
) -> None:
    site_rules.change(switches_off=["comments"])
    answer = client_of(bob).post(
        f"/gallery/{shown.public_id}/comment/", {"text": "a long thought"}, headers=headers
    )
    page = answer.content.decode()
    assert "Comments are switched off" in page
    assert "a long thought</textarea>" in page


@pytest.mark.parametrize(
    "path",
    ["/gallery/", "/gallery/week/", "/gallery/feed.xml", "/collections/", "/sitemap.xml", "/gallery/{}/"],
)
def test_visitors_see_no_gallery_and_members_do(bob: User, client_of: Any, shown: Item, path: str) -> None:
    site_rules.change(switches_off=["public_gallery"])
    address = path.format(shown.public_id)
    answer = Client().get(address)
    assert answer.status_code == 503
    assert "open to members only" in answer.content.decode()
    assert answer["Retry-After"] == "60"
    assert client_of(bob).get(address).status_code == 200


def test_the_api_of_the_gallery_is_closed_to_visitors_too(shown: Item) -> None:
    site_rules.change(switches_off=["public_gallery"])
    for path in ("/api/gallery", f"/api/gallery/{shown.public_id}/comments"):
        answer = Client().get(path)
        assert (answer.status_code, "members only" in answer.json()["detail"]) == (503, True)


def test_members_read_the_gallery_by_the_api_while_it_is_closed(
    bob: User, client_of: Any, bearer: Any, shown: Item
) -> None:
    site_rules.change(switches_off=["public_gallery"])
    for path in ("/api/gallery", f"/api/gallery/{shown.public_id}/comments"):
        assert Client().get(path, headers=bearer(bob)).status_code == 200
        assert client_of(bob).get(path).status_code == 200


@pytest.mark.django_db
def test_announcements_are_told_while_the_gallery_is_closed() -> None:
    site_rules.change(switches_off=["public_gallery"], maintenance=True, maintenance_en="We move.")
    answer = Client().get("/api/announcements")
    assert (answer.status_code, answer.json()["maintenance"]["text_en"]) == (200, "We move.")


def test_the_front_page_shows_visitors_no_pictures_while_the_gallery_is_closed(
    bob: User, client_of: Any, shown: Item
) -> None:
    assert shown.public_id in Client().get("/").content.decode()
    site_rules.change(switches_off=["public_gallery"])
    assert shown.public_id not in Client().get("/").content.decode()
    assert shown.public_id in client_of(bob).get("/").content.decode()


def test_no_page_of_reports_tells_visitors_what_a_closed_gallery_holds(bob: User, shown: Item) -> None:
    comment = Comment.objects.create(item=shown, user=bob, text="well done")
    site_rules.change(switches_off=["public_gallery"])
    for path in (f"/report/{shown.public_id}/", f"/report/comment/{comment.pk}/"):
        answer = Client().get(path)
        assert (answer.status_code, "well done" in answer.content.decode()) == (503, False)


def test_a_share_link_opens_while_the_gallery_is_closed(item: Item) -> None:
    site_rules.change(switches_off=["public_gallery"])
    link = factories.make_share_link(item)
    assert Client().get(f"/s/{link.token}/").status_code == 200


def test_a_page_that_asks_in_part_is_asked_to_read_itself_again(
    alice: User, client_of: Any, item: Item
) -> None:
    site_rules.change(switches_off=["publishing"])
    answer = client_of(alice).post(
        f"/library/{item.public_id}/publish/", {"visibility": "public"}, headers={"HX-Request": "true"}
    )
    assert (answer.status_code, answer["HX-Refresh"]) == (204, "true")


def test_a_script_that_wants_data_is_told_so_and_not_led_to_a_page(
    alice: User, client_of: Any, item: Item
) -> None:
    site_rules.change(switches_off=["publishing"])
    answer = client_of(alice).post(
        "/library/bulk/",
        {"deed": "publish", "id": item.public_id, "visibility": "public"},
        headers={"Accept": "application/json"},
    )
    assert (answer.status_code, NOTHING_NEW in answer.json()["detail"]) == (503, True)
    item.refresh_from_db()
    assert item.visibility == "private"


def test_the_studio_says_that_no_files_are_taken(alice: User, client_of: Any) -> None:
    site_rules.change(switches_off=["uploads"])
    file = io.BytesIO()
    paint(48, 32, 3).save(file, "PNG")
    sent = SimpleUploadedFile("hut.png", file.getvalue(), "image/png")
    answer = client_of(alice).post("/studio/upload/", {"file": sent})
    assert (answer.status_code, "Sending files is switched off" in answer.json()["detail"]) == (503, True)
