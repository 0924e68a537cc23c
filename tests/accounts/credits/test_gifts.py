"""Gifts between members: once, never more than there is, never of what was given for a start."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from operator import itemgetter
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts import credits
from accounts.audit import checks
from accounts.credits import allowances, gifts
from accounts.models import MICRO, Account, Gift, Invitation, LedgerEntry, Membership, Notice, Plan, User
from accounts.organizations import management
from accounts.registration import welcome_credits
from accounts.site import site_rules
from accounts.tokens import api_tokens
from tests import factories
from tests.runner.sampling import one_in_each
from tests.support.races import together

ClientOf = Callable[[User], Client]
ONCE = "0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _gifts_are_allowed(db: None) -> None:
    site_rules.change(gifts=True)


def give(giver: User, to: str, amount: int = MICRO, key: str = "k", words: str = "") -> Gift:
    return gifts.give(giver, factories.account_of(giver), to=to, amount=amount, key=key, words=words)[0]


def balance(user: User) -> int:
    return factories.account_of(user).balance


def refused(giver: User, to: str, amount: int = MICRO, key: str = "k") -> str:
    with pytest.raises(gifts.CannotGive) as error:
        give(giver, to, amount, key)
    return error.value.why.value


def send(client: Client, **form: str) -> Any:
    return client.post("/account/gifts/", {"to": "bob", "amount": "5", "words": "", "once": ONCE} | form)


def test_a_gift_moves_credits_and_tells_both(alice: User, bob: User, client_of: ClientOf) -> None:
    answer = send(client_of(alice), amount="12.5", words="for the poster")
    assert answer.status_code == 302
    assert (balance(alice), balance(bob)) == (87_500_000, 112_500_000)
    rows = LedgerEntry.objects.filter(kind="gift").order_by("id")
    assert [(row.balance_delta, row.reason) for row in rows] == [
        (-12_500_000, "for the poster"),
        (12_500_000, "for the poster"),
    ]
    assert Notice.objects.get(user=bob).kind == "credits.gift.words"
    assert Notice.objects.get(user=alice).kind == "credits.gift.sent"
    assert list(checks.breaches()) == []


def test_a_form_sent_twice_gives_once(alice: User, bob: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    shown = re.search(r'name="once" value="([0-9a-f]{24})"', client.get("/account/gifts/").content.decode())
    assert shown is not None
    assert [send(client, once=shown[1]).status_code for _time in range(2)] == [302, 302]
    assert balance(bob) == 105 * MICRO
    assert send(client, once=shown[1], amount="6").status_code == 422
    assert balance(bob) == 105 * MICRO


@pytest.mark.parametrize(
    ("field", "value"),
    one_in_each(4, [
        ("amount", "0"), ("amount", "-5"), ("amount", "1e3"), ("amount", "NaN"), ("amount", "Infinity"),
        ("amount", "9" * 25), ("amount", "1000000001"), ("amount", "0.0000001"), ("amount", ""), ("amount", "five"),
        ("amount", "１２"), ("amount", "100.01"), ("to", ""), ("to", "nobody"), ("to", "alice"), ("to", "\x00"),
        ("to", "BOB"), ("words", "x" * 201), ("once", ""), ("once", "x"),
    ], itemgetter(0)),
)  # fmt: skip
def test_what_cannot_be_given_is_refused_naming_the_field(
    alice: User, bob: User, client_of: ClientOf, field: str, value: str
) -> None:
    answer = send(client_of(alice), **{field: value})
    assert answer.status_code == 422 and list(answer.context["form"].errors) == [field]
    assert (balance(alice), balance(bob)) == (100 * MICRO, 100 * MICRO)
    assert not Gift.objects.exists()


def test_a_house_without_gifts_has_no_such_page(alice: User, bob: User, client_of: ClientOf) -> None:
    site_rules.change(gifts=False)
    assert client_of(alice).get("/account/gifts/").status_code == 404
    assert refused(alice, "bob") == "off"


def test_welcome_credits_and_allowances_are_not_given_away(charlie: User, bob: User) -> None:
    site_rules.change(welcome_credits=50 * MICRO, gifts=True)
    welcome_credits.grant_welcome(charlie)
    account = factories.account_of(charlie)
    credits.allow(account, 30 * MICRO, reference="allowance-1")
    welcome_credits.grant_invited(charlie, Invitation.objects.create(digest="d", grant=20 * MICRO))
    assert balance(charlie) == 100 * MICRO and refused(charlie, "bob") == "not_to_give"
    credits.grant(account, 10 * MICRO, reason="won")
    assert refused(charlie, "bob", 11 * MICRO) == "not_to_give"
    give(charlie, "bob", 10 * MICRO)
    assert refused(charlie, "bob", 1, key="more") == "not_to_give"
    assert refused(charlie, "bob", 101 * MICRO, key="most") == "short"


def test_an_allowance_is_not_given_away_in_the_place_of_what_was_spent_before_it_came(
    charlie: User, bob: User
) -> None:
    account = factories.account_of(charlie)
    credits.grant(account, 100 * MICRO, reason="won")
    _work(account, 100 * MICRO)
    plan = Plan.objects.create(name="monthly", allowance=30 * MICRO)
    credits.set_plan(account, plan)
    allowances.renew(account.pk)
    assert balance(charlie) == 30 * MICRO and refused(charlie, "bob", 1) == "not_to_give"
    credits.grant(account, 10 * MICRO, reason="won again")
    # Work uses up the allowance first, and only then what may be given.
    _work(account, 25 * MICRO)
    assert gifts.giveable_balance(account) == 10 * MICRO
    _work(account, 7 * MICRO)
    assert gifts.giveable_balance(account) == 8 * MICRO
    give(charlie, "bob", 8 * MICRO)
    assert gifts.giveable_balance(account) == balance(charlie) == 0


def _work(account: Account, cost: int) -> None:
    reference = f"job-{LedgerEntry.objects.count()}"
    with transaction.atomic():
        credits.hold(account.pk, cost, reference)
        credits.settle(account.pk, reference, cost)


def test_the_limit_of_the_day_is_held(alice: User, bob: User) -> None:
    site_rules.change(gifts=True, gift_limit_day=20 * MICRO)
    give(alice, "bob", 15 * MICRO, "one")
    with pytest.raises(gifts.CannotGive) as error:
        give(alice, "bob", 6 * MICRO, "two")
    assert (error.value.why, error.value.left) == (gifts.RefusalReason.DAY, 5 * MICRO)
    give(alice, "bob", 5 * MICRO, "three")


def test_the_muted_the_suspended_and_the_banned_neither_give_nor_receive(
    alice: User, bob: User, charlie: User
) -> None:
    User.objects.filter(pk=alice.pk).update(muted_until=timezone.now() + timedelta(days=1))
    alice.refresh_from_db()
    assert refused(alice, "bob") == "muted"
    Account.objects.filter(pk=bob.account_id).update(status=Account.Status.SUSPENDED)
    assert refused(bob, "charlie") == "closed"
    assert refused(charlie, "bob") == "nobody"
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert refused(charlie, "bob") == "nobody"


def test_an_organisation_is_no_way_around_a_closed_account_of_ones_own(alice: User, bob: User) -> None:
    club = management.create(alice, "club")
    credits.grant(club, 10 * MICRO, reason="won")
    Account.objects.filter(pk=management.personal_account_of(alice).pk).update(
        status=Account.Status.SUSPENDED
    )
    with pytest.raises(gifts.CannotGive) as error:
        gifts.give(alice, club, to="bob", amount=MICRO, key="k")
    assert error.value.why == "closed" and balance(bob) == 100 * MICRO


@pytest.mark.parametrize("limit", ["day_limit", "month_limit", "total_limit"])
def test_a_token_that_may_spend_so_much_and_no_more_gives_nothing(alice: User, bob: User, limit: str) -> None:
    token, text = api_tokens.issue(alice, "limited")
    credits.limit(token, **dict.fromkeys(("day", "month", "total")) | {limit.removesuffix("_limit"): 1})
    answer = Client().post(
        "/api/gifts",
        json.dumps({"to": "bob", "amount": 50 * MICRO}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {text}", "Idempotency-Key": "k"},
    )
    assert answer.status_code == 403 and "spending limit" in answer.json()["detail"]
    assert (balance(alice), balance(bob)) == (100 * MICRO, 100 * MICRO)


@pytest.mark.parametrize("role", ["billing", "owner"])
def test_a_member_whose_spending_is_limited_gives_nothing_of_the_organisation(
    alice: User, bob: User, charlie: User, role: str
) -> None:
    shared = management.create(alice, "Studio Nord")
    credits.grant(shared, 100 * MICRO, reason="x")
    member = Membership.objects.create(account=shared, user=bob, role=role)
    program = {"Authorization": f"Bearer {api_tokens.issue(bob, account=shared, name='program')[1]}"}

    def send(key: str) -> Any:
        body, headers = {"to": "charlie", "amount": 20 * MICRO}, {**program, "Idempotency-Key": key}
        return Client().post("/api/gifts", json.dumps(body), content_type="application/json", headers=headers)

    credits.limit_member(member, month=MICRO)
    answer = send("one")
    assert answer.status_code == 403
    assert "spending limit" in answer.json()["detail"] and "Nothing was changed." in answer.json()["detail"]
    assert not Gift.objects.exists() and balance(charlie) == 0
    # The limit was about the organisation's credits, not about their own.
    assert give(bob, "charlie").amount == MICRO
    credits.limit_member(member, month=None)
    assert send("two").status_code == 201


def test_the_api_gives_once_for_each_key(
    alice: User, bob: User, bearer: Callable[[User], dict[str, str]]
) -> None:
    headers = bearer(alice)

    def post(body: Any, key: str = "k1") -> Any:
        sent = body if isinstance(body, str) else json.dumps(body)
        asked = headers | ({"Idempotency-Key": key} if key else {})
        return Client().post("/api/gifts", sent, content_type="application/json", headers=asked)

    body = {"to": "bob", "amount": 3 * MICRO, "words": "hi"}
    first, second = post(body), post(body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json() and first.json()["receiver"] == "bob"
    other = post(body | {"amount": 4 * MICRO})
    assert other.status_code == 409 and list(other.json()["faults"]) == ["Idempotency-Key"]
    # A program has no form that it could open again.
    assert "key" in other.json()["detail"] and "form" not in other.json()["detail"]
    assert post(body, key="").status_code == 400
    for wrong in (-1, 0, 1.5, 1e3, "5", True, None, 10**30):
        answer = post(body | {"amount": wrong}, key="k2")
        assert answer.status_code == 400 and "amount" in answer.json()["faults"], wrong
    assert post('{"to": "bob", "amount": NaN}', key="k2").status_code == 400
    assert post(body | {"to": "nobody"}, key="k2").status_code == 404
    assert post(body | {"amount": 500 * MICRO}, key="k2").status_code == 409
    assert balance(bob) == 103 * MICRO
    listed = Client().get("/api/gifts", headers=headers).json()["results"]
    assert [row["id"] for row in listed] == [first.json()["id"]]


def test_the_api_refuses_in_one_language_from_the_first_word_to_the_last(
    alice: User, bob: User, bearer: Callable[[User], dict[str, str]]
) -> None:
    site_rules.change(gifts=True, gift_limit_day=2 * MICRO)
    headers = bearer(alice) | {"Accept-Language": "zh-hans", "Idempotency-Key": "k"}
    requests: list[tuple[str, Any]] = [
        ("/api/redeem", {"code": "DR-AAAA-AAAA-AAAA-AAAA"}),
        ("/api/gifts", {"to": "bob", "amount": 5 * 10**12}),
        ("/api/gifts", {"to": "bob", "amount": 3 * MICRO}),
    ]
    for path, body in requests:
        answer = Client().post(path, body, content_type="application/json", headers=headers)
        detail = answer.json()["detail"]
        assert "没有改动。" in detail and not re.search("[a-z]{3}", detail), detail


def test_a_stranger_sees_no_gift(alice: User, bob: User, charlie: User, client_of: ClientOf) -> None:
    give(alice, "bob", words="between us")
    assert "between us" not in client_of(charlie).get("/account/gifts/").content.decode()
    assert "between us" in client_of(bob).get("/account/gifts/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_gifts_in_both_directions_at_once_never_make_or_lose_a_credit() -> None:
    one, other = factories.make_user(credit=20), factories.make_user(credit=20)
    calls = [partial(give, one, other.username, 3 * MICRO, f"a{n}") for n in range(10)]
    calls += [partial(give, other, one.username, 3 * MICRO, f"b{n}") for n in range(10)]
    results = together(calls)
    assert all(isinstance(result, Gift | gifts.CannotGive) for result in results), results
    assert balance(one) + balance(other) == 40 * MICRO
    assert Gift.objects.count() * 2 == LedgerEntry.objects.filter(kind="gift").count()
    assert list(checks.breaches()) == []


@pytest.mark.django_db(transaction=True)
def test_one_key_in_many_threads_gives_once() -> None:
    one, other = factories.make_user(credit=20), factories.make_user()
    results = together([partial(give, one, other.username, MICRO, "same") for _number in range(12)])
    assert len({result.pk for result in results}) == 1, results
    assert balance(other) == MICRO


def test_a_gift_to_a_member_is_the_members_whomever_they_act_for(alice: User, bob: User) -> None:
    before, club = balance(bob), management.create(bob, "club")
    management.act_for(bob, club.pk)
    made = give(alice, "bob", key="once")
    assert management.personal_account_of(bob).balance == before + MICRO
    assert Account.objects.get(pk=club.pk).balance == 0
    assert Notice.objects.filter(user=bob, kind="credits.gift").count() == 1
    assert give(alice, "bob", key="once") == made
