"""How long pictures are kept: as their owner chose, and never shorter for those that somebody cares for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.organizations import management
from gallery.collections import curation
from gallery.library import lifetime, trash
from gallery.models import Item
from gallery.shares import share_links
from gallery.social import likes
from tests import factories
from tests.support.picture_items import picture_item

pytestmark = pytest.mark.django_db


def old(user: User, days: int = 40, **fields: object) -> Item:
    item = picture_item(user, **fields)  # type: ignore[arg-type]
    Item.objects.filter(pk=item.pk).update(created_at=timezone.now() - timedelta(days=days))
    item.refresh_from_db()
    return item


def in_trash(user: User) -> set[str]:
    return set(trash.items_of(factories.account_of(user)).values_list("public_id", flat=True))


def test_nothing_leaves_by_itself_unless_its_owner_chose_so(alice: User) -> None:
    old(alice, 4000)
    assert not lifetime.run_once() and in_trash(alice) == set()


def test_private_pictures_leave_after_the_days_that_were_chosen_and_come_back(alice: User) -> None:
    gone, kept = old(alice, 31), old(alice, 29)
    lifetime.set_days(alice, 30)
    assert lifetime.run_once() and in_trash(alice) == {gone.public_id}
    assert not lifetime.run_once()
    assert trash.restore(factories.account_of(alice), [gone.public_id]) == 1
    kept.refresh_from_db()
    assert not kept.in_trash


def test_what_somebody_cares_for_stays(alice: User, charlie: User) -> None:
    liked, collected, shared, public = (old(alice) for _number in range(4))
    likes.toggle(liked, alice)
    curation.add(curation.create(alice, "Kept"), [collected], alice)
    share_links.share(shared, alice)
    Item.objects.filter(pk=public.pk).update(visibility="public", published_at=timezone.now())
    of_another = old(charlie)
    lifetime.set_days(alice, 7)
    assert not lifetime.run_once() and in_trash(alice) == in_trash(charlie) == set()
    lifetime.set_days(charlie, 7)
    assert lifetime.run_once() and in_trash(charlie) == {of_another.public_id}


def test_a_picture_whose_link_was_withdrawn_leaves_like_any_other(alice: User) -> None:
    item = old(alice)
    share_links.withdraw(share_links.share(item, alice))
    lifetime.set_days(alice, 30)
    assert lifetime.run_once() and in_trash(alice) == {item.public_id}


def test_it_is_chosen_on_the_page_of_the_trash_and_told_on_the_picture(as_alice: Client, alice: User) -> None:
    item = picture_item(alice)
    assert as_alice.post("/library/lifetime/", {"days": "90"}).status_code == 302
    assert lifetime.days_for(alice) == 90
    assert "after 90 days" in as_alice.get("/library/trash/").content.decode()
    page = f"/library/{item.public_id}/"
    assert "Goes to the trash on" in as_alice.get(page).content.decode()
    as_alice.post("/library/lifetime/", {"days": ""})
    assert lifetime.days_for(alice) is None and "Goes to the trash" not in as_alice.get(page).content.decode()


@pytest.mark.parametrize("days", ["0", "-7", "31", "x", "9" * 400])
def test_other_numbers_are_not_offered(as_alice: Client, alice: User, days: str) -> None:
    assert as_alice.post("/library/lifetime/", {"days": days}).status_code == 404
    assert lifetime.days_for(alice) is None


def test_what_was_made_for_an_organisation_does_not_leave_as_its_maker_likes(alice: User) -> None:
    own, club = old(alice), management.create(alice, "club")
    lifetime.set_days(alice, 7)
    management.act_for(alice, club.pk)
    theirs = old(alice)
    assert theirs.account_id == club.pk and lifetime.expires_at(theirs) is None
    assert lifetime.run_once() and not lifetime.run_once()
    own.refresh_from_db()
    theirs.refresh_from_db()
    assert own.in_trash and not theirs.in_trash
