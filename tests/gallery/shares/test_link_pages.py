"""Share links: page and picture have addresses of the link, and end with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from gallery.models import Item, ShareLink
from gallery.shares import share_links
from tests import factories

PICTURES = ("picture/small", "picture/medium", "picture/full")


@pytest.fixture
def link(item: Item) -> ShareLink:
    return factories.make_share_link(item)


def test_a_shared_picture_is_seen_without_an_account(item: Item, as_alice: Client, client: Client) -> None:
    as_alice.post(f"/library/{item.public_id}/share/", {"ends": "7", "allow_download": "on"})
    link = ShareLink.objects.get()
    page = client.get(f"/s/{link.token}/")
    assert page.status_code == 200
    assert f"/s/{link.token}/picture/full" in page.content.decode()
    for picture in PICTURES:
        assert client.get(f"/s/{link.token}/{picture}").status_code == 200


def test_the_page_tells_no_other_address_of_the_picture(item: Item, link: ShareLink, client: Client) -> None:
    page = client.get(f"/s/{link.token}/").content.decode()
    assert item.public_id not in page
    assert item.output.token not in page


def test_the_page_is_for_no_search_engine_and_tells_nobody_its_address(
    link: ShareLink, client: Client
) -> None:
    page = client.get(f"/s/{link.token}/")
    assert "noindex" in page["X-Robots-Tag"]
    assert page["Referrer-Policy"] == "no-referrer"
    assert 'name="robots" content="noindex' in page.content.decode()


def test_the_prompt_is_told_only_where_the_link_says_so(item: Item, alice: User, client: Client) -> None:
    closed, told = share_links.share(item, alice), share_links.share(item, alice, show_prompt=True)
    assert "lighthouse" not in client.get(f"/s/{closed.token}/").content.decode()
    assert "lighthouse" not in client.get(f"/s/{closed.token}/picture/full?download")["Content-Disposition"]
    assert "lighthouse" in client.get(f"/s/{told.token}/").content.decode()


def test_a_withdrawn_link_ends_page_and_picture_at_once(
    item: Item, link: ShareLink, as_alice: Client, client: Client
) -> None:
    known = client.get(f"/s/{link.token}/picture/full")["ETag"]
    as_alice.post(f"/library/{item.public_id}/share/{link.pk}/withdraw/")
    assert client.get(f"/s/{link.token}/").status_code == 404
    for picture in PICTURES:
        answer = client.get(f"/s/{link.token}/{picture}", headers={"If-None-Match": known})
        assert answer.status_code == 404


def test_sharing_again_gives_another_address(
    item: Item, link: ShareLink, alice: User, client: Client
) -> None:
    share_links.withdraw(link)
    fresh = share_links.share(item, alice)
    assert fresh.token != link.token
    assert client.get(f"/s/{fresh.token}/").status_code == 200
    assert client.get(f"/s/{link.token}/").status_code == 404


def test_an_address_has_at_least_128_random_bits(link: ShareLink) -> None:
    assert len(link.token) >= 43


def test_a_link_whose_time_is_over_says_so(link: ShareLink, client: Client) -> None:
    ShareLink.objects.filter(pk=link.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    page = client.get(f"/s/{link.token}/")
    assert page.status_code == 404
    assert "This link ended on" in page.content.decode()
    assert "Ask the sender for a new one." in page.content.decode()
    assert client.get(f"/s/{link.token}/picture/full").status_code == 404


def test_the_end_is_shown_while_the_link_works(item: Item, alice: User, client: Client) -> None:
    ends = timezone.now() + timedelta(days=14)
    link = share_links.share(item, alice, expires_at=ends)
    assert (
        f"This link works until {ends.day} {ends:%B %Y}" in client.get(f"/s/{link.token}/").content.decode()
    )


def test_hiding_ends_the_links_of_a_picture(
    item: Item, link: ShareLink, as_alice: Client, client: Client
) -> None:
    Item.objects.filter(pk=item.pk).update(hidden_at=timezone.now())
    assert client.get(f"/s/{link.token}/").status_code == 404
    assert client.get(f"/s/{link.token}/picture/full").status_code == 404
    as_alice.post(f"/library/{item.public_id}/share/", {})
    assert ShareLink.objects.count() == 1


def test_views_are_counted_but_not_the_owners_own(
    item: Item, link: ShareLink, as_alice: Client, client: Client
) -> None:
    client.get(f"/s/{link.token}/")
    client.get(f"/s/{link.token}/")
    as_alice.get(f"/s/{link.token}/")
    link.refresh_from_db()
    assert link.views == 2
    assert "2 views" in as_alice.get(f"/library/{item.public_id}/").content.decode()


def test_an_item_has_a_bounded_number_of_open_links(item: Item, alice: User) -> None:
    ShareLink.objects.bulk_create(
        ShareLink(item=item, created_by=alice) for _ in range(share_links.MAX_OPEN_LINKS)
    )
    with pytest.raises(share_links.TooManyLinks):
        share_links.share(item, alice)


def test_an_end_off_the_list_is_refused(item: Item, as_alice: Client) -> None:
    assert as_alice.post(f"/library/{item.public_id}/share/", {"ends": "-3"}).status_code == 422
    assert not ShareLink.objects.exists()
