"""Publish, unpublish, hide: pages and pictures follow at once."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, User
from gallery import moderation
from gallery.items import item_tags, publication
from gallery.items.forms import PublishForm
from gallery.models import Item, ItemTag
from tests.support.picture_items import picture_item


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
    # Not even a browser that has it already gets a 304.
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


def test_nobody_is_led_to_the_page_of_a_banned_author(alice: User, public: Item, client: Client) -> None:
    link = reverse("gallery_author", args=[alice.username])
    assert link in client.get(f"/gallery/{public.public_id}/").content.decode()
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert link not in client.get(f"/gallery/{public.public_id}/").content.decode()


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
    publication.publish(public, title="New name", show_prompt=False)
    public.refresh_from_db()
    assert public.published_at == before
    assert public.title == "New name"


def test_publishing_again_comes_to_the_top(public: Item) -> None:
    before = public.published_at
    publication.unpublish(public)
    publication.publish(public)
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


# -- What is said of a published picture ---------------------------------------------------------------------------


def test_publishing_keeps_tags_licence_and_what_is_sensitive(
    item: Item, as_alice: Client, client: Client
) -> None:
    form = {
        "title": "Light",
        "tags": "Sea, ＮＩＧＨＴ， 水彩、sea; #light house",
        "licence": "CC-BY-4.0",
        "sensitive": "on",
        "show_prompt": "on",
    }
    as_alice.post(f"/library/{item.public_id}/publish/", form)
    item.refresh_from_db()
    assert item_tags.for_item(item) == ["sea", "night", "水彩", "light house"]
    assert (item.licence, item.sensitive, item.visibility) == ("CC-BY-4.0", True, "public")
    assert item.search_owed
    assert item.rendition_owed
    page = client.get(f"/gallery/{item.public_id}/").content.decode()
    assert "/gallery/tag/light%20house/" in page
    assert "creativecommons.org/licenses/by/4.0" in page


def test_the_form_says_again_what_was_said(item: Item, as_alice: Client) -> None:
    publication.publish(item, title="Light", tags=["sea", "night"], licence="CC0-1.0", visibility="unlisted")
    page = as_alice.get(f"/library/{item.public_id}/").content.decode()
    assert 'value="sea, night"' in page
    assert re.search(r'<option value="CC0-1.0" selected', page)
    assert re.search(r'value="unlisted" checked', page)


def test_publishing_again_replaces_tags_and_keeps_their_order(item: Item) -> None:
    publication.publish(item, tags=["a1", "b2", "c3"])
    publication.publish(item, tags=["c3", "d4"])
    assert item_tags.for_item(item) == ["c3", "d4"]
    assert ItemTag.objects.filter(item=item, listed_at=None).count() == 0
    publication.unpublish(item)
    assert item_tags.for_item(item) == ["c3", "d4"]
    assert not ItemTag.objects.filter(item=item, listed_at__isnull=False).exists()


def test_an_unlisted_picture_opens_by_its_address_alone(item: Item, as_alice: Client, client: Client) -> None:
    as_alice.post(f"/library/{item.public_id}/publish/", {"visibility": "unlisted", "tags": "sea"})
    answer = client.get(f"/gallery/{item.public_id}/")
    assert answer.status_code == 200
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert '<meta name="robots" content="noindex, nofollow">' in answer.content.decode()
    assert client.get(f"/gallery/{item.public_id}/picture/full")["X-Robots-Tag"] == "noindex, nofollow"
    for place in ("/", "/gallery/", "/gallery/tag/sea/", "/sitemap-pictures.xml", "/gallery/feed.xml"):
        assert item.public_id not in client.get(place).content.decode(), place


def test_what_becomes_public_comes_to_the_top_though_it_was_unlisted(item: Item) -> None:
    publication.publish(item, visibility="unlisted")
    before = Item.objects.get(pk=item.pk).published_at
    publication.publish(item)
    first = Item.objects.get(pk=item.pk).published_at
    publication.publish(item, title="Edited")
    item.refresh_from_db()
    assert item.published_at == first
    assert first is not None
    assert before is not None
    assert first > before
    assert set(ItemTag.objects.filter(item=item).values_list("listed_at", flat=True)) <= {first}


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        (", ".join(f"tag{number}" for number in range(13)), "12"),
        ("x" * 41, "40"),
        ("ﷺ" * 40, "40"),  # one letter that becomes eighteen
        ("a," * 1500, "12"),
    ],
)
def test_too_many_and_too_long_tags_come_back_with_a_sentence(
    item: Item, as_alice: Client, tags: str, says: str
) -> None:
    answer = as_alice.post(f"/library/{item.public_id}/publish/", {"tags": tags})
    assert answer.status_code == 422
    assert says in re.sub(r"<input[^>]*>", "", answer.content.decode())
    item.refresh_from_db()
    assert item.visibility == "private"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<script>alert(1)</script>", ["script alert 1 script"]),
        ("\u202ekool\u202c", ["kool"]),
        ("a\u200bb\u2060c\ufeff", ["abc"]),
        ("\x00\x07 tab\tbed", ["tab bed"]),
        ("\u200b, \u3164, \u2800, ..., ../.., -, ', \u0301", []),
        ("ac/dc", ["ac dc"]),
        ("C++, R&B, rock'n'roll", ["c++", "r&b", "rock'n'roll"]),
        ("ＡＢＣ ａｂｃ", ["abc abc"]),
        ("STRASSE, ǅ, İ", ["strasse", "dž", "i\u0307"]),
        ("a" + "\u0301" * 30, ["á" + "\u0301" * 4]),
        ("日本語、中文；한국어", ["日本語", "中文", "한국어"]),
        ("👩\u200d🎨", ["👩🎨"]),
    ],
)
def test_tags_are_folded_to_what_can_be_seen_and_typed(given: str, kept: list[str]) -> None:
    assert item_tags.parse(given) == kept
    assert item_tags.parse(", ".join(kept)) == kept


def test_script_in_title_tags_and_prompt_is_only_text(alice: User, as_alice: Client, client: Client) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    item = picture_item(alice, evil)
    as_alice.post(
        f"/library/{item.public_id}/publish/",
        {"title": evil + "\u202e\u200b\u0007", "tags": "<script>alert(1)</script>", "show_prompt": "on"},
    )
    item.refresh_from_db()
    assert item.title == evil
    for place in (f"/gallery/{item.public_id}/", "/gallery/", "/", f"/gallery/by/{alice.username}/"):
        page = client.get(place).content.decode()
        assert "<script>alert" not in page, place
        assert "<img src=x" not in page, place
    feed = ElementTree.fromstring(client.get("/gallery/feed.xml").content)
    assert "<script>" not in (feed.findtext(".//{*}entry/{*}summary") or "")


def test_several_are_published_with_one_form(alice: User, bob: User) -> None:
    items = [picture_item(alice, title="Mine"), picture_item(alice), picture_item(alice)]
    moderation.hide(items[2], "no")
    form = PublishForm({"tags": "sea", "licence": "CC0-1.0", "show_prompt": "on"})
    assert form.is_valid()
    assert publication.publish_many(items, form.cleaned_data) == 2
    rows = [Item.objects.get(pk=item.pk) for item in items]
    assert [row.visibility for row in rows] == ["public", "public", "private"]
    assert rows[0].title == "Mine"
    assert rows[0].licence == "CC0-1.0"
    assert item_tags.for_item(rows[1]) == ["sea"]


def test_what_is_described_is_owed_a_new_copy_only_while_others_may_see_it(item: Item, public: Item) -> None:
    Item.objects.update(search_owed=False, rendition_owed=False)
    publication.describe(item, title="New", tags=["sea"])
    publication.describe(public, sensitive=True)
    item.refresh_from_db()
    public.refresh_from_db()
    assert (item.search_owed, item.rendition_owed) == (True, False)
    assert (public.search_owed, public.rendition_owed) == (True, True)
    assert item_tags.for_item(item) == ["sea"]


def test_a_pasted_link_to_a_sensitive_picture_does_not_show_it(item: Item, client: Client) -> None:
    publication.publish(item, sensitive=True)
    page = client.get(f"/gallery/{item.public_id}/").content.decode()
    assert "cards/sensitive" in page
    assert f'content="http://testserver/gallery/{item.public_id}/picture' not in page
    assert '<meta property="og:image:width" content="1200">' in page


@pytest.mark.parametrize("field", [{"licence": "MIT"}, {"visibility": "everyone"}])
def test_a_licence_or_visibility_that_is_none_is_refused(
    item: Item, as_alice: Client, field: dict[str, str]
) -> None:
    assert as_alice.post(f"/library/{item.public_id}/publish/", field).status_code == 422
    item.refresh_from_db()
    assert item.visibility == "private"
