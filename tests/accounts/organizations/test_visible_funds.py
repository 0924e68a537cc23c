"""Who sees an organisation's money: owners and billing members all of it, plain members what is left of their limit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts import credits
from accounts.models import MICRO, Account, Membership, User
from accounts.organizations import management, visible_funds
from accounts.tokens import api_tokens
from gallery.live import poller
from predictions.models import Version
from tests import factories
from tests.accounts.organizations.test_organizations import bearer, club_of
from tests.fakes import provider
from tests.runner.sampling import one_of

__all__ = ["provider"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider")]
ClientOf = Callable[[User], Client]
JSON = "application/json"
HAS = 7654
"""Credits of the organisation: a number that nothing else on a page is."""
SHOWN = ("7,654", "7654")
PAGES = [
    "/",
    "/studio/",
    "/library/",
    "/account/tokens/",
    "/account/organizations/{club}/",
    "/account/organizations/",
]


@pytest.fixture
def version(db: None) -> Version:
    return factories.make_version()


def limited(club: Account, user: User, credit: float | None) -> Membership:
    member = Membership.objects.get(account=club, user=user)
    management.set_limit(club, member.pk, None if credit is None else int(credit * MICRO))
    return member


@pytest.mark.parametrize(
    ("path", "role"),
    [(path, role) for path in PAGES for role in (*one_of(("owner", "billing"), of=path), "member")],
)
def test_pages_show_the_balance_to_those_who_mind_it(
    path: str, role: str, alice: User, bob: User, version: Version, client_of: ClientOf
) -> None:
    club = club_of(alice, credit=HAS, **{role: bob})
    management.act_for(bob, club.pk)
    shown = client_of(bob).get(path.format(club=club.pk), follow=True).content.decode()
    assert any(one in shown for one in SHOWN) == (role != "member")


@pytest.mark.parametrize("role", ["owner", "billing", "member"])
def test_the_api_tells_it_to_the_same(role: str, alice: User, bob: User, version: Version) -> None:
    club = club_of(alice, credit=HAS, **{role: bob})
    limited(club, bob, 20)
    credits.hold(club.pk, 5 * MICRO, "a-picture", member=bob)
    headers = bearer(bob, club)
    body = {"version": version.pk, "input": {"prompt": "a pier"}}
    me = Client().get("/api/me", headers=headers).json()
    listed = Client().get("/api/organizations", headers=headers).json()[0]
    one = Client().get(f"/api/organizations/{club.pk}", headers=headers).json()
    quoted = Client().post("/api/quotes", body, content_type=JSON, headers=headers).json()
    batch = Client().post("/api/quotes/batch", {"wishes": [body]}, content_type=JSON, headers=headers).json()
    has = None if role == "member" else (HAS - 5) * MICRO
    assert [answer["balance"] for answer in (listed, one, quoted)] == [has] * 3, batch
    assert batch.get("balance") == has, batch
    # Always numbers, which frontends reckon with: of a plain member what is left of their limit.
    mine = (15 * MICRO, 0) if role == "member" else (has, 5 * MICRO)
    assert (me["balance"], me["held"]) == mine
    assert {answer["month_left"] for answer in (me, listed, one)} == {15 * MICRO}


def test_an_account_of_ones_own_is_ones_own(alice: User) -> None:
    factories.give(alice, 3)
    seen = visible_funds.for_user(alice, factories.account_of(alice))
    assert (seen.balance, seen.limit, seen.left) == (factories.account_of(alice).balance, None, None)


def test_a_member_sees_what_is_left_of_their_own_limit(alice: User, bob: User, client_of: ClientOf) -> None:
    club = club_of(alice, credit=HAS, member=bob)
    limited(club, bob, 20)
    credits.hold(club.pk, 5 * MICRO, "a-picture", member=bob)
    credits.settle(club.pk, "a-picture", 2 * MICRO)
    management.act_for(bob, club.pk)
    client = client_of(bob)
    page = client.get(f"/account/organizations/{club.pk}/").content.decode()
    for path in ("/account/", "/account/usage/", "/account/limits/"):
        assert f'href="{path}"' not in page, "what they may not see leads nowhere"
    assert "18 credits of 20 credits" in page, page
    assert "<b>18.0</b>" in client.get("/studio/").content.decode()


def test_the_list_of_tokens_says_which_spend_an_organisations_credits(
    alice: User, client_of: ClientOf
) -> None:
    api_tokens.issue(alice, "mine")
    club = club_of(alice)
    management.act_for(alice, club.pk)
    api_tokens.issue(alice, "ours")
    page = client_of(alice).get("/account/tokens/").content.decode()
    said = '<span class="badge accent">Studio Nord</span>'
    assert f"<strong>ours</strong> {said}" in page and page.count(said) == 1


@pytest.mark.parametrize("role", ["owner", "billing", "member"])
def test_the_limits_of_others_are_for_those_who_mind_the_money(role: str, alice: User, bob: User) -> None:
    club = club_of(alice, **{role: bob})
    limited(club, alice, 30)
    limited(club, bob, 20)
    listed = Client().get(f"/api/organizations/{club.pk}/members", headers=bearer(bob, club)).json()
    shown = {one["username"]: one["month_limit"] for one in listed["results"]}
    assert shown == {"bob": 20 * MICRO, "alice": None if role == "member" else 30 * MICRO}


def _ask(user: User, version: Version, client_of: ClientOf) -> str:
    form = {"model": version.model.ref, "switches": "1", "prompt": "a pier"}
    answer = client_of(user).post("/studio/make/", form)
    assert answer.status_code == 422
    return answer.content.decode()


def test_the_studio_says_what_is_lacking_without_saying_what_there_is(
    alice: User, bob: User, client_of: ClientOf
) -> None:
    version = factories.make_version(price=9000 * MICRO)
    club = club_of(alice, credit=HAS, member=bob)
    management.act_for(bob, club.pk)
    said = _ask(bob, version, client_of)
    assert "your organisation has less" in said and not any(one in said for one in SHOWN)
    limited(club, bob, 33)
    said = _ask(bob, version, client_of)
    assert "33.0 are left of your limit" in said and not any(one in said for one in SHOWN)


@pytest.mark.parametrize("role", ["owner", "member"])
def test_a_limit_of_the_organisation_tells_its_numbers_to_those_who_see_its_money(
    role: str, alice: User, bob: User, client_of: ClientOf
) -> None:
    version = factories.make_version(price=5 * MICRO)
    club = club_of(alice, credit=HAS, **{role: bob})
    credits.limit_account(club, day=4_321_000, month=None)
    headers = bearer(bob, club)
    body = {"version": version.pk, "input": {"prompt": "a pier"}}
    made = Client().post("/v1/predictions", body, content_type=JSON, headers=headers)
    quoted = Client().post("/api/quotes", body, content_type=JSON, headers=headers).json()
    studio = _ask(bob, version, client_of)
    assert made.status_code == 402 and quoted["enough"] is False
    for answer in (made.json()["detail"], quoted["objection"]):
        assert "spending limit of this account" in answer and ("4.321" in answer) == (role == "owner"), answer
    assert ("4.3 are left of the account" in studio) == (role == "owner")
    assert ("limit of your organisation leaves less" in studio) == (role == "member")


@pytest.mark.parametrize("role", ["owner", "member"])
def test_the_stream_tells_the_balance_to_those_who_see_it(
    role: str, alice: User, bob: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    club = club_of(alice, credit=HAS, **{role: bob})
    management.act_for(bob, club.pk)
    looks = poller.Reader(limit=10)
    monkeypatch.setattr(looks, "_start", lambda: None)
    monkeypatch.setattr(poller, "reader", lambda: looks)
    looks.visit(club.pk)
    looks.poll_once()
    answer = client_of(bob).get("/live/?after=").json()
    assert any(one in str(answer) for one in SHOWN) == (role == "owner"), answer
