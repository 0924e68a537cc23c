"""Likes and follows: one of each person, counted exactly, for what one may see alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from limits.errors import StorageError

from accounts.models import Account, User
from accounts.staff import sanctions
from gallery import moderation
from gallery.models import Follow, Item, Like
from gallery.social import follows, interaction_limits, likes
from predictions.api_dialects.common import rate_limits
from tests import factories
from tests.support.picture_items import picture_item
from tests.support.races import together


def counts(item: Item) -> tuple[int, int, int]:
    item.refresh_from_db()
    return item.likes, item.recent_likes, Like.objects.filter(item=item).count()


def test_a_heart_is_pressed_and_taken_back(public: Item, as_charlie: Client) -> None:
    as_charlie.post(f"/like/{public.public_id}/")
    assert counts(public) == (1, 1, 1)
    page = as_charlie.get(f"/gallery/{public.public_id}/").content.decode()
    assert 'aria-pressed="true"' in page
    as_charlie.post(f"/like/{public.public_id}/")
    assert counts(public) == (0, 0, 0)


def test_the_page_gets_the_heart_as_it_is_now(public: Item, as_charlie: Client) -> None:
    part = as_charlie.post(f"/like/{public.public_id}/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'aria-pressed="true"' in part
    assert ">1</span>" in part


def test_a_visitor_is_led_to_the_sign_in_page(public: Item, client: Client) -> None:
    answer = client.post(f"/like/{public.public_id}/")
    assert answer.status_code == 302
    assert "/accounts/login/" in answer["Location"]
    assert counts(public) == (0, 0, 0)


def test_an_own_private_picture_is_a_favourite(item: Item, as_alice: Client) -> None:
    as_alice.post(f"/like/{item.public_id}/")
    assert counts(item) == (1, 1, 1)


def test_somebody_elses_private_hidden_or_deleted_picture_does_not_exist(
    item: Item, public: Item, alice: User, as_charlie: Client
) -> None:
    hidden, trashed = public, picture_item(alice, visibility="public")
    moderation.hide(hidden, "no")
    Item.objects.filter(pk=trashed.pk).update(trashed_at="2026-01-01T00:00:00Z")
    for one in (item, hidden, trashed):
        assert as_charlie.post(f"/like/{one.public_id}/").status_code == 404
    for forged in ("nothing", "x" * 22, "-" * 22):
        assert as_charlie.post(f"/like/{forged}/").status_code == 404
    assert not Like.objects.exists()
    assert as_charlie.get(f"/like/{public.public_id}/").status_code == 405


def test_a_suspended_account_likes_and_follows_nothing(
    public: Item, charlie: User, as_charlie: Client
) -> None:
    Account.objects.filter(pk=charlie.account_id).update(status=Account.Status.SUSPENDED)
    page = as_charlie.post(f"/like/{public.public_id}/", follow=True).content.decode()
    assert "closed to new things" in page
    as_charlie.post("/follow/alice/")
    # A fragment has no place for the message: the page reloads, and shows it.
    part = as_charlie.post(f"/like/{public.public_id}/", headers={"HX-Request": "true"})
    assert (part.status_code, part["HX-Refresh"]) == (204, "true")
    assert counts(public) == (0, 0, 0)
    assert not Follow.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_racing_hearts_are_counted_as_they_are() -> None:
    author = factories.make_user("author")
    item = picture_item(author, visibility="public")
    people = [factories.make_user(f"member{number}") for number in range(5)]
    calls = [lambda one=one: likes.toggle(item, one) for one in people for _time in range(10)]
    answers = together(calls)
    assert [answer for answer in answers if not isinstance(answer, bool)] == []
    # Ten times each: everybody is back where they began.
    assert counts(item) == (0, 0, 0)
    together([lambda one=one: likes.toggle(item, one) for one in people])
    assert counts(item) == (5, 5, 5)


def test_more_hearts_than_people_give_are_refused_but_not_for_ones_own(
    public: Item, charlie: User, as_charlie: Client, as_alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(interaction_limits.PER_MINUTE, "like", 2)
    for _time in range(2):
        as_charlie.post(f"/like/{public.public_id}/")
    page = as_charlie.post(f"/like/{public.public_id}/", follow=True).content.decode()
    assert "Too many at once. Try again in 1 minute." in page
    part = as_charlie.post(f"/like/{public.public_id}/", headers={"HX-Request": "true"})
    assert (part.status_code, part["HX-Refresh"]) == (204, "true")
    assert counts(public) == (0, 0, 0)
    for _time in range(3):
        as_alice.post(f"/like/{public.public_id}/")
    assert counts(public) == (1, 1, 1)


# -- Following ------------------------------------------------------------------------------------------------------


def test_a_member_is_followed_and_left(public: Item, charlie: User, as_charlie: Client) -> None:
    as_charlie.post("/follow/alice/")
    assert Follow.objects.filter(follower=charlie, followed=public.user).count() == 1
    part = as_charlie.post("/follow/alice/", headers={"HX-Request": "true"}).content.decode()
    assert 'aria-pressed="false"' in part
    assert not Follow.objects.exists()


def test_nobody_follows_themselves(public: Item, alice: User, as_alice: Client) -> None:
    page = as_alice.post("/follow/alice/", follow=True).content.decode()
    assert "cannot follow yourself" in page
    with pytest.raises(follows.CannotFollowSelf):
        follows.toggle(alice, alice)


def test_only_who_published_something_is_found_to_be_followed(
    bob: User, charlie: User, as_charlie: Client
) -> None:
    assert as_charlie.post("/follow/bob/").status_code == 404
    assert as_charlie.post("/follow/nobody/").status_code == 404
    # Who was followed before is left all the same.
    Follow.objects.create(follower=charlie, followed=bob)
    as_charlie.post("/follow/bob/")
    assert not Follow.objects.exists()


@pytest.mark.parametrize("why", ["unlisted", "banned"])
def test_a_picture_leads_to_no_page_that_its_author_does_not_have(
    public: Item, alice: User, charlie: User, as_charlie: Client, client: Client, why: str
) -> None:
    page, author = f"/gallery/{public.public_id}/", "/gallery/by/alice/"
    for reader in (client, as_charlie):
        assert f'href="{author}"' in reader.get(page).content.decode()
    as_charlie.post("/follow/alice/")
    if why == "banned":
        sanctions.ban(alice, None, reason="Spam.")
    else:
        Item.objects.filter(pk=public.pk).update(visibility=Item.Visibility.UNLISTED)
    assert client.get(author).status_code == 404
    seen, followed = client.get(page), as_charlie.get(page)
    assert (seen.status_code, followed.status_code) == (200, 200)
    for answer in (seen, followed):
        assert f'href="{author}"' not in answer.content.decode()
    assert "/follow/alice/" not in seen.content.decode()
    # Who follows them can leave them all the same.
    assert "/follow/alice/" in followed.content.decode()
    as_charlie.post("/follow/alice/")
    assert not Follow.objects.exists()
    assert "/follow/alice/" not in as_charlie.get(page).content.decode()


def test_nobody_follows_more_than_anybody_reads(
    public: Item, bob: User, charlie: User, as_charlie: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follows, "MAX_FOLLOWED", 1)
    Follow.objects.create(follower=charlie, followed=bob)
    page = as_charlie.post("/follow/alice/", follow=True).content.decode()
    assert "You follow 1 members already" in page
    assert Follow.objects.count() == 1


def test_forms_lead_back_to_pages_of_ours_only(public: Item, as_charlie: Client) -> None:
    answer = as_charlie.post("/follow/alice/", {"next": "https://evil.example/"})
    assert answer["Location"] == "/gallery/by/alice/"


def test_the_author_page_tells_capped_counts(
    public: Item, alice: User, bob: User, client_of: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gallery.public import views

    Follow.objects.create(follower=bob, followed=alice)
    page = client_of(bob).get("/gallery/by/alice/").content.decode()
    assert "1 picture" in page
    assert "1 follower" in page
    assert 'aria-pressed="true"' in page
    monkeypatch.setattr(views, "MAX_COUNTED", 1)
    picture_item(alice, visibility="public")
    assert "more than 1 pictures" in client_of(bob).get("/gallery/by/alice/").content.decode()


def test_more_changes_of_mind_about_members_than_people_have_are_refused(
    public: Item, charlie: User, as_charlie: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(interaction_limits.PER_MINUTE, "follow", 2)
    for _time in range(2):
        as_charlie.post("/follow/alice/")
    page = as_charlie.post("/follow/alice/", follow=True).content.decode()
    assert "Too many at once. Try again in 1 minute." in page
    assert not Follow.objects.exists()


def test_a_counter_that_cannot_be_reached_holds_nobody_up(
    public: Item, as_charlie: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_named: object) -> bool:
        raise StorageError(ConnectionError("no redis"))

    monkeypatch.setattr(rate_limits.limiter(), "hit", broken)
    as_charlie.post(f"/like/{public.public_id}/")
    assert counts(public) == (1, 1, 1)
