"""Passwords of share links: asked for on the link's own page, counted, remembered by a mark that ends."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import signing
from django.db import OperationalError
from django.test import Client

from accounts.auth import attempt_limits, passwords
from accounts.models import Throttle, User
from gallery.collections import curation
from gallery.models import Item, ShareLink
from gallery.shares import link_access, link_passwords, share_links

PASSWORD = "open sesame"


@pytest.fixture
def locked(item: Item, alice: User) -> ShareLink:
    """A link to Alice's picture with a password."""
    return share_links.share(item, alice, password=PASSWORD)


def tried(client: Client, link: ShareLink, password: str = PASSWORD, **headers: Any) -> Any:
    return client.post(f"/s/{link.token}/open/", {"password": password}, **headers)


def again(answer: Any) -> str:
    """Where "Try again" leads."""
    found = re.search(r'<a class="button" href="([^"]*)">(?:Try again|再试一次)</a>', answer.content.decode())
    assert found is not None
    return html.unescape(found[1])


def test_a_locked_link_asks_and_tells_nothing(locked: ShareLink, item: Item, client: Client) -> None:
    Item.objects.filter(pk=item.pk).update(title="A secret place")
    page = client.get(f"/s/{locked.token}/")
    text = page.content.decode()
    assert page.status_code == 200
    assert 'type="password"' in text
    for secret in ("A secret place", "lighthouse", "alice", "picture/", item.public_id):
        assert secret not in text
    assert "noindex" in page["X-Robots-Tag"]
    # Its form must say where it comes from, to us alone.
    assert page["Referrer-Policy"] == "same-origin"
    for size in ("small", "medium", "full"):
        assert client.get(f"/s/{locked.token}/picture/{size}").status_code == 404
    locked.refresh_from_db()
    assert locked.views == 0


def test_the_right_password_opens_page_and_pictures(locked: ShareLink, client: Client) -> None:
    answer = tried(client, locked)
    assert (answer.status_code, answer["Location"]) == (302, f"/s/{locked.token}/")
    mark = answer.cookies[link_passwords.COOKIE]
    assert mark["path"] == f"/s/{locked.token}/"
    assert mark["httponly"] and mark["samesite"] == "Lax" and int(mark["max-age"]) == link_passwords.VALID_S
    assert "picture/full" in client.get(f"/s/{locked.token}/").content.decode()
    assert client.get(f"/s/{locked.token}/picture/full").status_code == 200
    locked.refresh_from_db()
    assert locked.views == 1


def test_a_link_stays_open_while_the_secret_key_is_changed(
    locked: ShareLink, client: Client, change_secret_key: Callable[[], None], settings: Any
) -> None:
    tried(client, locked)
    change_secret_key()
    assert client.get(f"/s/{locked.token}/picture/full").status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert client.get(f"/s/{locked.token}/picture/full").status_code == 404


@pytest.mark.parametrize(
    "password", ["wrong words", "Open sesame", "open sesame ", "", "x" * 129, "nul\x00nul"]
)
def test_a_wrong_password_opens_nothing(locked: ShareLink, client: Client, password: str) -> None:
    answer = tried(client, locked, password)
    assert answer.status_code == 422
    assert link_passwords.COOKIE not in answer.cookies
    assert client.get(f"/s/{locked.token}/picture/full").status_code == 404


