"""Members who leave, and the organisations that they leave behind or end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.core import mail
from django.test import Client

from accounts.models import Account, Membership, User
from accounts.notifications import mail_queue
from accounts.organizations import management
from core.clock import after
from gallery.models import Closure
from gallery.privacy import closure
from tests.accounts.auth.auth_forms import just_signed_in
from tests.gallery.privacy.test_closure import grace_ends

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _awake() -> Iterator[None]:
    mail_queue.clear_pause()
    yield
    mail_queue.clear_pause()


def all_mails_are_sent() -> None:
    while mail_queue.run_once():
        pass


def test_of_an_organisation_its_members_are_told_and_never_that_it_is_their_account(
    alice: User, bob: User
) -> None:
    club = management.create(alice, "club")
    Membership.objects.create(account=club, user=bob, role="member")
    assert closure.cancel(closure.request_closure(alice, club))
    all_mails_are_sent()
    kept = [letter for letter in mail.outbox if "The organisation club stays." in str(letter.body)]
    assert sorted(letter.to[0] for letter in kept) == [alice.email, bob.email]
    closure.request_closure(alice, club)
    grace_ends()
    all_mails_are_sent()
    assert mail.outbox[-1].to == [alice.email]
    assert "The organisation club is deleted." in str(mail.outbox[-1].body)
    assert not [letter for letter in mail.outbox if "Your account" in str(letter.body)]


def test_no_organisation_is_left_to_an_owner_who_is_being_deleted_or_banned(alice: User, bob: User) -> None:
    club = management.create(alice, "club")
    Membership.objects.create(account=club, user=bob, role="owner")
    closure.request_closure(alice)
    Closure.objects.update(due_at=after(-1))
    closure.run_once()
    assert Closure.objects.get().begun_at is not None and Closure.objects.get().finished_at is None
    assert closure.obstacles(bob) == ["sole_owner"]
    with pytest.raises(management.CannotDo, match="name another one first"):
        management.leave(bob, club)
    grace_ends()
    assert list(Membership.objects.filter(account=club).values_list("user", "role")) == [(bob.pk, "owner")]


def test_any_owner_of_an_organisation_keeps_it_and_their_own_account_is_another_matter(
    alice: User, bob: User, client_of: ClientOf
) -> None:
    club = management.create(alice, "club")
    Membership.objects.create(account=club, user=bob, role="owner")
    closure_request = closure.request_closure(alice, club)
    assert closure.request_closure(bob, club) == closure_request, "one wish, whoever asks again"
    assert closure.pending_for_user(alice) is None
    assert "Your account will be deleted" not in client_of(alice).get("/account/delete/").content.decode()
    page = client_of(bob).get(f"/account/delete/organization/{club.pk}/").content.decode()
    assert f'name="organization" value="{club.pk}"' in page
    client_of(bob).post("/account/delete/stop/", {"organization": str(club.pk)})
    closure_request.refresh_from_db()
    club.refresh_from_db()
    assert closure_request.called_off_at is not None and club.status == Account.Status.ACTIVE
    closure.request_closure(alice, club)
    Membership.objects.filter(account=club, user=bob).update(role="member")
    assert client_of(bob).post("/account/delete/stop/", {"organization": str(club.pk)}).status_code == 403


def test_no_organisation_loses_its_only_owner_in_the_grace(alice: User, bob: User) -> None:
    club = management.create(alice, "club")
    Membership.objects.create(account=club, user=bob, role="owner")
    closure_request = closure.request_closure(alice)
    Membership.objects.filter(account=club, user=bob).delete()
    grace_ends()
    closure_request.refresh_from_db()
    assert closure_request.begun_at is None and closure_request.due_at > closure_request.created_at, (
        "looked at again tomorrow"
    )


def test_nobody_is_sent_to_a_copy_that_has_nothing_of_the_organisation(
    alice: User, client_of: ClientOf
) -> None:
    club, client = management.create(alice, "club"), client_of(alice)
    just_signed_in(client)
    page = f"/account/delete/organization/{club.pk}/"
    for _asking_and_asked in range(2):
        shown = client.get(page).content.decode()
        assert 'href="/account/export/"' not in shown.partition("<h1>")[2]
        assert "download the organisation's pictures from its library first" in shown
        closure.request_closure(alice, club)
    assert 'href="/account/export/"' in client.get("/account/delete/").content.decode().partition("<h1>")[2]


def test_its_page_says_to_all_that_it_is_about_to_be_deleted_and_to_owners_how_to_keep_it(
    alice: User, bob: User, client_of: ClientOf
) -> None:
    club = management.create(alice, "club")
    Membership.objects.create(account=club, user=bob, role="member")
    page = f"/account/organizations/{club.pk}/"
    assert "about to be deleted" not in client_of(bob).get(page).content.decode()
    closure.request_closure(alice, club)
    shown = {user.username: client_of(user).get(page).content.decode() for user in (alice, bob)}
    assert all("It is about to be deleted." in words for words in shown.values())
    assert ["how to keep it" in shown[name] for name in ("alice", "bob")] == [True, False]
    closure.cancel(closure.pending_for(club))
    Account.objects.filter(pk=club.pk).update(status=Account.Status.SUSPENDED)
    assert "It is suspended." in client_of(bob).get(page).content.decode()
