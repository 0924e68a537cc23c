"""Publish, unpublish, hide: pages and pictures follow at once."""

from __future__ import annotations

from django.test import Client
from django.utils import timezone

from accounts.models import Account
from gallery import sharing
from gallery.models import Item


def test_a_published_picture_is_seen_by_everybody(item: Item, as_alice: Client, client: Client) -> None:
    as_alice.post(f"/library/{item.public_id}/publish/", {"title": "Light", "show_prompt": "on"})
    assert item.public_id in client.get("/gallery/").content.decode()
    page = client.get(f"/gallery/{item.public_id}/").content.decode()
    assert "Light" in page
    assert "a red lighthouse" in page
    assert client.get(f"/gallery/{item.public_id}/picture/full").status_code == 200


def test_an_unpublished_picture_is_gone_at_once(public: Item, as_alice: Client, client: Client) -> None:
    picture = f"/gallery/{public.public_id}/picture/medium"
    seen = client.get(picture)
    as_alice.post(f"/library/{public.public_id}/unpublish/")
    assert client.get(f"/gallery/{public.public_id}/").status_code == 404
    # Not even a browser that has it already is told that it may keep it.
    assert client.get(picture, headers={"If-None-Match": seen["ETag"]}).status_code == 404


def test_the_owner_still_sees_an_unpublished_picture(public: Item, as_alice: Client) -> None:
    as_alice.post(f"/library/{public.public_id}/unpublish/")
    assert as_alice.get(f"/gallery/{public.public_id}/picture/small").status_code == 200
    assert as_alice.get(f"/library/{public.public_id}/").status_code == 200


def test_pictures_are_asked_for_again_each_time(public: Item, client: Client) -> None:
    first = client.get(f"/gallery/{public.public_id}/picture/medium")
    assert {"private", "no-cache"} <= set(first["Cache-Control"].split(", "))
    again = client.get(
        f"/gallery/{public.public_id}/picture/medium", headers={"If-None-Match": first["ETag"]}
    )
    assert again.status_code == 304


def test_a_hidden_picture_is_seen_by_its_owner_alone(public: Item, as_alice: Client, client: Client) -> None:
    Item.objects.filter(pk=public.pk).update(hidden_at=timezone.now(), hidden_reason="copied work")
    assert client.get(f"/gallery/{public.public_id}/picture/full").status_code == 404
    page = as_alice.get(f"/library/{public.public_id}/").content.decode()
    assert "copied work" in page
    assert as_alice.get(f"/gallery/{public.public_id}/picture/full").status_code == 200


def test_a_hidden_picture_is_not_published(item: Item, as_alice: Client) -> None:
    Item.objects.filter(pk=item.pk).update(hidden_at=timezone.now())
    as_alice.post(f"/library/{item.public_id}/publish/", {"title": ""})
    item.refresh_from_db()
    assert item.visibility == "private"


def test_a_hidden_prompt_stays_hidden_everywhere(item: Item, as_alice: Client, client: Client) -> None:
    as_alice.post(f"/library/{item.public_id}/publish/", {"title": "Quiet"})
    for path in ("/", "/gallery/", f"/gallery/{item.public_id}/", f"/studio/?item={item.public_id}"):
        assert "lighthouse" not in client.get(path, follow=True).content.decode()
    download = client.get(f"/gallery/{item.public_id}/picture/full?download")
    assert "lighthouse" not in download["Content-Disposition"]


def test_editing_keeps_the_place_in_the_gallery(public: Item) -> None:
    before = public.published_at
    sharing.publish(public, title="New name", show_prompt=False)
    public.refresh_from_db()
    assert public.published_at == before
    assert public.title == "New name"


def test_publishing_again_comes_to_the_top(public: Item) -> None:
    before = public.published_at
    sharing.unpublish(public)
    sharing.publish(public)
    public.refresh_from_db()
    assert public.published_at is not None
    assert before is not None
    assert public.published_at > before


def test_a_title_that_is_too_long_comes_back_with_a_sentence(item: Item, as_alice: Client) -> None:
    answer = as_alice.post(f"/library/{item.public_id}/publish/", {"title": "x" * 121})
    assert answer.status_code == 422
    assert "120" in answer.content.decode()
    item.refresh_from_db()
    assert item.visibility == "private"


def test_a_pasted_link_shows_the_picture(public: Item, client: Client) -> None:
    page = client.get(f"/gallery/{public.public_id}/").content.decode()
    assert (
        f'<meta property="og:image" content="http://testserver/gallery/{public.public_id}/picture/medium">'
        in page
    )
    assert client.get(f"/gallery/{public.public_id}/picture/medium")["Content-Type"] == "image/webp"


def test_a_download_is_named_after_its_words(public: Item, client: Client) -> None:
    answer = client.get(f"/gallery/{public.public_id}/picture/full?download")
    assert answer["Content-Disposition"] == 'attachment; filename="a-green-valley.webp"'


def test_a_suspended_account_publishes_and_shares_nothing(item: Item, as_alice: Client) -> None:
    Account.objects.filter(pk=item.account_id).update(status=Account.Status.SUSPENDED)
    as_alice.post(f"/library/{item.public_id}/publish/", {"title": ""})
    as_alice.post(f"/library/{item.public_id}/share/", {})
    item.refresh_from_db()
    assert item.visibility == "private"
    assert not item.share_links.exists()
    assert as_alice.get(f"/gallery/{item.public_id}/picture/full").status_code == 200