def test_a_megabyte_is_refused_before_it_costs_a_hash(
    locked: ShareLink, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> bool:
        raise AssertionError("hashed")

    monkeypatch.setattr(link_passwords, "check_password", never)
    assert tried(client, locked, "x" * 1_000_000).status_code == 422
    assert not link_passwords.matches(locked, "x" * 1_000_000)
    with pytest.raises(ValueError, match="at most 128"):
        link_passwords.hash_password("x" * 1_000_000)


def test_the_same_password_typed_on_another_device_opens(item: Item, alice: User, client: Client) -> None:
    link = share_links.share(item, alice, password="caf\u00e9 \uff11\uff12")
    assert tried(client, link, "cafe\u0301 12").status_code == 302


def test_the_sixth_try_in_a_while_is_told_to_wait(locked: ShareLink, client: Client) -> None:
    for _ in range(5):
        assert tried(client, locked, "wrong words").status_code == 422
    answer = tried(client, locked)
    assert answer.status_code == 429
    assert "Too many tries. Try again in" in answer.content.decode()
    assert 0 < int(answer["Retry-After"]) <= 300
    assert client.get(f"/s/{locked.token}/picture/full").status_code == 404


def test_tries_are_counted_for_each_network_and_each_link(
    locked: ShareLink, item: Item, alice: User, client: Client
) -> None:
    other = share_links.share(item, alice, password=PASSWORD)
    for _ in range(6):
        tried(client, locked, "wrong words", REMOTE_ADDR="2001:db8:1:2::1")
    # The same network by another address; another network; another link.
    assert tried(client, locked, REMOTE_ADDR="2001:db8:1:2:ffff::9").status_code == 429
    assert tried(client, locked, REMOTE_ADDR="2001:db8:1:3::1").status_code == 302
    assert tried(client, other, REMOTE_ADDR="2001:db8:1:2::1").status_code == 302


def test_the_right_password_is_not_counted(locked: ShareLink) -> None:
    assert {tried(Client(), locked).status_code for _reader in range(8)} == {302}


def test_many_networks_together_have_a_limit_too(
    locked: ShareLink, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_passwords, "_OF_LINK", (3, 3600))
    answers = [tried(client, locked, "wrong words", REMOTE_ADDR=f"192.0.2.{n}").status_code for n in range(5)]
    assert answers == [422, 422, 422, 429, 429]


def test_a_mark_opens_its_own_link_only(locked: ShareLink, item: Item, alice: User, client: Client) -> None:
    other = share_links.share(item, alice, password=PASSWORD)
    mark = tried(client, locked).cookies[link_passwords.COOKIE].value
    thief = Client()
    thief.cookies[link_passwords.COOKIE] = mark
    assert thief.get(f"/s/{locked.token}/picture/full").status_code == 200
    assert thief.get(f"/s/{other.token}/picture/full").status_code == 404


@pytest.mark.parametrize("mark", ["", "x", "x:y:z", "signed with another salt"])
def test_a_forged_mark_opens_nothing(locked: ShareLink, client: Client, mark: str) -> None:
    if mark.startswith("signed"):
        mark = signing.TimestampSigner(salt="other").sign("x")
    client.cookies[link_passwords.COOKIE] = mark
    assert client.get(f"/s/{locked.token}/picture/full").status_code == 404


def test_a_mark_ends_with_its_time(
    locked: ShareLink, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried(client, locked)
    assert client.get(f"/s/{locked.token}/picture/full").status_code == 200
    monkeypatch.setattr(link_passwords, "VALID_S", -1)
    assert client.get(f"/s/{locked.token}/picture/full").status_code == 404


def test_a_mark_ends_with_the_password_and_with_the_link(locked: ShareLink, client: Client) -> None:
    tried(client, locked)
    ShareLink.objects.filter(pk=locked.pk).update(password=link_passwords.hash_password("another one"))
    assert client.get(f"/s/{locked.token}/picture/full").status_code == 404
    assert tried(client, locked, "another one").status_code == 302
    share_links.withdraw(locked)
    assert client.get(f"/s/{locked.token}/").status_code == 404
    assert client.get(f"/s/{locked.token}/picture/full").status_code == 404
    assert tried(client, locked, "another one").status_code == 404


def test_a_locked_collection_opens_with_all_its_pictures(item: Item, alice: User, client: Client) -> None:
    collection = curation.create(alice, "Lighthouses")
    curation.add(collection, [item], alice)
    link = share_links.share(collection, alice, password=PASSWORD)
    address = f"/s/{link.token}/{item.public_id}/"
    assert "Lighthouses" not in client.get(f"/s/{link.token}/").content.decode()
    assert client.get(address)["Location"] == f"/s/{link.token}/"
    assert client.get(f"{address}picture/full").status_code == 404
    tried(client, link)
    assert "Lighthouses" in client.get(f"/s/{link.token}/").content.decode()
    assert client.get(address).status_code == 200
    assert client.get(f"{address}picture/full").status_code == 200


def test_the_owner_is_not_asked(locked: ShareLink, as_alice: Client) -> None:
    assert "picture/full" in as_alice.get(f"/s/{locked.token}/").content.decode()
    assert as_alice.get(f"/s/{locked.token}/picture/full").status_code == 200


def test_a_password_for_an_open_link_is_not_looked_at(item: Item, alice: User, client: Client) -> None:
    answer = tried(client, share_links.share(item, alice))
    assert (answer.status_code, link_passwords.COOKIE in answer.cookies) == (302, False)


def test_the_form_is_protected_against_other_sites(locked: ShareLink) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(f"/s/{locked.token}/open/", {"password": PASSWORD}).status_code == 403


def test_a_lock_whose_tries_cannot_be_counted_opens_for_nobody(
    locked: ShareLink, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_asked: Any) -> None:
        raise OperationalError("away")

    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(attempt_limits, "count_attempt", away)
        refused = tried(client, locked)
    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert 'type="password"' in client.get(again(refused), follow=True).content.decode()
    assert tried(client, locked).status_code == 302


def test_the_address_of_the_form_leads_back_to_the_page_that_asks(locked: ShareLink, client: Client) -> None:
    assert client.get(f"/s/{locked.token}/open/")["Location"] == f"/s/{locked.token}/"
    assert link_passwords.COOKIE not in client.cookies


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_link_whose_database_is_away_offers_to_try_again_what_was_asked_for(
    locked: ShareLink, client: Client, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    def away(*_asked: Any) -> None:
        raise OperationalError("away")

    client.raise_request_exception = False
    address = f"/s/{locked.token}/?after=1.2&x=%26"
    with monkeypatch.context() as patch:
        patch.setattr(link_access, "open_link", away)
        answer = client.get(address, headers={"Accept-Language": language})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert again(answer) == address
    assert client.get(again(answer)).status_code == 200


def test_a_password_that_finds_no_place_to_be_hashed_is_not_counted(
    locked: ShareLink, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "HASHING_SLOTS", passwords.HashingSlots(0, 0))
    answer = tried(client, locked, HTTP_ACCEPT="application/json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "get to yours" in answer.json()["detail"]
    assert not Throttle.objects.exists()
