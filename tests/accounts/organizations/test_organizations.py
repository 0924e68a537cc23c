"""Members share a balance: founding, inviting, roles, limits, leaving; what each role may and may not."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import connections, transaction
from django.test import Client

from accounts import credits
from accounts.audit import checks
from accounts.models import MICRO, Account, ApiToken, Membership, OrganizationInvitation, User
from accounts.notifications import mail_queue
from accounts.organizations import join_invitations, management, roles
from accounts.site import site_rules
from accounts.tokens import api_tokens
from gallery.models import Collection
from predictions.catalogue import loader, lookup
from tests import factories
from tests.runner.sampling import one_of

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


def club_of(founder: User, /, *, credit: int = 100, **members: User) -> Account:
    """An organisation with members by their roles."""
    club = management.create(founder, "Studio Nord")
    if credit:
        credits.grant(club, credit * MICRO)
    for role, user in members.items():
        Membership.objects.create(account=club, user=user, role=role)
    return club


def link_in_mail() -> str:
    mail_queue.clear_pause()
    mail_queue.run_once()
    found = re.search(r"/account/join/[\w-]+/", str(mail.outbox[-1].body))
    assert found
    return found[0]


def bearer(user: User, account: Account | None = None) -> dict[str, str]:
    if account is not None:
        management.act_for(user, account.pk)
    return {"Authorization": f"Bearer {api_tokens.issue(user, 'test')[1]}"}


def test_from_founding_to_the_first_picture_of_a_new_member(
    alice: User, bob: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    client.post("/account/organizations/", {"name": "  Studio   Nord "})
    club = Account.objects.get(kind="organization")
    assert club.name == "Studio Nord"
    credits.grant(club, 10 * MICRO)
    client.post(f"/account/organizations/{club.pk}/invite/", {"email": "Bob@example.org", "role": "member"})
    link = link_in_mail()
    guest = client_of(bob)
    page = guest.get(link).content.decode()
    assert "Join Studio Nord" in page
    assert "no-referrer" not in page, "browsers would send the form without saying where it comes from: 403"
    assert guest.post(link).status_code == 302
    bob.refresh_from_db()
    assert bob.account_id == club.pk
    assert roles.role_of(bob, club) == "member"
    credits.hold(club.pk, MICRO, "a-picture")
    assert factories.account_of(bob).balance == 9 * MICRO
    page_text = client.get("/account/notices/").content.decode()
    assert "bob joined Studio Nord." in page_text
    assert guest.get(link).status_code == 404, "once"


@pytest.mark.django_db(transaction=True)
def test_an_invitation_is_accepted_once_by_many_at_once(alice: User, bob: User, charlie: User) -> None:
    club = club_of(alice)
    join_invitations.invite(club, "someone@example.org", "member", by=alice)
    secret = link_in_mail().split("/")[-2]
    joined: list[int] = []

    def accept(user: User) -> None:
        try:
            joined.append(join_invitations.accept(secret, user).pk)
        except management.CannotDo:
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=accept, args=[user]) for user in (bob, charlie) * 3]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(joined) == 1
    assert Membership.objects.filter(account=club).count() == 2


def test_a_new_link_ends_the_old_one_and_a_withdrawn_or_old_one_opens_nothing(alice: User, bob: User) -> None:
    club = club_of(alice)
    join_invitations.invite(club, "new@example.org", "member", by=alice)
    first = link_in_mail().split("/")[-2]
    again = join_invitations.invite(club, "NEW@example.org ", "billing", by=alice)
    second = link_in_mail().split("/")[-2]
    assert join_invitations.find(first) is None and join_invitations.find(second) == again
    assert join_invitations.revoke(club, again.pk) and not join_invitations.revoke(club, again.pk)
    assert join_invitations.find(second) is None
    assert first not in str(list(OrganizationInvitation.objects.values()))
    join_invitations.invite(club, "old@example.org", "member", by=alice)
    third = link_in_mail().split("/")[-2]
    OrganizationInvitation.objects.update(expires_at="2020-01-01T00:00:00Z")
    with pytest.raises(management.CannotDo):
        join_invitations.accept(third, bob)


def test_the_last_owner_stays(alice: User, bob: User) -> None:
    club = club_of(alice, member=bob)
    mine = Membership.objects.get(account=club, user=alice)
    for deed in (
        lambda: management.leave(alice, club),
        lambda: management.give_role(club, mine.pk, "member", by=alice),
        lambda: management.remove(club, alice, by=alice),
    ):
        with pytest.raises(management.CannotDo):
            deed()
    management.give_role(club, Membership.objects.get(account=club, user=bob).pk, "owner", by=alice)
    management.leave(alice, club)
    assert roles.role_of(alice, club) == ""


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_remove_each_other_leave_one(alice: User, bob: User) -> None:
    club = club_of(alice, owner=bob)

    def remove(who: User, by: User) -> None:
        try:
            management.remove(club, who, by=by)
        except management.CannotDo:
            pass
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=remove, args=[alice, bob]),
        threading.Thread(target=remove, args=[bob, alice]),
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert Membership.objects.filter(account=club, role="owner").count() == 1


def test_who_is_removed_while_they_ask_for_a_token_gets_none(alice: User, bob: User) -> None:
    club = club_of(alice, member=bob)
    management.act_for(bob, club.pk)
    asking = User.objects.select_related("account").get(pk=bob.pk)
    management.remove(club, bob, by=alice)
    # The request was read before, and makes its token after.
    assert asking.account == club
    with pytest.raises(api_tokens.CannotIssue, match="do not act for this account any more"):
        api_tokens.issue(asking, "kept")
    assert not ApiToken.objects.usable().filter(account=club).exists()


def test_who_is_removed_has_no_way_back_in(alice: User, bob: User, client_of: ClientOf) -> None:
    club = club_of(alice, member=bob)
    theirs = bearer(bob, club)
    assert Client().get("/api/me", headers=theirs).json()["account"]["id"] == club.pk
    number = Membership.objects.get(account=club, user=bob).pk
    client_of(alice).post(f"/account/organizations/{club.pk}/remove/", {"number": number})
    bob.refresh_from_db()
    assert bob.account_id == management.personal_account_of(bob).pk != club.pk
    assert Client().get("/api/me", headers=theirs).status_code == 401
    client = client_of(bob)
    assert client.get(f"/account/organizations/{club.pk}/").status_code == 404
    assert client.post("/account/act/", {"account": club.pk}).status_code == 404
    bob.refresh_from_db()
    assert bob.account_id != club.pk
    assert "no member of Studio Nord" in client.get("/account/notices/").content.decode()


def test_a_members_limit_holds_and_counts_by_member(alice: User, bob: User) -> None:
    club = club_of(alice, member=bob)
    management.set_limit(club, Membership.objects.get(account=club, user=bob).pk, 2 * MICRO)
    credits.hold(club.pk, 2 * MICRO, "bobs-first", member=bob)
    with pytest.raises(credits.AccountLimitReached), transaction.atomic():
        credits.hold(club.pk, MICRO, "bobs-second", member=bob)
    credits.hold(club.pk, 50 * MICRO, "alices", member=alice)
    credits.settle(club.pk, "bobs-first", MICRO)
    credits.hold(club.pk, MICRO, "bobs-third", member=bob)
    assert not list(checks.breaches(quick=False))


def test_the_limit_is_tripped_by_a_request(alice: User, bob: User) -> None:
    loader.load()
    version = lookup.find_version("lucataco/flux-schnell-lora")
    assert version is not None
    club = club_of(alice, member=bob)
    management.set_limit(club, Membership.objects.get(account=club, user=bob).pk, 0)
    asked = {"version": version.pk, "input": {"prompt": "a pier"}}
    answer = Client().post(
        "/v1/predictions", asked, content_type="application/json", headers=bearer(bob, club)
    )
    assert answer.status_code == 402, answer.content
    assert "limit" in answer.json()["detail"]


ROLES = ("owner", "billing", "member")
# Addresses, how and with what they are asked, and the roles that are let in. The others are refused with words: 403.
DEEDS: list[tuple[str, str, dict[str, Any], set[str]]] = [
    ("GET", "/account/", {}, {"owner", "billing"}),
    ("GET", "/account/statement.csv", {}, {"owner", "billing"}),
    ("GET", "/account/limits/", {}, {"owner", "billing"}),
    ("GET", "/account/usage/", {}, {"owner", "billing"}),
    ("GET", "/account/usage.csv", {}, {"owner", "billing"}),
    ("POST", "/account/redeem/", {"code": "DR-0000-0000-0000-0000"}, {"owner", "billing"}),
    ("GET", "/account/credits/", {}, {"owner", "billing"}),
    ("GET", "/account/webhooks/secret/", {}, {"owner"}),
    ("POST", "/account/webhooks/rotate/", {}, {"owner"}),
    ("GET", "/account/organizations/{club}/", {}, {"owner", "billing", "member"}),
    ("POST", "/account/organizations/{club}/rename/", {"name": "Ours"}, {"owner"}),
    (
        "POST",
        "/account/organizations/{club}/invite/",
        {"email": "x@example.org", "role": "member"},
        {"owner"},
    ),
    ("POST", "/account/organizations/{club}/role/", {"number": "{owner}", "role": "owner"}, {"owner"}),
    ("POST", "/account/organizations/{club}/limit/", {"number": "{owner}", "month": "5"}, {"owner"}),
    ("POST", "/account/organizations/{club}/remove/", {"number": "{owner}"}, {"owner"}),
    ("POST", "/account/organizations/{club}/revoke/", {"number": "1"}, {"owner"}),
    ("GET", "/library/", {}, {"owner", "billing", "member"}),
    ("GET", "/studio/", {}, {"owner", "billing", "member"}),
    ("GET", "/account/tokens/", {}, {"owner", "billing", "member"}),
]


# Each by one of the three roles in a run.
@pytest.mark.parametrize(
    ("method", "path", "data", "allowed", "role"),
    [(*deed, role) for deed in DEEDS for role in one_of(ROLES, of=deed[:2])],
)
def test_each_page_is_for_its_roles(
    method: str, path: str, data: dict[str, Any], allowed: set[str], role: str, alice: User, bob: User,
    client_of: ClientOf,
) -> None:  # fmt: skip
    club = club_of(alice, **{role: bob})
    management.act_for(bob, club.pk)
    number = Membership.objects.get(account=club, user=alice).pk
    client = client_of(bob)
    sent = {name: value.format(owner=number) for name, value in data.items()}
    answer = getattr(client, method.lower())(path.format(club=club.pk), sent)
    if role in allowed:
        assert answer.status_code in (200, 302, 422), answer.status_code
    else:
        assert answer.status_code == 403
        assert "Only owners" in answer.content.decode()


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("post", "invitations", {"email": "nonsense"}, "email"),
        ("post", "invitations", {"email": "charlie@example.org"}, "email"),
        ("patch", "", {"name": "   "}, "name"),
    ],
)
def test_the_api_names_what_is_wrong_about_an_invitation_or_a_name(
    method: str, path: str, body: dict[str, Any], field: str, alice: User, charlie: User
) -> None:
    club = club_of(alice, owner=charlie)
    User.objects.filter(pk=charlie.pk).update(email="charlie@example.org")
    address = f"/api/organizations/{club.pk}/{path}".rstrip("/")
    answer = getattr(Client(), method)(
        address, body, content_type="application/json", headers=bearer(alice, club)
    )
    assert answer.status_code in (400, 409) and list(answer.json()["faults"]) == [field]


API: list[tuple[str, str, dict[str, Any], set[str]]] = [
    ("get", "/api/me", {}, {"owner", "billing", "member"}),
    ("get", "/api/ledger", {}, {"owner", "billing"}),
    ("get", "/api/usage", {}, {"owner", "billing"}),
    ("post", "/api/redeem", {"code": "DR-0000-0000-0000-0000"}, {"owner", "billing"}),
    ("get", "/api/webhooks/secret", {}, {"owner"}),
    ("get", "/v1/webhooks/default/secret", {}, {"owner"}),
    ("get", "/api/organizations", {}, {"owner", "billing", "member"}),
    ("get", "/api/organizations/{club}", {}, {"owner", "billing", "member"}),
    ("patch", "/api/organizations/{club}", {"name": "Ours"}, {"owner"}),
    ("get", "/api/organizations/{club}/members", {}, {"owner", "billing", "member"}),
    ("patch", "/api/organizations/{club}/members/{member}", {"role": "owner"}, {"owner"}),
    ("delete", "/api/organizations/{club}/members/{member}", {}, {"owner"}),
    ("get", "/api/organizations/{club}/invitations", {}, {"owner"}),
    ("post", "/api/organizations/{club}/invitations", {"email": "x@example.org"}, {"owner"}),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "allowed", "role"),
    [
        # By the names that `tests/runner/sqlite_only.txt` has.
        pytest.param(*asked, role, id=f"{asked[0]}-{asked[1]}-body{number}-allowed{number}-{role}")
        for number, asked in enumerate(API)
        for role in one_of(ROLES, of=asked[:2])
    ],
)
def test_the_api_keeps_to_the_same_roles(
    method: str, path: str, body: dict[str, Any], allowed: set[str], role: str, alice: User, bob: User, charlie: User
) -> None:  # fmt: skip
    club = club_of(alice, **{role: bob})
    other = Membership.objects.create(account=club, user=charlie, role="member")
    address = path.format(club=club.pk, member=other.pk)
    headers = bearer(bob, club)
    ask = getattr(Client(), method)
    answer = (
        ask(address, body, content_type="application/json", headers=headers)
        if body
        else ask(address, headers=headers)
    )
    if role in allowed:
        assert answer.status_code not in (401, 403), answer.content
    else:
        assert answer.status_code == 403 and "Only owners" in answer.json()["detail"]


def test_a_member_cannot_make_themselves_an_owner(alice: User, bob: User, client_of: ClientOf) -> None:
    club = club_of(alice, member=bob)
    mine = Membership.objects.get(account=club, user=bob)
    client_of(bob).post(f"/account/organizations/{club.pk}/role/", {"number": mine.pk, "role": "owner"})
    headers = bearer(bob, club)
    address = f"/api/organizations/{club.pk}/members/{mine.pk}"
    Client().patch(address, {"role": "owner"}, content_type="application/json", headers=headers)
    mine.refresh_from_db()
    assert mine.role == "member"


def test_a_stranger_finds_nothing(alice: User, bob: User, client_of: ClientOf) -> None:
    club = club_of(alice)
    client = client_of(bob)
    assert client.get(f"/account/organizations/{club.pk}/").status_code == 404
    for deed in ("rename", "invite", "role", "limit", "remove", "leave", "revoke"):
        assert client.post(f"/account/organizations/{club.pk}/{deed}/", {"number": "1"}).status_code == 404
    assert client.get("/account/join/never-was-one/").status_code == 404
    assert Client().get(f"/api/organizations/{club.pk}", headers=bearer(bob)).status_code == 404
    assert Client().get(f"/api/organizations/{10**30}", headers=bearer(bob)).status_code == 404
    assert client.get(f"/account/organizations/{10**30}/").status_code == 404


def test_a_token_speaks_for_the_account_it_was_made_for(alice: User) -> None:
    own = bearer(alice)
    club = club_of(alice)
    management.act_for(alice, club.pk)
    assert Client().get("/api/me", headers=own).json()["account"]["kind"] == "user"
    assert Client().get("/api/organizations", headers=own).json() == []
    assert Client().get(f"/api/organizations/{club.pk}", headers=own).status_code == 404
    answer = Client().post("/api/organizations", {"name": "x"}, content_type="application/json", headers=own)
    assert answer.status_code == 403


def test_a_token_sees_and_makes_collections_of_its_own_account_alone(alice: User) -> None:
    own, club = management.personal_account_of(alice), management.create(alice, "club")
    Collection.objects.create(account=own, user=alice, title="alice's own")
    headers = bearer(alice, club)
    management.act_for(alice, own.pk)
    assert Client().get("/api/collections", headers=headers).json()["results"] == []
    made = Client().post(
        "/api/collections", {"title": "ours"}, content_type="application/json", headers=headers
    )
    assert Collection.objects.get(public_id=made.json()["id"]).account == club
    assert User.objects.get(pk=alice.pk).account == own, "the account they act for on the pages stays"


def test_names_and_numbers_that_are_none_are_refused(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    assert client.post("/account/organizations/", {"name": " \x00 "}).status_code == 422
    club = club_of(alice)
    mine = Membership.objects.get(account=club, user=alice).pk
    page = f"/account/organizations/{club.pk}"
    for month in ("-1", "nan", "1e9", "9" * 30, "²"):
        assert client.post(f"{page}/limit/", {"number": mine, "month": month}).status_code == 422, month
    for email in ("", "nobody", "a@b", "x" * 300 + "@example.org", "a@example.org\nBcc: b@example.org"):
        assert client.post(f"{page}/invite/", {"email": email, "role": "member"}).status_code == 422, email
    assert client.post(f"{page}/invite/", {"email": "c@example.org", "role": "king"}).status_code == 422
    assert client.post(f"{page}/unknown/").status_code == 404
    assert client.post("/account/act/", {"account": "9" * 40}).status_code == 404


def test_founding_has_its_limits_and_its_switch(alice: User) -> None:
    site_rules.change(organizations_owned=1)
    club_of(alice)
    with pytest.raises(management.CannotDo):
        management.create(alice, "another")
    site_rules.change(switches_off=["organizations"])
    with pytest.raises(management.CannotDo, match="switched off"):
        management.create(alice, "another")


@pytest.mark.parametrize("how", ["removed", "demoted"])
def test_nobody_comes_back_as_an_owner_by_a_link_of_their_own(how: str, alice: User, bob: User) -> None:
    club = club_of(alice, owner=bob)
    join_invitations.invite(club, "bobs-other@example.org", "owner", by=bob)
    join_invitations.invite(club, "somebody@example.org", "member", by=alice)
    if how == "removed":
        management.remove(club, bob, by=alice)
    else:
        management.give_role(club, Membership.objects.get(account=club, user=bob).pk, "member", by=alice)
    assert [one.email for one in join_invitations.pending(club)] == ["somebody@example.org"]


def test_who_is_removed_while_they_ask_does_nothing_any_more(alice: User, bob: User, charlie: User) -> None:
    club = club_of(alice, owner=bob)
    mate = Membership.objects.create(account=club, user=charlie, role="member")
    management.remove(club, bob, by=alice)
    # The page has asked for bob's role before he was removed.
    with pytest.raises(roles.NotYourRole):
        join_invitations.invite(club, "bobs-other@example.org", "owner", by=bob)
    with pytest.raises(roles.NotYourRole):
        management.give_role(club, mate.pk, "owner", by=bob)
    mate.refresh_from_db()
    assert mate.role == "member" and not join_invitations.pending(club).exists()


def test_a_mailbox_is_not_filled_from_here(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    club = club_of(alice)
    for _time in range(join_invitations.MAX_PER_ADDRESS):
        join_invitations.invite(club, "someone@example.org", "member", by=alice)
    with pytest.raises(management.CannotDo):
        join_invitations.invite(
            management.create(alice, "another"), "Someone@example.org", "member", by=alice
        )
    monkeypatch.setattr(join_invitations, "MAX_PER_DAY", join_invitations.MAX_PER_ADDRESS + 1)
    join_invitations.invite(club, "else@example.org", "member", by=alice)
    with pytest.raises(management.CannotDo):
        join_invitations.invite(club, "third@example.org", "member", by=alice)
